// SPDX-License-Identifier: Apache-2.0
//
// Is a text JSON? As RFC 8259 has it and nothing more.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "format/text.h"

namespace tracer::format {

class StrictJson {
 public:
  static bool is_valid(std::string_view text) {
    StrictJson json(text);
    return tracer_utf8_valid(text.data(), text.size()) != 0 && json.value() &&
           json.rest_.empty();
  }

 private:
  explicit StrictJson(std::string_view text) : rest_(text) {}

  bool take(std::string_view word) {
    const bool found = rest_.substr(0, word.size()) == word;
    rest_.remove_prefix(found ? word.size() : 0);
    return found;
  }
  bool digits() {
    const size_t count = rest_.find_first_not_of("0123456789");
    rest_.remove_prefix(std::min(count, rest_.size()));
    return count > 0;
  }
  bool number() {
    take("-");
    if (rest_.empty() || (!take("0") && !digits())) {
      return false;
    }
    if (take(".") && (rest_.empty() || !digits())) {
      return false;
    }
    if (take("e") || take("E")) {
      if (!take("+")) {
        take("-");
      }
      return !rest_.empty() && digits();
    }
    return true;
  }
  bool string() {
    if (!take("\"")) {
      return false;
    }
    while (!rest_.empty()) {
      if (take("\"")) {
        return true;
      }
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (byte < 0x20 || (byte == '\\' && !escape())) {
        return false;
      }
    }
    return false;
  }
  bool escape() {
    if (rest_.empty()) {
      return false;
    }
    const char letter = rest_.front();
    rest_.remove_prefix(1);
    if (letter != 'u') {
      return strchr("\"\\/bfnrt", letter) != nullptr && letter != '\0';
    }
    const bool hex =
        rest_.size() >= 4 && rest_.substr(0, 4).find_first_not_of(
                                 "0123456789abcdefABCDEF") == rest_.npos;
    rest_.remove_prefix(hex ? 4 : 0);
    return hex;
  }
  bool member(bool named) { return !named || (string() && take(":")); }
  bool list(std::string_view end, bool named) {
    if (take(end)) {
      return true;
    }
    do {
      if (!member(named) || !value()) {
        return false;
      }
    } while (take(","));
    return take(end);
  }
  bool value() {
    if (take("{")) {
      return list("}", true);
    }
    if (take("[")) {
      return list("]", false);
    }
    if (take("true") || take("false") || take("null")) {
      return true;
    }
    return !rest_.empty() && (rest_.front() == '"' ? string() : number());
  }

  std::string_view rest_;
};

}  // namespace tracer::format
