// SPDX-License-Identifier: Apache-2.0
//
// What a program is for: said by its function's name, as BCC has it
// (tracepoint__syscalls__sys_enter_write), or by ATTACH(function,
// "tracepoint:syscalls:sys_enter_write"), which may be said several times. One
// table; another kind of probe is another row.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "artifact/artifact.h"

namespace tracer::compiler {

struct Purpose {
  uint32_t program_type = 0;  // BPF_PROG_TYPE_*
  /// Nothing for kinds that the loader does not attach by itself.
  std::optional<artifact::AttachPoint> point;
};

/// Nothing if the name has no prefix of the table.
std::optional<Purpose> purpose_of_function(std::string_view name);

/// Of "kind:target"; nothing if there is no such kind to attach to.
std::optional<Purpose> purpose_of_place(std::string_view place);

}  // namespace tracer::compiler
