// SPDX-License-Identifier: Apache-2.0
//
// Small text work that has nothing to do with tracing: numbers with units as
// people type them, and what they may have meant when they mistyped.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tracer {

/// A whole decimal number within the type's range, nothing before or after.
std::optional<int64_t> parse_int(std::string_view text);

/// "4096", "64k", "8M", "1G": bytes, powers of 1024.
std::optional<uint64_t> parse_size(std::string_view text);

/// "10", "10s", "1.5s", "250ms", "5m", "1h"; a plain number means seconds.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// "2026-03-01T12:00:00.123456789Z" as time since 1970; the fraction and the Z
/// may be left out, it is UTC all the same. Up to the year 2255.
std::optional<std::chrono::nanoseconds> parse_iso_time(std::string_view text);

/// The one of `candidates` that `word` is probably meant to be, or nothing
/// where none is near.
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

std::vector<std::string> split(std::string_view text, char separator);

/// "1 process", "2 processes".
std::string counted(uint64_t number, std::string_view one,
                    std::string_view many);

/// 2000003 → "2,000,003".
std::string with_commas(uint64_t number);

}  // namespace tracer
