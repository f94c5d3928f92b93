// SPDX-License-Identifier: Apache-2.0
#include "compiler/tokens.h"

#include <gtest/gtest.h>

#include <string>

namespace tracer::compiler {
namespace {

std::string joined(std::string_view text) {
  std::string out;
  for (const Token& token : tokenize(text)) {
    out.append(out.empty() ? "" : " ").append(token.text);
  }
  return out;
}

TEST(Tokens, AreNamesNumbersAndSingleSigns) {
  EXPECT_EQ(joined("int x1=0x1fUL+2;"), "int x1 = 0x1fUL + 2 ;");
}

TEST(Tokens, LeaveOutComments) {
  EXPECT_EQ(joined("a /* PARAM(x) \" */ b // EVENT \\\n more\nc"), "a b c");
  EXPECT_EQ(joined("a /* never closed"), "a");
}

TEST(Tokens, KeepLiteralsWhole) {
  EXPECT_EQ(joined("f(\"/* \\\" no */\", '\"', x)"),
            "f ( \"/* \\\" no */\" , '\"' , x )");
  EXPECT_EQ(joined("\"never closed\nb"), "\"never closed b");
}

TEST(Tokens, KnowTheirPlace) {
  const auto tokens = tokenize("a\n  /* x\n */ b \\\n c");
  ASSERT_EQ(tokens.size(), 3U);
  EXPECT_EQ(tokens[1].line, 3U);
  EXPECT_EQ(tokens[1].column, 5U);
  EXPECT_EQ(tokens[2].line, 4U);
  EXPECT_EQ(tokens[2].column, 2U);
}

TEST(Tokens, KnowDirectivesWithTheirContinuation) {
  const auto tokens = tokenize("# define x \\\n y\nz a # b");
  ASSERT_EQ(tokens.size(), 8U);
  EXPECT_TRUE(tokens[3].in_directive);
  EXPECT_FALSE(tokens[4].in_directive);
  EXPECT_FALSE(tokens[6].in_directive);
}

}  // namespace
}  // namespace tracer::compiler
