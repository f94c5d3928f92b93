// SPDX-License-Identifier: Apache-2.0
#include "base/words.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>

namespace tracer {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1,
                         diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<int64_t> parse_int(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<uint64_t> parse_size(std::string_view text) {
  uint64_t value = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc()) {
    return std::nullopt;
  }
  const std::string_view unit(end, static_cast<size_t>(last - end));
  unsigned shift = 0;
  if (unit == "k" || unit == "K") {
    shift = 10;
  } else if (unit == "m" || unit == "M") {
    shift = 20;
  } else if (unit == "g" || unit == "G") {
    shift = 30;
  } else if (!unit.empty()) {
    return std::nullopt;
  }
  if (value > (UINT64_MAX >> shift)) {
    return std::nullopt;
  }
  return value << shift;
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  double value = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] =
      std::from_chars(text.data(), last, value, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(value) || value < 0) {
    return std::nullopt;
  }
  const std::string_view unit(end, static_cast<size_t>(last - end));
  double nanoseconds = 0;
  if (unit.empty() || unit == "s") {
    nanoseconds = value * 1e9;
  } else if (unit == "ms") {
    nanoseconds = value * 1e6;
  } else if (unit == "us") {
    nanoseconds = value * 1e3;
  } else if (unit == "m") {
    nanoseconds = value * 60e9;
  } else if (unit == "h") {
    nanoseconds = value * 3600e9;
  } else {
    return std::nullopt;
  }
  // A century is enough for everybody and does not overflow.
  if (nanoseconds > 3.2e18) {
    return std::nullopt;
  }
  return std::chrono::nanoseconds(static_cast<int64_t>(nanoseconds));
}

std::optional<std::chrono::nanoseconds> parse_iso_time(std::string_view text) {
  const std::string copy(text);
  tm parts{};
  const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) {
    return std::nullopt;
  }
  const std::chrono::seconds whole(timegm(&parts));
  int64_t nanoseconds = 0;
  if (*rest == '.') {
    int64_t unit = 100'000'000;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) {
      nanoseconds += (*rest - '0') * unit;
    }
  }
  if (*rest == 'Z') {
    ++rest;
  }
  // What 64 bits of nanoseconds hold; without it they would run over.
  if (*rest != '\0' || whole.count() < 0 || whole.count() > 9'000'000'000) {
    return std::nullopt;
  }
  return whole + std::chrono::nanoseconds(nanoseconds);
}

std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  // A third of the word may be wrong, and at least one letter.
  size_t best_distance = std::max<size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

std::string with_commas(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string counted(uint64_t number, std::string_view one,
                    std::string_view many) {
  std::string text = with_commas(number);
  text += ' ';
  text += number == 1 ? one : many;
  return text;
}

}  // namespace tracer
