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

// BCC's own outputs: outputs.h.

std::string submitting(const std::string& call) {
  return "struct data_t { int x; };\nBPF_PERF_OUTPUT(events);\n"
         "static int send(void *ctx, struct data_t *more) {\n"
         "  struct data_t data = {}; const struct data_t *far = more;\n"
         "  u64 number = 0; char text[8]; int y = 2 * data;\n"
         "  " +
         call + "\n}\n";
}

TEST(Outputs, GiveWayToFunctionsThatKnowTheStruct) {
  for (const char* what : {"&data", "more", "far", "(void *)&data"}) {
    const Result<Source> source = assemble(request_for(submitting(
        "events.perf_submit(ctx, " + std::string(what) + ", sizeof(data));")));
    ASSERT_TRUE(source) << why(source);
    EXPECT_EQ(source->events, (std::vector<std::string>{"events"}));
    EXPECT_EQ(source->outputs, (std::vector<std::string>{"events"}));
    const std::string& text = source->text;
    EXPECT_TRUE(contains(text, "tracer_output_events(ctx, " +
                                   std::string(what) + ", sizeof(data));"))
        << text;
    EXPECT_TRUE(contains(text, "EVENT_HEADER struct data_t data; };"))
        << what << text;
    EXPECT_TRUE(contains(text, "#define EVENT_ID_events 0\n"));
    // The function that calls stays on its line.
    EXPECT_TRUE(contains(text, "#line 3 \"probe.bpf.c\"\nstatic int send("));
  }
}

TEST(Outputs, OfNumbersAndBytes) {
  const std::string number =
      text_of(request_for(submitting("events.perf_submit(ctx, &number, 8);")));
  EXPECT_TRUE(contains(number, "EVENT_HEADER u64 data; };")) << number;
  for (const char* what : {"text", "&text", "more->next", "&unknown"}) {
    const std::string bytes = text_of(request_for(
        submitting("events.perf_submit(ctx, " + std::string(what) + ", y);")));
    EXPECT_TRUE(contains(bytes, "EVENT_HEADER char data[]; };"))
        << what << bytes;
  }
}

TEST(Outputs, OfRingsFindTheContext) {
  const std::string data = "struct d { int x; };\nBPF_RINGBUF_OUTPUT(r, 8);\n";
  const std::string body = " { struct d v; r.ringbuf_output(&v, 4, 0); }\n";
  EXPECT_TRUE(
      contains(text_of(request_for(data + "TRACEPOINT_PROBE(a, b)" + body)),
               "tracer_ringbuf_output_r(args, &v, 4, 0);"));
  EXPECT_TRUE(
      contains(text_of(request_for(data + "RAW_TRACEPOINT_PROBE(b)" + body)),
               "tracer_ringbuf_output_r(ctx, &v, 4, 0);"));
  EXPECT_EQ(error_of(data + "static int f(void)" + body),
            "probe.bpf.c:3:34: error: the function that calls "
            "r.ringbuf_output() needs a parameter named ctx: the context of "
            "its program");
}

TEST(Outputs, SendOneStructEach) {
  EXPECT_EQ(error_of(submitting("events.perf_submit(ctx, &data, 4);\n"
                                "  events.perf_submit(ctx, &number, 8);")),
            "probe.bpf.c:7:3: error: \"events\" sends u64 here and struct "
            "data_t elsewhere: give each an output of its own");
  EXPECT_EQ(error_of("EVENT(events) { int x; };\n" +
                     submitting("events.perf_submit(ctx, &data, 4);")),
            "probe.bpf.c:3:17: error: event \"events\" declared twice");
}

TEST(Outputs, OfTracerAndInMacrosAreLeft) {
  const std::string text = text_of(request_for(
      "BPF_PERF_OUTPUT(tracer_bell);\nBPF_PERF_OUTPUT(mine);\n"
      "#define SEND mine.perf_submit(ctx, &one, 4)\n"
      "int f(void *ctx) { int one; tracer_bell.perf_submit(ctx, &one, 4); }"));
  EXPECT_FALSE(contains(text, "tracer_output_")) << text;
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
