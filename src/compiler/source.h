// SPDX-License-Identifier: Apache-2.0
//
// The text that is given to libbcc, made from a Request: the author's text
// with the files of `#include "x"` pasted in (BCC rewrites map methods in the
// main file only), in front of it a prelude that defines what the
// declarations PARAM, PARAM_SET, EVENT, TAIL_CALL and ATTACH mean, behind it a
// function that makes BTF of the event types. `#line` keeps each diagnostic
// on the author's own file and line.
//
// Passive data; what is a view points into `pieces`.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/worker.h"
#include "base/result.h"
#include "compiler/tokens.h"

namespace tracer::compiler {

/// The function whose parameter carries all event types into the BTF.
inline constexpr std::string_view kSchemaFunction = "__tracer_schema_fn";
inline constexpr std::string_view kSchemaUnion = "__tracer_schema";
/// A member of the union that is there when there are no records.
inline constexpr std::string_view kNoRecord = "none";

/// First and last words of the assembled text. BCC prints the rewritten text
/// among other things; between these it is found again.
inline constexpr std::string_view kTextBegin = "/*tracer:begin*/";
inline constexpr std::string_view kAuthorBegin = "/*tracer:author*/";
inline constexpr std::string_view kAuthorEnd = "/*tracer:author-end*/";
inline constexpr std::string_view kTextEnd = "/*tracer:end*/";

/// TAIL_CALL(map, slot, function) as written.
struct TailCallDeclaration {
  std::string map;
  uint32_t slot = 0;
  std::string function;
  std::string place;  // "file:line:column", for an error found later
};

/// ATTACH(function, "kind:target") as written.
struct AttachDeclaration {
  std::string function;
  std::string where;      // without the quotes
  bool may_miss = false;  // inside #if, as its function may be
  std::string place;      // "file:line:column", for an error found later
};

/// A file of the author's, under the name that diagnostics have for it.
struct Piece {
  std::string name;
  std::string text;
};

struct Source {
  std::string text;
  /// Of the author's text and the pasted files, in the order of `text`.
  std::vector<Token> tokens;
  /// X of each `#include <X>`.
  std::set<std::string> system_includes;
  /// Names in the order of declaration, which is that of EVENT_ID_name.
  std::vector<std::string> events;
  /// Those of them that are outputs of BCC's (outputs.h).
  std::vector<std::string> outputs;
  /// "struct x", "union y" or a typedef's name: records that the text defines
  /// at file scope, the events among them.
  std::vector<std::string> records;
  std::vector<TailCallDeclaration> tail_calls;
  std::vector<AttachDeclaration> attachments;
  /// The request's text and the pasted files. Tokens point into them; a deque,
  /// so that they stay in place.
  std::deque<Piece> pieces;
};

/// An Error's message is one diagnostic, "file:line:column: error: text"
/// where it has a place.
Result<Source> assemble(const artifact::Request& request);

}  // namespace tracer::compiler
