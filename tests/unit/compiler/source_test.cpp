// SPDX-License-Identifier: Apache-2.0
#include "compiler/source.h"

#include <gtest/gtest.h>

#include "probe.h"

namespace tracer::compiler {
namespace {

using artifact::Request;

std::string text_of(const Request& request) {
  const Result<Source> source = assemble(request);
  return source ? source->text : why(source);
}

std::string error_of(const Request& request) {
  const Result<Source> source = assemble(request);
  return source ? "no error" : source.error().message;
}

std::string error_of(const std::string& text) {
  return error_of(request_for(text));
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Source, TakesDefaultsWhereNothingIsGiven) {
  const std::string text =
      text_of(request_for("PARAM(bytes, 1 << 8)\nPARAM_SET(fd)\n"));
  EXPECT_TRUE(contains(text, "#define P_bytes (1 < < 8)") ||
              contains(text, "#define P_bytes (1 << 8)"))
      << text;
  EXPECT_TRUE(contains(text, "int P_fd(long long x) { return 1; }")) << text;
}

TEST(Source, PutsGivenValuesIn) {
  Request request = request_for("PARAM(bytes, 256)\nPARAM_SET(fd)\n");
  request.parameters = {{"bytes", {INT64_MIN}}, {"fd", {1, -2, 1LL << 40}}};
  const std::string text = text_of(request);
  EXPECT_TRUE(
      contains(text, "#define P_bytes ((-9223372036854775807LL - 1))") ||
      contains(text, "#define P_bytes (-9223372036854775807LL - 1)"))
      << text;
  EXPECT_TRUE(contains(
      text, "{ return x == (1) || x == (-2) || x == (1099511627776LL); }"))
      << text;
}

TEST(Source, NumbersEventsInTheirOrder) {
  const Result<Source> source = assemble(
      request_for("EVENT(b) { int x; };\n// EVENT(no) { int x; };\n"
                  "const char *s = \"EVENT(no2) {\";\nEVENT(a) { int y; };\n"));
  ASSERT_TRUE(source);
  EXPECT_EQ(source->events, (std::vector<std::string>{"b", "a"}));
  EXPECT_TRUE(contains(source->text, "#define EVENT_ID_b 0\n"));
  EXPECT_TRUE(contains(source->text, "#define EVENT_ID_a 1\n"));
}

TEST(Source, FindsRecordsAtFileScopeOnly) {
  const Result<Source> source = assemble(
      request_for("struct a { int x; struct inner { int y; } i; };\n"
                  "typedef struct { int x; } b_t;\n"
                  "int f(void) { struct local { int x; } l; return l.x; }\n"
                  "#ifdef NO\nstruct c { int x; };\n#endif\n"
                  "struct d;\nstruct a *g(void);\n"));
  ASSERT_TRUE(source);
  EXPECT_EQ(source->records, (std::vector<std::string>{"struct a", "b_t"}));
}

TEST(Source, FindsTailCalls) {
  const Result<Source> source =
      assemble(request_for("\nTAIL_CALL(steps, 0x2, next);\n"));
  ASSERT_TRUE(source);
  ASSERT_EQ(source->tail_calls.size(), 1U);
  EXPECT_EQ(source->tail_calls[0].map, "steps");
  EXPECT_EQ(source->tail_calls[0].slot, 2U);
  EXPECT_EQ(source->tail_calls[0].function, "next");
  EXPECT_EQ(source->tail_calls[0].place, "probe.bpf.c:2:1");
}

TEST(Source, PastesEachFileOnceAndCountsItsLines) {
  const TestDirectory includes;
  includes.write("a.h", "#pragma once\n#include \"b.h\"\nint a;\n");
  includes.write("b.h", "#include \"a.h\"\nint b;\n");
  Request request = request_for(
      "int before;\n#include \"a.h\" /* why */\n#include \"b.h\"\nint x;\n");
  request.include_dir = includes.path();
  const std::string text = text_of(request);
  EXPECT_EQ(text.find("int a;"), text.rfind("int a;"));
  EXPECT_TRUE(contains(text, "int b;")) << text;
  EXPECT_FALSE(contains(text, "#include")) << text;
  EXPECT_TRUE(contains(text, "#line 1 \"" + includes.path() + "/a.h\"\n"));
  EXPECT_TRUE(contains(text, "#line 2 \"probe.bpf.c\"\n /* why */\n")) << text;
}

TEST(Source, LeavesSystemHeadersAndNotesThem) {
  const Result<Source> source = assemble(
      request_for("#include <linux/sched.h>\n#  include <net/sock.h>\n"));
  ASSERT_TRUE(source);
  EXPECT_EQ(source->system_includes,
            (std::set<std::string>{"linux/sched.h", "net/sock.h"}));
}

TEST(Source, NamesTheParameterThatWasMeant) {
  Request request =
      request_for("PARAM(bytes, 1)\nPARAM(failed, 0)\nPARAM_SET(fd)\n");
  request.parameters = {{"fdd", {1}}};
  EXPECT_EQ(error_of(request),
            "probe.bpf.c: no parameter \"fdd\"; did you mean \"fd\"? (it has: "
            "bytes, failed, fd)");
  request.parameters = {{"elephant", {1}}};
  EXPECT_EQ(error_of(request),
            "probe.bpf.c: no parameter \"elephant\" (it has: bytes, failed, "
            "fd)");
  request.parameters = {{"bytes", {1, 2}}};
  EXPECT_EQ(error_of(request),
            "probe.bpf.c: parameter \"bytes\" takes one value, not 2");
  request.parameters = {{"bytes", {}}};
  EXPECT_NE(error_of(request), "no error");
}

TEST(Source, PointsAtWrongDeclarations) {
  EXPECT_EQ(error_of("\n PARAM(x)\n"),
            "probe.bpf.c:2:2: error: expected PARAM(name, default)");
  EXPECT_EQ(error_of("PARAM_SET(x, 1)"),
            "probe.bpf.c:1:1: error: expected PARAM_SET(name)");
  EXPECT_EQ(error_of("PARAM(x, 1)\nPARAM(x, 2)\n"),
            "probe.bpf.c:2:7: error: parameter \"x\" declared twice");
  EXPECT_EQ(error_of("EVENT(x);\n"),
            "probe.bpf.c:1:1: error: expected EVENT(name) { members };");
  EXPECT_EQ(error_of("TAIL_CALL(m, N, f);\n"),
            "probe.bpf.c:1:14: error: the slot of TAIL_CALL must be a number");
  EXPECT_EQ(error_of("#include \"no.h\"\n"),
            "probe.bpf.c:1:10: error: cannot read /nonexistent/no.h: No such "
            "file or directory");
}

TEST(Source, RefusesFunctionsThatClangTakesForItsOwn) {
  EXPECT_TRUE(error_of("int exit(void *ctx) { return 0; }\n")
                  .starts_with("probe.bpf.c:1:5: error: a function cannot be "
                               "named \"exit\""));
  EXPECT_EQ(error_of("int f(void *ctx) { int exit = 0; return exit; }\n"),
            "no error");
}

}  // namespace
}  // namespace tracer::compiler
