// SPDX-License-Identifier: Apache-2.0
//
// Event types and events made by hand, as a compiled probe and the kernel
// would have made them.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "events/batch.h"
#include "events/schema.h"

namespace tracer::script {

/// Builds a schema; the functions return the index of the type that they add.
class SchemaMaker {
 public:
  uint32_t add(events::Type type) {
    schema_.types.push_back(std::move(type));
    return static_cast<uint32_t>(schema_.types.size() - 1);
  }
  uint32_t number(uint32_t size, bool is_signed = false) {
    return add(
        {.kind = events::Kind::kInt, .is_signed = is_signed, .size = size});
  }
  uint32_t plain(events::Kind kind, uint32_t size) {
    return add({.kind = kind, .size = size});
  }
  uint32_t array(uint32_t element, uint32_t count) {
    return add({.kind = events::Kind::kArray,
                .size = schema_.types[element].size * count,
                .element = element,
                .count = count});
  }
  uint32_t chars(uint32_t count) {
    return array(plain(events::Kind::kChar, 1), count);
  }
  uint32_t record(events::Kind kind, uint32_t size,
                  std::vector<events::Member> members) {
    return add({.kind = kind, .size = size, .members = std::move(members)});
  }
  /// An event: the header that all have, and `own` members from byte 44 on.
  SchemaMaker& event(const std::string& name, uint32_t size,
                     const std::vector<events::Member>& own) {
    std::vector<events::Member> members = {
        {"ts", number(8), 0},    {"len", number(4), 8},
        {"type", number(2), 12}, {"cpu", number(2), 14},
        {"pid", number(4), 16},  {"tid", number(4), 20},
        {"ppid", number(4), 24}, {"comm", chars(16), 28}};
    members.insert(members.end(), own.begin(), own.end());
    schema_.events.push_back(
        {name, record(events::Kind::kStruct, size, std::move(members))});
    return *this;
  }
  [[nodiscard]] const events::Schema& schema() const { return schema_; }

 private:
  events::Schema schema_;
};

/// The bytes of a value in memory.
template <typename T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// One event.
struct Sample {
  uint64_t ts = 1'000'000'000;
  uint16_t type = 0;
  uint32_t pid = 100;
  std::string_view comm = "cat";
  std::string own;  // what stands behind the header

  [[nodiscard]] std::string bytes() const {
    events::Header header{
        .ts = ts,
        .len = static_cast<uint32_t>(events::kHeaderSize + own.size()),
        .type = type,
        .cpu = 1,
        .pid = pid,
        .tid = pid + 1,
        .ppid = 99,
        .comm = {}};
    memcpy(header.comm, comm.data(), comm.size());
    return std::string(reinterpret_cast<const char*>(&header),
                       events::kHeaderSize) +
           own;
  }
  void add_to(events::Batch& batch) const {
    const std::string event = bytes();
    memcpy(batch.add(event.size()), event.data(), event.size());
  }
};

}  // namespace tracer::script
