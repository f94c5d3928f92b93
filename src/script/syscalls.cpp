// SPDX-License-Identifier: Apache-2.0
#include "script/syscalls.h"

#include <asm/unistd.h>

#include <algorithm>
#include <array>

namespace tracer::script {
namespace {

struct Name {
  uint32_t number;
  const char* text;
};

constexpr auto kNames = std::to_array<Name>({
#define TRACER_SYSCALL(name) {__NR_##name, #name},
// Made by CMakeLists.txt: TRACER_SYSCALL(write) and so on.
#include <syscall_names.inc>
#undef TRACER_SYSCALL
});

constexpr uint32_t kEnd = std::max_element(kNames.begin(), kNames.end(),
                                           [](const Name& a, const Name& b) {
                                             return a.number < b.number;
                                           })
                              ->number +
                          1;

constexpr std::array<const char*, kEnd> kByNumber = [] {
  std::array<const char*, kEnd> names{};
  for (const Name& name : kNames) {
    names[name.number] = name.text;
  }
  return names;
}();

}  // namespace

const char* syscall_name(uint32_t number) {
  return number < kEnd ? kByNumber[number] : nullptr;
}

}  // namespace tracer::script
