// SPDX-License-Identifier: Apache-2.0
//
// Sandbox: the surroundings that libbcc is run in. In a mount namespace of our
// own, the include tree lies on a private tmpfs that vanishes with us, and
// /proc/kallsyms is two lines: libbcc reads all of it (120,000 lines, 150 ms)
// for each compile to look up two names. Where a namespace is denied, the tree
// lies in a directory under /tmp that is removed at the end, and compiling
// takes those 150 ms more.
//
// One for a process: it changes the mounts and the environment for good.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "compiler/headers.h"

namespace tracer::compiler {

class Sandbox {
 public:
  /// Writes `files` and tells libbcc where they are (BCC_KERNEL_SOURCE).
  static Result<Sandbox> enter(const Files& files);

  Sandbox(Sandbox&& other) noexcept
      : root_(std::move(other.root_)),
        is_private_(std::exchange(other.is_private_, true)) {}
  Sandbox& operator=(Sandbox&&) = delete;
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  /// Removes the directory, if there is one on disk.
  ~Sandbox();

  /// False where the tree lies on disk.
  [[nodiscard]] bool is_private() const { return is_private_; }

 private:
  Sandbox(std::string root, bool is_private)
      : root_(std::move(root)), is_private_(is_private) {}

  std::string root_;
  bool is_private_ = true;
};

}  // namespace tracer::compiler
