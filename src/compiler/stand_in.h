// SPDX-License-Identifier: Apache-2.0
//
// The stand-in: answers bpf(2) in the kernel's place, as far as libbcc needs
// it for compiling. libbcc makes its maps and hands over its types as soon as
// it has compiled a text, which takes rights that somebody who only wants to
// know a layout does not have. With the stand-in a map is a descriptor of
// nothing, and types (BTF) are kept in memory and can be read back.
//
// One for a process, and for good. Nothing can be loaded afterwards.
#pragma once

#include "base/result.h"

namespace tracer::compiler {

/// From now on bpf(2) is answered here.
Result<void> stand_in_for_kernel();

}  // namespace tracer::compiler
