// SPDX-License-Identifier: Apache-2.0
//
// What is to be done when this process ends, however it ends: LLVM calls
// exit() on some errors in a program and aborts on bugs of its own.
#pragma once

namespace tracer::compiler {

/// Calls `f` once, when the process exits or one of the signals that end it
/// (but SIGKILL) arrives; the last registered first. At most eight. In a
/// signal handler only async-signal-safe functions may be called, so `f` must
/// keep to those.
void at_end(void (*f)());

}  // namespace tracer::compiler
