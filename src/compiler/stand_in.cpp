// SPDX-License-Identifier: Apache-2.0
#include "compiler/stand_in.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

namespace tracer::compiler {
namespace {

const char* memory(uint64_t address) {
  return reinterpret_cast<const char*>(static_cast<uintptr_t>(address));
}

/// The bytes of the types, readable by their descriptor.
int64_t keep_types(const bpf_attr& attr) {
  const int fd = memfd_create("btf", MFD_CLOEXEC);
  if (fd < 0) {
    return -errno;
  }
  if (write(fd, memory(attr.btf), attr.btf_size) !=
      static_cast<ssize_t>(attr.btf_size)) {
    close(fd);
    return -ENOSPC;
  }
  return fd;
}

/// What was kept; only types are asked for.
int64_t read_types(const bpf_attr& attr) {
  auto* about =
      reinterpret_cast<bpf_btf_info*>(static_cast<uintptr_t>(attr.info.info));
  const auto fd = static_cast<int>(attr.info.bpf_fd);
  struct stat status {};
  if (fstat(fd, &status) != 0) {
    return -EBADF;
  }
  const auto size = static_cast<uint32_t>(status.st_size);
  const uint32_t room = std::min(size, about->btf_size);
  void* to = reinterpret_cast<void*>(static_cast<uintptr_t>(about->btf));
  if (room > 0 && pread(fd, to, room, 0) != static_cast<ssize_t>(room)) {
    return -EIO;
  }
  about->btf_size = size;
  return 0;
}

int64_t answer(int command, const bpf_attr& attr) {
  switch (command) {
    case BPF_MAP_CREATE: {
      const int fd = memfd_create("map", MFD_CLOEXEC);
      return fd < 0 ? -errno : fd;
    }
    case BPF_BTF_LOAD:
      return keep_types(attr);
    case BPF_OBJ_GET_INFO_BY_FD:
      return read_types(attr);
    default:
      return -EPERM;
  }
}

// The call was not made. What is in the registers is its arguments, and what
// is put into them is its result.
void on_call(int, siginfo_t*, void* context) {
  const int before = errno;
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto* attr = reinterpret_cast<const bpf_attr*>(registers[REG_RSI]);
  registers[REG_RAX] = answer(static_cast<int>(registers[REG_RDI]), *attr);
  errno = before;
}

}  // namespace

Result<void> stand_in_for_kernel() {
  struct sigaction action {};
  action.sa_sigaction = on_call;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSYS, &action, nullptr) != 0) {
    return fail_errno("sigaction", errno);
  }
  std::array<sock_filter, 4> code = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{.len = code.size(), .filter = code.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    return fail_errno("cannot take the kernel's place (seccomp)", errno);
  }
  return {};
}

}  // namespace tracer::compiler
