// SPDX-License-Identifier: Apache-2.0
#include "sinks/loki_batch.h"

#include <cstdio>

namespace tracer::sinks {
namespace {

/// The length of the UTF-8 character that `text` begins with, 0 if it begins
/// with none.
size_t character(std::string_view text) {
  const auto at = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = at(0);
  const auto follows = [&](size_t i, unsigned low = 0x80,
                           unsigned high = 0xbf) {
    return at(i) >= low && at(i) <= high;
  };
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc2 && first <= 0xdf) {
    return follows(1) ? 2 : 0;
  }
  if (first >= 0xe0 && first <= 0xef) {
    // Neither longer than needed nor a surrogate.
    const bool second =
        follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second =
        follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, char c) {
  char escape[8];
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    default:
      snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
  }
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const char c = text[0];
    const size_t size = character(text);
    if (size == 0) {
      out += "\xef\xbf\xbd";
    } else if (size == 1 && (c == '"' || c == '\\' || (c >= 0 && c < ' '))) {
      append_escaped(out, c);
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  out += '"';
}

void LokiBatch::add(uint64_t time, uint32_t stream, std::string_view line,
                    Moment now) {
  if (entries_.empty()) {
    began_ = now;
  }
  text_ += line;
  entries_.push_back({.time = time,
                      .stream = stream,
                      .size = static_cast<uint32_t>(line.size())});
}

std::string LokiBatch::body(const std::vector<std::string>& streams) const {
  std::vector<std::string> values(streams.size());
  std::string_view text = text_;
  for (const Entry& entry : entries_) {
    std::string& of_stream = values[entry.stream];
    of_stream += of_stream.empty() ? "[\"" : ",[\"";
    of_stream += std::to_string(entry.time);
    of_stream += "\",";
    append_json(of_stream, text.substr(0, entry.size));
    of_stream += ']';
    text.remove_prefix(entry.size);
  }
  std::string body = R"({"streams":[)";
  bool first = true;
  for (size_t i = 0; i < streams.size(); ++i) {
    if (!values[i].empty()) {
      body += first ? R"({"stream":)" : R"(,{"stream":)";
      body += streams[i];
      body += R"(,"values":[)";
      body += values[i];
      body += "]}";
      first = false;
    }
  }
  return body + "]}";
}

}  // namespace tracer::sinks
