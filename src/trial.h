// SPDX-License-Identifier: Apache-2.0
//
// Trials: runs of scripts for specs (lua/tracer/testing.lua). A trial is a
// replay of a recording that was made up for it, so a script meets the engine,
// the options and the filters that it meets elsewhere. Each has a process of
// its own: nothing that a script does reaches the next trial or the spec.
//
// The layout of events comes from the compiler, which needs the kernel's types
// but no rights, or from a recording. One thread.
#pragma once

#include <optional>
#include <string>

#include "artifact/cache.h"
#include "base/paths.h"
#include "base/result.h"
#include "run_command.h"
#include "script/value.h"

namespace tracer {

class Trials {
 public:
  static Result<Trials> create(Paths paths);
  ~Trials();
  Trials(Trials&& other) noexcept;
  Trials& operator=(Trials&&) = delete;
  Trials(const Trials&) = delete;
  Trials& operator=(const Trials&) = delete;

  /// Carries out a replay whose recording comes from the request: of `events`
  /// and `loss`, or the file `recording` that the command names. The answer is
  /// a table: stdout, stderr, status, shown, filtered, left_out, and where the
  /// script failed, error and traceback. An Error is a mistake of the spec.
  /// Must be called while the process has a single thread.
  Result<script::Value> run(const RunCommand& command,
                            const script::Value& request);

 private:
  Trials(Paths paths, artifact::Cache cache, std::string own_folder)
      : paths_(std::move(paths)),
        cache_(std::move(cache)),
        own_folder_(std::move(own_folder)) {}

  Paths paths_;
  artifact::Cache cache_;
  std::string own_folder_;  // of a cache that goes with us; or empty
};

}  // namespace tracer
