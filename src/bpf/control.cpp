// SPDX-License-Identifier: Apache-2.0
#include "bpf/control.h"

#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tracer::bpf {

Result<Control> Control::map(int map_fd) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  Control control(TRY(Mapping::map(map_fd, page, PROT_READ | PROT_WRITE)));
  // Nobody remembers anything yet, and what they have in its place is 0.
  control.tree_changed();
  return control;
}

void Control::switch_off() {
  std::atomic_ref(words()->off).store(1, std::memory_order_seq_cst);
  // A program runs inside an RCU read section, and this waits for all of them.
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) {
    // Not where the kernel keeps CPUs free of ticks (nohz_full).
    usleep(20'000);
  }
}

void Control::set_bell(bool on) {
  std::atomic_ref(words()->bell).store(on ? 1 : 0, std::memory_order_seq_cst);
}

void Control::set_entering(bool on) {
  std::atomic_ref(words()->entering)
      .store(on ? 1 : 0, std::memory_order_seq_cst);
}

uint64_t Control::alive() const {
  return std::atomic_ref(words()->alive).load(std::memory_order_seq_cst);
}

void Control::add_alive(int64_t difference) {
  std::atomic_ref(words()->alive)
      .fetch_add(static_cast<uint64_t>(difference), std::memory_order_seq_cst);
}

void Control::tree_changed() {
  std::atomic_ref(words()->changes).fetch_add(1, std::memory_order_seq_cst);
}

}  // namespace tracer::bpf
