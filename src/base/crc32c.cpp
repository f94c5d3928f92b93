// SPDX-License-Identifier: Apache-2.0
#include "base/crc32c.h"

#include <array>
#include <cstring>

namespace tracer {
namespace {

// The polynomial 0x1edc6f41 with its bits in reverse order.
constexpr uint32_t kPolynomial = 0x82f63b78;

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    }
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = make_table();

using Function = uint32_t (*)(const void*, size_t, uint32_t);

#if defined(__x86_64__)
// Twenty times as fast as the table; in every processor since 2009.
__attribute__((target("sse4.2"))) uint32_t crc32c_sse42(const void* bytes,
                                                        size_t size,
                                                        uint32_t before) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  uint64_t crc = ~before;
  for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t)) {
    uint64_t word = 0;
    memcpy(&word, at, sizeof word);
    crc = __builtin_ia32_crc32di(crc, word);
    at += sizeof word;
  }
  auto rest = static_cast<uint32_t>(crc);
  for (; size > 0; --size) {
    rest = __builtin_ia32_crc32qi(rest, *at++);
  }
  return ~rest;
}

Function fastest() {
  return __builtin_cpu_supports("sse4.2") ? crc32c_sse42 : crc32c_plain;
}
#else
Function fastest() {
  return crc32c_plain;
}
#endif

}  // namespace

uint32_t crc32c_plain(const void* bytes, size_t size, uint32_t before) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  uint32_t crc = ~before;
  for (; size > 0; --size) {
    crc = (crc >> 8) ^ kTable[(crc ^ *at++) & 0xff];
  }
  return ~crc;
}

uint32_t crc32c(const void* bytes, size_t size, uint32_t before) {
  static const Function function = fastest();
  return function(bytes, size, before);
}

}  // namespace tracer
