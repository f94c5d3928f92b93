// SPDX-License-Identifier: Apache-2.0
//
// Everything that the program says to its user besides results, on stderr,
// through spdlog. Lines start with "tracer: ", or are JSON; control bytes in
// them are escaped, for they may hold names from other processes.
//
// note() is what a user should know (off with -q), warn() what is wrong but
// not fatal, error() the one line before a non-zero status, debug() for -v.
#pragma once

#include <string>
#include <string_view>

namespace tracer::log {

enum class Level { kDebug, kNote, kWarn, kError };

/// Lines below `level` are not printed. The default is kNote.
void set_level(Level level);
[[nodiscard]] bool enabled(Level level);

/// From now on each line is an object with time, level and msg.
void set_json(bool on);

void debug(std::string_view text);
void note(std::string_view text);
void warn(std::string_view text);
void error(std::string_view text);

/// `text` with control characters, and bytes that are not UTF-8, as \xNN;
/// line feeds and tabs stay where `keep_lines`.
std::string printable(std::string_view text, bool keep_lines = false);

}  // namespace tracer::log
