// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli): tells whether bytes that were stored came back as they
// were. No protection against somebody who means it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tracer {

/// Of `size` bytes; `before` is the result for those that stand ahead of them.
uint32_t crc32c(const void* bytes, size_t size, uint32_t before = 0);

/// The same without the processor's help, for tests.
uint32_t crc32c_plain(const void* bytes, size_t size, uint32_t before = 0);

}  // namespace tracer
