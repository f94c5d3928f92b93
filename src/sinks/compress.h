// SPDX-License-Identifier: Apache-2.0
//
// Compression of what leaves us: whole texts, and whole files. The only place
// that knows zlib, and zstd outside of recordings.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tracer::sinks {

enum class Compression { kNone, kGzip, kZstd };

/// What is put behind the name of a file that is compressed: ".gz", ".zst".
const char* ending_of(Compression compression);

/// `text` as a gzip member.
std::string gzip(std::string_view text);

/// Compresses what `from` holds into `to`, both open files, from where they
/// stand. Gives up when `stop` is set: false then.
Result<bool> compress_file(int from, int to, Compression compression,
                           const std::atomic<bool>& stop);

}  // namespace tracer::sinks
