// SPDX-License-Identifier: Apache-2.0
#include "bpf/module.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "kernel/features.h"

namespace tracer::bpf {
namespace {

constexpr uint64_t kConstantMark = 0x7472616365720000;
constexpr size_t kLoadingThreads = 4;
/// Takes a process off the tree when it ends.
constexpr std::string_view kTreeExit = "tracer_on_exit";

bool is_shared(const std::string& name) {
  return name.rfind("tracer_", 0) == 0;
}

Result<Fd> create_map(const artifact::Map& map, size_t ring_bytes) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = map.flags);
  if (map.name == "tracer_tree" && kernel::running_release() >= 6'001'000) {
    // Filled ahead, it takes a millisecond and two megabytes. Before 6.1 that
    // is the only kind that a program on any hook may add to.
    options.map_flags |= BPF_F_NO_PREALLOC;
  }
  if (map.type == BPF_MAP_TYPE_ARRAY) {
    // For KernelMaps, which takes words out of them in one step.
    options.map_flags |= BPF_F_MMAPABLE;
  }
  uint32_t max_entries = map.max_entries;
  if (map.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY ||
      map.name == "tracer_markers") {
    max_entries = static_cast<uint32_t>(kernel::possible_cpus());
  } else if (map.name == "tracer_ring") {
    max_entries = static_cast<uint32_t>(ring_bytes);
  }
  Fd fd(bpf_map_create(static_cast<bpf_map_type>(map.type), map.name.c_str(),
                       map.key_size, map.value_size, max_entries, &options));
  if (!fd) {
    return fail_errno("creating the map " + map.name, errno);
  }
  return fd;
}

/// Puts descriptors and run constants where the compiler left marks.
Result<std::vector<bpf_insn>> resolve(const artifact::Program& program,
                                      const std::vector<int>& map_fds,
                                      const RunConstants& constants) {
  std::vector<bpf_insn> code(program.instructions.size() / sizeof(bpf_insn));
  memcpy(code.data(), program.instructions.data(),
         code.size() * sizeof(bpf_insn));
  for (size_t i = 0; i + 1 < code.size(); ++i) {
    bpf_insn& low = code[i];
    bpf_insn& high = code[i + 1];
    if (low.code != (BPF_LD | BPF_DW | BPF_IMM)) {
      continue;
    }
    if (low.src_reg == BPF_PSEUDO_MAP_FD) {
      const auto index = static_cast<size_t>(low.imm);
      if (index >= map_fds.size()) {
        return fail("a damaged compiled probe: map " + std::to_string(index));
      }
      low.imm = map_fds[index];
    } else if (low.src_reg == 0) {
      const uint64_t mark =
          static_cast<uint64_t>(static_cast<uint32_t>(high.imm)) << 32 |
          static_cast<uint32_t>(low.imm);
      uint64_t value = 0;
      if (mark == kConstantMark + 1) {
        value = constants.target;
      } else if (mark == kConstantMark + 2) {
        value = constants.first_event;
      } else {
        continue;
      }
      low.imm = static_cast<int32_t>(value);
      high.imm = static_cast<int32_t>(value >> 32);
    }
    ++i;
  }
  return code;
}

Result<Fd> load_program(const artifact::Artifact& artifact,
                        const artifact::Program& program,
                        const std::vector<bpf_insn>& code, Refusal& refusal) {
  const auto type = static_cast<bpf_prog_type>(program.type);
  LIBBPF_OPTS(bpf_prog_load_opts, options,
              .kern_version = artifact.kernel_version);
  Fd fd(bpf_prog_load(type, program.name.c_str(), artifact.license.c_str(),
                      code.data(), code.size(), &options));
  if (fd) {
    return fd;
  }
  const int first_error = errno;
  // Once more with a log: making one costs time, so not at first.
  std::vector<char> log(size_t{4} << 20);
  LIBBPF_OPTS(bpf_prog_load_opts, logging,
              .kern_version = artifact.kernel_version, .log_level = 1,
              .log_size = static_cast<uint32_t>(log.size()),
              .log_buf = log.data());
  const Fd again(bpf_prog_load(type, program.name.c_str(),
                               artifact.license.c_str(), code.data(),
                               code.size(), &logging));
  refusal.program = program.name;
  refusal.log = log.data();
  if (first_error == EPERM) {
    return fail("the kernel does not let us load programs: " +
                    std::string(strerror(first_error)),
                "run it as root; in a container, with CAP_BPF and CAP_PERFMON");
  }
  return fail_errno("the verifier refuses " + program.name, first_error);
}

