// SPDX-License-Identifier: Apache-2.0
//
// Where the program's own parts are: the one place that decides. They are
// found from where the program itself is, never through PATH or the current
// directory: in a build tree beside it, installed under the same prefix
// (bin/tracer, libexec/tracer/tracer-bcc, share/tracer/…). TRACER_HOME names
// another folder with lua/, probes/ and scripts/ in it.
#pragma once

#include <string>

#include "base/result.h"

namespace tracer {

struct Paths {
  std::string lua;      // the Lua library
  std::string probes;   // <stem>.bpf.c, and include/
  std::string scripts;  // the shipped scripts
  std::string worker;   // the program tracer-bcc
};

Result<Paths> find_paths();

}  // namespace tracer
