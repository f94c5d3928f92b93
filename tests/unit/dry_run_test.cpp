// SPDX-License-Identifier: Apache-2.0
//
// A dry run with the real engine and the real Lua library.
#include "dry_run.h"

#include <gtest/gtest.h>

#include "script/events.h"

namespace tracer {
namespace {

using script::SchemaMaker;

constexpr uint32_t kOwn = events::kHeaderSize;

class DryRunTest : public testing::Test {
 protected:
  /// What came of the handlers of a script with a probe "write".
  Result<void> run(const std::string& handlers) {
    const std::string home = TRACER_CHECKOUT;
    engine_ = script::Engine::create({.lua = home + "/lua",
                                      .probes = home + "/probes",
                                      .scripts = home + "/scripts",
                                      .worker = ""},
                                     DryRun::host())
                  .value();
    const script::Declared declared =
        engine_
            ->load({.path = "x.lua",
                    .name = "x.lua",
                    .text = "local tracer = require 'tracer'\n"
                            "local write = tracer.probe('write')\n" +
                            handlers},
                   {}, {})
            .value();
    maker_ = {};
    maker_.event("write", kOwn + 12,
                 {{"fd", maker_.number(4, true), kOwn},
                  {"ret", maker_.number(8, true), kOwn + 4},
                  {"data", maker_.chars(0), kOwn + 12}});
    EXPECT_TRUE(engine_->watch_jit());
    DryRun run(*engine_,
               {{.bound = {.schema = &maker_.schema(),
                           .declared = 0,
                           .maps = {{.name = "seen",
                                     .type = 1,
                                     .key_size = 4,
                                     .value_size = 8,
                                     .max_entries = 10}}},
                 .most = 100}},
               declared.timers.size());
    Result<void> done = run.run({});
    events_ = run.events();
    return done;
  }

  /// The lines of x.lua that the script's handlers leave the JIT at.
  std::vector<std::string> left(const std::string& handlers) {
    const Result<void> done = run(handlers);
    EXPECT_TRUE(done) << done.error().message;
    return engine_->left_the_jit().value();
  }

  SchemaMaker maker_;
  std::unique_ptr<script::Engine> engine_;
  uint64_t events_ = 0;
};

TEST_F(DryRunTest, CallsAllThatIsDeclared) {
  const auto reached = [this](const std::string& handler) {
    const Result<void> done = run(handler);
    return done ? "" : done.error().message;
  };
  EXPECT_EQ(reached("tracer.at_start(function() error 'here' end)"),
            "x.lua:3: here (in at_start)");
  EXPECT_EQ(reached("tracer.every(1, function() error 'here' end)"),
            "x.lua:3: here (in every)");
  EXPECT_EQ(reached("tracer.on_loss(function(l) error('ring ' .. l.ring) end)"),
            "x.lua:3: ring 3 (in on_loss)");
  EXPECT_EQ(reached("tracer.at_end(function() error 'here' end)"),
            "x.lua:3: here (in at_end)");
  for (const char* kind : {"on", "filter", "format"}) {
    EXPECT_TRUE(
        reached(std::string("write:") + kind + "(function() error 'here' end)")
            .starts_with("x.lua:3: here (at the event write of "))
        << kind;
  }
}

TEST_F(DryRunTest, GivesSomeThousandsOfEventsThatVary) {
  EXPECT_TRUE(
      run("local least, most, empty, cut = 0, 0, 0, 0\n"
          "write:on(function(e)\n"
          "  least, most = math.min(least, e.fd), math.max(most, e.fd)\n"
          "  if #e.data == 0 then empty = empty + 1 end\n"
          "  if e.truncated then cut = cut + 1 end\n"
          "end)\n"
          "tracer.at_end(function()\n"
          "  assert(least == -2^31 and most == 2^31 - 1, 'no limits')\n"
          "  assert(empty > 100 and cut > 100, 'no odd payload')\n"
          "end)"));
  EXPECT_EQ(events_, 4000U);
}

TEST_F(DryRunTest, SaysWhichEventItWas) {
  const Result<void> done =
      run("write:on(function(e)\n"
          "  if #e.data == 100 then error 'too long' end\n"
          "end)");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().status, kScriptError);
  EXPECT_TRUE(done.error().message.starts_with("x.lua:4: too long"));
  EXPECT_TRUE(done.error().hint.starts_with("it was made up: {\"ts\":"))
      << done.error().hint;
}

TEST_F(DryRunTest, GoesOnWhenTheScriptStopsIt) {
  EXPECT_TRUE(run("write:on(function() tracer.stop(7) end)"));
  EXPECT_EQ(events_, 4000U);
}

TEST_F(DryRunTest, AnswersForMapsThatTheyAreEmpty) {
  const Result<void> done =
      run("local found = 0\n"
          "write:on(function(e)\n"
          "  write.map.seen[1] = 5\n"
          "  found = found + (write.map.seen[1] and 1 or 0)\n"
          "end)\n"
          "tracer.at_end(function()\n"
          "  for _ in write.map.seen:pairs() do found = found + 1 end\n"
          "  assert(found == 0, 'something is there')\n"
          "end)");
  EXPECT_TRUE(done) << done.error().message;
}

TEST_F(DryRunTest, NamesNothingOfAScriptThatIsCompiled) {
  EXPECT_EQ(left("local sum = {}\n"
                 "write:filter(function(e) return e.fd ~= 7 end)\n"
                 "write:format(function(e, buf)\n"
                 "  sum[e.comm] = (sum[e.comm] or 0) + e.ret\n"
                 "  buf:put(string.format('%s %d %s\\n', e.comm, e.pid, "
                 "e.data))\n"
                 "end)\n"
                 "tracer.every(1, function()\n"
                 "  for k, v in pairs(sum) do print(k, v) end\n"
                 "end)"),
            std::vector<std::string>());
}

TEST_F(DryRunTest, NamesTheLineThatMakesAClosure) {
  EXPECT_EQ(left("local last\n"
                 "write:on(function(e)\n"
                 "  last = function() return e end\n"
                 "end)"),
            std::vector<std::string>(
                {"x.lua:5: leaves the JIT: NYI: bytecode FNEW (a closure is "
                 "made for each event: make it once, outside of the "
                 "handler)"}));
}

TEST_F(DryRunTest, NamesTheLineThatCallsWhatIsNotCompiled) {
  EXPECT_EQ(left("local last\n"
                 "write:on(function(e)\n"
                 "  local text = e.comm\n"
                 "  last = text:gsub('%a', 'x')\n"
                 "end)"),
            std::vector<std::string>(
                {"x.lua:6: leaves the JIT: NYI: string.gsub (patterns are not "
                 "compiled: string.find(s, x, 1, true), s:sub and s:byte "
                 "are)"}));
}

TEST_F(DryRunTest, NamesTheScriptsLineWhereTheLibraryLeavesTheJit) {
  const std::vector<std::string> lines = left(
      "write:on(function(e)\n"
      "  local a = 1\n"
      "  print(os.date('%c', e.fd), a)\n"
      "end)");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].starts_with("x.lua:5: leaves the JIT: NYI: os.date"))
      << lines[0];
}

}  // namespace
}  // namespace tracer
