// SPDX-License-Identifier: Apache-2.0
//
// Finds what a probe's text declares: parameters, events, tail calls, and the
// records that it defines itself. Works on tokens, before any preprocessing,
// so declarations count wherever they stand at file scope.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "compiler/source.h"
#include "compiler/tokens.h"

namespace tracer::compiler {

struct ParameterDeclaration {
  std::string name;
  bool is_set = false;
  std::string default_value;  // C text; of PARAM only
};

struct Declarations {
  std::vector<ParameterDeclaration> parameters;
  std::vector<std::string> events;
  /// Those events that are outputs of BCC's (outputs.h).
  std::vector<std::string> outputs;
  std::vector<std::string> records;  // as in Source
  std::vector<TailCallDeclaration> tail_calls;
  std::vector<AttachDeclaration> attachments;
  /// Indices of the tokens that open functions' bodies, of the last text only.
  std::vector<size_t> bodies;
};

/// `file` is the name of the text that `tokens` were cut from. What is found
/// is appended to `found`.
Result<void> find_declarations(const std::string& file,
                               const std::vector<Token>& tokens,
                               Declarations& found);

/// "file:line:column: error: text", the form of the compiler's own.
std::string diagnostic(const std::string& file, const Token& at,
                       std::string_view text);

}  // namespace tracer::compiler
