// SPDX-License-Identifier: Apache-2.0
//
// A plain binary encoding for what passes between our own programs and files:
// integers in the machine's byte order, strings and lists with a 32-bit
// length before them. The reader trusts nothing: every length is checked
// against what is left, and after the first error all further reads return
// zero values, so that callers check ok() once at the end.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace tracer {

class ByteWriter {
 public:
  template <typename T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<uint32_t>(value.size()));
    bytes_.append(value);
  }
  /// Writes the length of a list and then calls `write` for each element.
  template <typename List, typename F>
  void list(const List& values, F write) {
    number(static_cast<uint32_t>(values.size()));
    for (const auto& value : values) {
      write(value);
    }
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  /// `bytes` must outlive the reader.
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  requires std::is_integral_v<T> || std::is_enum_v<T> T number() {
    // A bool in memory that is neither 0 nor 1 would be undefined behaviour.
    if constexpr (std::is_same_v<T, bool>) {
      return number<uint8_t>() != 0;
    }
    T value{};
    if (take(sizeof value)) {
      memcpy(&value, taken_.data(), sizeof value);
    }
    return value;
  }
  template <typename T>
  void number(T& value) {
    value = number<T>();
  }
  std::string text() {
    return take(number<uint32_t>()) ? std::string(taken_) : std::string();
  }
  /// Calls `read` once for each element that ByteWriter::list wrote.
  template <typename F>
  void list(F read) {
    for (uint32_t left = number<uint32_t>(); left > 0 && ok_; --left) {
      read();
    }
  }
  /// Makes the reader fail: for a caller that finds a value out of range.
  void reject() { ok_ = false; }
  /// True if nothing was read beyond the end so far.
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  bool take(size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return false;
    }
    taken_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  std::string_view rest_;
  std::string_view taken_;
  bool ok_ = true;
};

}  // namespace tracer
