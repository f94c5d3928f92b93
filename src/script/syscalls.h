// SPDX-License-Identifier: Apache-2.0
//
// The names of system calls, by the numbers of the machine that this program
// is built for: the kernel's header <asm/unistd.h> tells them when it is built.
#pragma once

#include <cstdint>

namespace tracer::script {

/// "write"; null if no system call has the number. Valid for ever.
const char* syscall_name(uint32_t number);

}  // namespace tracer::script
