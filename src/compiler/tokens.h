// SPDX-License-Identifier: Apache-2.0
//
// Cuts C text into tokens, as far as this room needs it: identifiers, numbers
// and single punctuation characters, with their places. Comments and the
// insides of string and character literals yield nothing, so a name in a
// comment is never taken for a declaration. No preprocessing happens; tokens
// of a directive (also of its continuation lines) are marked.
#pragma once

#include <string_view>
#include <vector>

namespace tracer::compiler {

enum class TokenKind : unsigned char { kName, kNumber, kString, kPunctuation };

struct Token {
  TokenKind kind = TokenKind::kPunctuation;
  bool in_directive = false;
  /// Part of the text that was cut; a string with its quotes.
  std::string_view text;
  unsigned line = 1;
  unsigned column = 1;

  [[nodiscard]] bool is(std::string_view what) const { return text == what; }
  [[nodiscard]] bool is_name() const { return kind == TokenKind::kName; }
};

/// `text` must outlive the tokens. An unfinished comment or string ends with
/// the text: the compiler will say so better.
std::vector<Token> tokenize(std::string_view text);

}  // namespace tracer::compiler
