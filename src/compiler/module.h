// SPDX-License-Identifier: Apache-2.0
//
// Module: a text compiled by libbcc, which has made its maps in the kernel.
// The only class that calls libbcc; keeps to the part of its C interface that
// has been the same from 0.24 to 0.37.
//
// Owns the compiled code and the maps. One thread.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "artifact/artifact.h"
#include "base/fd.h"
#include "base/result.h"

namespace tracer::compiler {

class Module {
 public:
  /// Compiles `text`. An Error's message is libbcc's output.
  static Result<Module> compile(const std::string& text);

  [[nodiscard]] std::string license() const;
  [[nodiscard]] uint32_t kernel_version() const;
  [[nodiscard]] const std::string& rewritten_source() const {
    return rewritten_source_;
  }
  [[nodiscard]] size_t map_count() const;
  /// Without its types.
  [[nodiscard]] artifact::Map map(size_t index) const;
  [[nodiscard]] int map_fd(size_t index) const;
  [[nodiscard]] size_t function_count() const;
  [[nodiscard]] std::string function_name(size_t index) const;
  /// As compiled: references to maps hold descriptors of this process.
  [[nodiscard]] std::span<const bpf_insn> instructions(size_t index) const;

  /// Loads a function into the kernel; the verifier's words go to `log`.
  Result<Fd> load(size_t index, uint32_t program_type, std::string* log);

 private:
  struct Destroy {
    void operator()(void* module) const;
  };
  explicit Module(void* handle) : handle_(handle) {}

  std::unique_ptr<void, Destroy> handle_;
  std::string rewritten_source_;
};

}  // namespace tracer::compiler
