// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>

namespace tracer::log {
namespace {

spdlog::logger& logger() {
  // No colours: a line of ours may stand between lines of the traced command.
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>(
        "tracer", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("tracer: %v");
    made->set_level(spdlog::level::info);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum level_of(Level level) {
  constexpr std::array kLevels = {spdlog::level::debug, spdlog::level::info,
                                  spdlog::level::warn, spdlog::level::err};
  return kLevels[static_cast<size_t>(level)];
}

/// Bytes of the UTF-8 character that `text` begins with; 0 if it is none.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  const size_t length = first < 0xc2   ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return 0;
    }
  }
  // Overlong forms, surrogates and what is beyond U+10FFFF.
  const unsigned second = byte(1);
  const bool none =
      (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
  return none ? 0 : length;
}

/// U+0080 to U+009F are controls too, to some terminals.
bool is_control(std::string_view character) {
  const auto byte = static_cast<unsigned char>(character.back());
  return character.size() == 1
             ? byte < 0x20 || byte == 0x7f
             : character.size() == 2 && character[0] == '\xc2' && byte < 0xa0;
}

std::atomic<bool> as_json{false};

/// Printable text as it stands between the quotes of JSON.
std::string json_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  }
  return out;
}

void say(Level level, std::string_view text) {
  if (enabled(level)) {
    logger().log(level_of(level), "{}",
                 as_json ? json_text(printable(text)) : printable(text, true));
  }
}

}  // namespace

void set_level(Level level) {
  logger().set_level(level_of(level));
}

void set_json(bool on) {
  as_json = on;
  logger().set_pattern(
      on ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","msg":"%v"})"
         : "tracer: %v");
}

bool enabled(Level level) {
  return logger().should_log(level_of(level));
}

void debug(std::string_view text) {
  say(Level::kDebug, text);
}
void note(std::string_view text) {
  say(Level::kNote, text);
}
void warn(std::string_view text) {
  say(Level::kWarn, text);
}
void error(std::string_view text) {
  say(Level::kError, text);
}

std::string printable(std::string_view text, bool keep_lines) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = character_length(text);
    const std::string_view character =
        text.substr(0, std::max<size_t>(length, 1));
    text.remove_prefix(character.size());
    const char first = character[0];
    const bool line = keep_lines && (first == '\n' || first == '\t');
    if (line || (length > 0 && !is_control(character))) {
      out += character;
      continue;
    }
    for (const char c : character) {
      const auto byte = static_cast<unsigned char>(c);
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace tracer::log