/// Loads all programs, several at a time, for what takes long is the verifier.
/// The first that is refused decides the outcome.
Result<std::vector<Fd>> load_programs(const artifact::Artifact& artifact,
                                      const std::vector<int>& map_fds,
                                      const RunConstants& constants,
                                      Refusal& refusal) {
  const size_t count = artifact.programs.size();
  std::vector<std::optional<Result<Fd>>> loaded(count);
  std::vector<Refusal> refusals(count);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) {
      const artifact::Program& program = artifact.programs[i];
      if (!artifact::runs(artifact, i)) {
        loaded[i] = Fd();
        continue;
      }
      Result<std::vector<bpf_insn>> code = resolve(program, map_fds, constants);
      loaded[i] = code ? load_program(artifact, program, *code, refusals[i])
                       : tl::unexpected(std::move(code).error());
    }
  };
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < std::min(count, kLoadingThreads); ++i) {
    helpers.emplace_back(work);
  }
  work();
  for (std::thread& helper : helpers) {
    helper.join();
  }
  std::vector<Fd> programs;
  for (size_t i = 0; i < count; ++i) {
    refusal = std::move(refusals[i]);
    programs.push_back(TRY(std::move(*loaded[i])));
  }
  return programs;
}

/// Nothing where this kernel has no such tracepoint.
Result<std::optional<Fd>> open_tracepoint(const std::string& tracefs,
                                          const std::string& target,
                                          int program) {
  if (!kernel::tracepoint_id(tracefs, target)) {
    return std::nullopt;
  }
  perf_event_attr attr{};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.size = sizeof attr;
  attr.config =
      static_cast<uint64_t>(TRY(kernel::tracepoint_id(tracefs, target)));
  attr.sample_period = 1;
  attr.wakeup_events = 1;
  // A program on a tracepoint runs on every CPU, whichever is named here.
  Fd fd(static_cast<int>(
      syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!fd) {
    return fail_errno("perf_event_open", errno);
  }
  if (ioctl(fd.get(), PERF_EVENT_IOC_SET_BPF, program) != 0) {
    return fail_errno("PERF_EVENT_IOC_SET_BPF", errno);
  }
  if (ioctl(fd.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) {
    return fail_errno("PERF_EVENT_IOC_ENABLE", errno);
  }
  return fd;
}

/// Nothing where this kernel has no such tracepoint.
Result<std::optional<Fd>> open_raw_tracepoint(const std::string& target,
                                              int program) {
  Fd fd(bpf_raw_tracepoint_open(target.c_str(), program));
  const int problem = errno;
  if (!fd && problem == ENOENT) {
    return std::nullopt;
  }
  if (!fd) {
    return fail_errno("bpf_raw_tracepoint_open", problem);
  }
  return fd;
}

}  // namespace

int SharedMaps::find(const std::string& name) const {
  const auto found = maps_.find(name);
  return found == maps_.end() ? -1 : found->second.get();
}

int Module::map(const std::string& name) const {
  const auto found = maps_.find(name);
  return found == maps_.end() ? shared_->find(name) : found->second.get();
}

Result<Module> Module::load(const artifact::Artifact& artifact,
                            SharedMaps& shared, const RunConstants& constants,
                            Refusal& refusal) {
  libbpf_set_print(nullptr);
  Module module;
  module.shared_ = &shared;
  std::vector<int> map_fds;
  for (const artifact::Map& map : artifact.maps) {
    auto& maps = is_shared(map.name) ? shared.maps_ : module.maps_;
    auto found = maps.find(map.name);
    if (found == maps.end()) {
      found =
          maps.emplace(map.name, TRY(create_map(map, shared.ring_bytes))).first;
      if (map.name == "tracer_stats") {
        shared.stats_map = map;
        shared.stats_schema = artifact.schema;
      }
    }
    map_fds.push_back(found->second.get());
  }
  std::vector<Fd> loaded =
      TRY(load_programs(artifact, map_fds, constants, refusal));
  for (size_t i = 0; i < loaded.size(); ++i) {
    const artifact::Program& program = artifact.programs[i];
    module.programs_.push_back({.name = program.name,
                                .attach = program.attach,
                                .fd = std::move(loaded[i])});
  }
  for (const artifact::TailCall& call : artifact.tail_calls) {
    const uint32_t slot = call.slot;
    const int program = module.programs_[call.program].fd.get();
    if (bpf_map_update_elem(map_fds[call.map], &slot, &program, BPF_ANY) != 0) {
      return fail_errno("putting " + artifact.programs[call.program].name +
                            " into " + artifact.maps[call.map].name,
                        errno);
    }
  }
  // Last, so that whoever tells of the end of a process still finds it there.
  std::stable_partition(
      module.programs_.begin(), module.programs_.end(),
      [](const Program& program) { return program.name != kTreeExit; });
  return module;
}

Result<void> Module::attach(artifact::AttachKind kind,
                            const std::string& tracefs,
                            std::vector<std::string>& missing) {
  for (const Program& program : programs_) {
    for (const artifact::AttachPoint& point : program.attach) {
      if (point.kind != kind) {
        continue;
      }
      Result<std::optional<Fd>> link =
          kind == artifact::AttachKind::kTracepoint
              ? open_tracepoint(tracefs, point.target, program.fd.get())
              : open_raw_tracepoint(point.target, program.fd.get());
      if (!link) {
        return tl::unexpected(std::move(link).error().context(
            "attaching " + program.name + " to " + point.target));
      }
      if (*link) {
        links_.push_back(std::move(**link));
      } else {
        missing.push_back(point.target);
      }
    }
  }
  return {};
}

std::string refusal_reason(const std::string& log) {
  // The last instruction's line and what was said after it:
  //   ; if (n > 4) @ write.bpf.c:25
  //   27: (85) call bpf_probe_read_user#112
  //   R2 unbounded memory access, use 'var &= const' or 'if (var < const)'
  //   processed 28 insns …
  std::string where;
  std::string source;
  std::string reason;
  size_t start = 0;
  while (start < log.size()) {
    const size_t end = std::min(log.find('\n', start), log.size());
    const std::string line = log.substr(start, end - start);
    start = end + 1;
    if (line.empty() || line.rfind("processed ", 0) == 0 ||
        line.rfind("verification time", 0) == 0 ||
        line.rfind("func#", 0) == 0 || line.rfind("stack depth", 0) == 0) {
      continue;
    }
    if (line[0] == ';') {
      const size_t at = line.rfind(" @ ");
      if (at != std::string::npos) {
        where = line.substr(at + 3);
        source = line.substr(2, at - 2);
      } else {
        source = line.substr(std::min<size_t>(2, line.size()));
      }
      continue;
    }
    const bool instruction =
        line.find_first_not_of("0123456789") == line.find(':') &&
        line.find(':') != 0;
    const bool jump = line.rfind("from ", 0) == 0;
    if (!instruction && !jump) {
      reason = line;
    }
  }
  std::string text;
  if (!where.empty()) {
    text += where + ": ";
  }
  text += reason.empty() ? "no reason given" : reason;
  if (!source.empty()) {
    text += " [" + source + "]";
  }
  return text;
}

}  // namespace tracer::bpf
