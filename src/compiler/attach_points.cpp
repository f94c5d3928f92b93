// SPDX-License-Identifier: Apache-2.0
#include "compiler/attach_points.h"

#include <linux/bpf.h>

namespace tracer::compiler {
namespace {

using artifact::AttachKind;

struct Row {
  std::string_view name;  // "name__…" in a function's name, "name:…" in ATTACH
  uint32_t program_type;
  std::optional<AttachKind> kind;
};

// Those without a kind are compiled with the right type and left to be
// attached by name; they get one with the code that attaches them.
constexpr Row kRows[] = {
    {"tracepoint", BPF_PROG_TYPE_TRACEPOINT, AttachKind::kTracepoint},
    {"raw_tracepoint", BPF_PROG_TYPE_RAW_TRACEPOINT,
     AttachKind::kRawTracepoint},
    {"kprobe", BPF_PROG_TYPE_KPROBE, {}},
    {"kretprobe", BPF_PROG_TYPE_KPROBE, {}},
    {"syscall", BPF_PROG_TYPE_KPROBE, {}},
    {"kfunc", BPF_PROG_TYPE_TRACING, {}},
    {"kretfunc", BPF_PROG_TYPE_TRACING, {}},
    {"kmod_ret", BPF_PROG_TYPE_TRACING, {}},
    {"bpf_iter", BPF_PROG_TYPE_TRACING, {}},
    {"lsm", BPF_PROG_TYPE_LSM, {}},
};

/// What stands behind the row's name and the separator, if that is how `text`
/// begins.
std::optional<std::string> behind(const Row& row, std::string_view text,
                                  std::string_view separator) {
  if (!text.starts_with(row.name) ||
      !text.substr(row.name.size()).starts_with(separator)) {
    return std::nullopt;
  }
  return std::string(text.substr(row.name.size() + separator.size()));
}

}  // namespace

std::optional<Purpose> purpose_of_function(std::string_view name) {
  for (const Row& row : kRows) {
    std::optional<std::string> target = behind(row, name, "__");
    if (!target) {
      continue;
    }
    Purpose purpose{.program_type = row.program_type, .point = {}};
    if (row.kind == AttachKind::kTracepoint) {
      // "syscalls__sys_enter_write": the first pair of underscores divides.
      if (const size_t split = target->find("__"); split != std::string::npos) {
        target = target->substr(0, split) + ":" + target->substr(split + 2);
      }
    }
    if (row.kind) {
      purpose.point = {.kind = *row.kind, .target = std::move(*target)};
    }
    return purpose;
  }
  return std::nullopt;
}

std::optional<Purpose> purpose_of_place(std::string_view place) {
  for (const Row& row : kRows) {
    if (std::optional<std::string> target = behind(row, place, ":");
        target && row.kind && !target->empty()) {
      return Purpose{.program_type = row.program_type,
                     .point = artifact::AttachPoint{
                         .kind = *row.kind, .target = std::move(*target)}};
    }
  }
  return std::nullopt;
}

}  // namespace tracer::compiler
