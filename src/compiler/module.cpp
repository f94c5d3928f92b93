// SPDX-License-Identifier: Apache-2.0
#include "compiler/module.h"

#include <bcc/bcc_common.h>

#include <array>
#include <cerrno>
#include <type_traits>

#include "compiler/capture.h"
#include "compiler/kfuncs.h"

// In place of libbcc's function of that name, which says yes: then it compiles
// functions, for each type of a map, that print and parse keys and values. It
// takes a tenth of the time, and Lua does that here.
namespace ebpf {
bool bpf_module_rw_engine_enabled();
bool bpf_module_rw_engine_enabled() {
  return false;
}
}  // namespace ebpf

namespace tracer::compiler {
namespace {

// DEBUG_PREPROCESSOR of <bcc/bpf_module.h>, which cannot be included (C++ and
// LLVM's headers): prints the text as rewritten. There is no call for it.
constexpr unsigned kPrintRewritten = 0x4;

constexpr std::array kFlags = {
    // Otherwise a macro or inline function that is not there is a warning, and
    // then a program that ends nowhere.
    "-Werror=implicit-function-declaration",
    // The author's macros may be ours too, and pasted files keep their guard.
    "-Wno-macro-redefined", "-Wno-pragma-once-outside-header",
    // libbcc's own headers, not the author's text.
    "-Wno-visibility", "-Wno-address-of-packed-member",
    "-Wno-duplicate-decl-specifier", "-Wno-unused-value",
    "-Wno-gnu-variable-sized-type-not-at-end",
    // libbcc optimises what clang gives it: twice would be a fifth of the time.
    "-Xclang", "-disable-llvm-passes"};

// bcc_func_load got a twelfth argument, the attach type, after 0.24. Which one
// this is, its type says best: distributions have moved such changes between
// versions.
template <typename F>
int load_function(F load, void* module, int type, const char* name,
                  std::span<const bpf_insn> code, int log_level, char* log,
                  unsigned log_size) {
  const auto size = static_cast<int>(code.size_bytes());
  const char* license = bpf_module_license(module);
  const unsigned version = bpf_module_kern_version(module);
  if constexpr (std::is_invocable_v<F, void*, int, const char*, const bpf_insn*,
                                    int, const char*, unsigned, int, char*,
                                    unsigned, const char*, int>) {
    return load(module, type, name, code.data(), size, license, version,
                log_level, log, log_size, nullptr, -1);
  } else {
    return load(module, type, name, code.data(), size, license, version,
                log_level, log, log_size, nullptr);
  }
}

}  // namespace

void Module::Destroy::operator()(void* module) const {
  bpf_module_destroy(module);
}

Result<Module> Module::compile(const std::string& text) {
  Capture capture = TRY(Capture::start());
  auto flags = kFlags;
  Module module(bpf_module_create_c_from_string(
      text.c_str(), kPrintRewritten, flags.data(),
      static_cast<int>(flags.size()), true, nullptr));
  Printed printed = capture.stop();
  if (!module.handle_) {
    return fail(printed.diagnostics.empty() ? "libbcc failed without a word"
                                            : std::move(printed.diagnostics));
  }
  module.rewritten_source_ = std::move(printed.rewritten_source);
  for (size_t i = 0; i < module.function_count(); ++i) {
    // libbcc keeps the code in memory of its own, where it may be written.
    const std::span<const bpf_insn> code = module.instructions(i);
    call_kfuncs({const_cast<bpf_insn*>(code.data()), code.size()});
  }
  return module;
}

std::string Module::license() const {
  const char* text = bpf_module_license(handle_.get());
  return text != nullptr ? text : "";
}

uint32_t Module::kernel_version() const {
  return bpf_module_kern_version(handle_.get());
}

size_t Module::map_count() const {
  return bpf_num_tables(handle_.get());
}

artifact::Map Module::map(size_t index) const {
  void* module = handle_.get();
  return {
      .name = bpf_table_name(module, index),
      .type = static_cast<uint32_t>(bpf_table_type_id(module, index)),
      .key_size = static_cast<uint32_t>(bpf_table_key_size_id(module, index)),
      .value_size =
          static_cast<uint32_t>(bpf_table_leaf_size_id(module, index)),
      .max_entries =
          static_cast<uint32_t>(bpf_table_max_entries_id(module, index)),
      .flags = static_cast<uint32_t>(bpf_table_flags_id(module, index)),
  };
}

int Module::map_fd(size_t index) const {
  return bpf_table_fd_id(handle_.get(), index);
}

size_t Module::function_count() const {
  return bpf_num_functions(handle_.get());
}

std::string Module::function_name(size_t index) const {
  return bpf_function_name(handle_.get(), index);
}

std::span<const bpf_insn> Module::instructions(size_t index) const {
  const void* start = bpf_function_start_id(handle_.get(), index);
  const size_t size = bpf_function_size_id(handle_.get(), index);
  return {static_cast<const bpf_insn*>(start), size / sizeof(bpf_insn)};
}

Result<Fd> Module::load(size_t index, uint32_t program_type, std::string* log) {
  // A verifier that does not find room for its log refuses the program.
  constexpr size_t kLogSize = 16 << 20;
  if (log != nullptr) {
    log->assign(kLogSize, '\0');
  }
  const std::string name = function_name(index);
  Capture capture = TRY(Capture::start());
  const int fd = load_function(
      bcc_func_load, handle_.get(), static_cast<int>(program_type),
      name.c_str(), instructions(index), log != nullptr ? 1 : 0,
      log != nullptr ? log->data() : nullptr,
      log != nullptr ? static_cast<unsigned>(kLogSize) : 0);
  const int error_number = errno;
  capture.stop();
  if (log != nullptr) {
    log->resize(log->find('\0'));
  }
  if (fd < 0) {
    return fail_errno("cannot load " + name, error_number);
  }
  return Fd(fd);
}

}  // namespace tracer::compiler
