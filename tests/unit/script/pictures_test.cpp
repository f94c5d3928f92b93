// SPDX-License-Identifier: Apache-2.0
//
// What scripts show by rows, pictures and files, through the engine; what each
// looks like is tested in tests/lua.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "../temporary.h"
#include "base/user.h"
#include "events.h"
#include "script/engine.h"

namespace tracer::script {
namespace {

constexpr uint32_t kOwn = events::kHeaderSize;
// 2026-03-01 12:00:00 UTC, when the monotonic clock stood at zero.
constexpr int64_t kNoon = 1'772'366'400'000'000'000;

const std::string kTop =
    "local tracer = require 'tracer'\n"
    "local write = tracer.probe('write')\n";

std::string library() {
  return std::filesystem::path(__FILE__)
             .parent_path()
             .parent_path()
             .parent_path()
             .parent_path() /
         "lua";
}

class PicturesTest : public testing::Test {
 protected:
  PicturesTest() {
    schema_.event("write", kOwn + 4,
                  {{"fd", schema_.number(4, true), kOwn},
                   {"data", schema_.chars(0), kOwn + 4}});
    make({.emit = [this](std::string_view bytes) { out_ += bytes; },
          .on_limit = [] {},
          .sinks = &sinks_});
  }
  void make(Engine::Host host) {
    const Paths paths = {.lua = library(),
                         .probes = "/the/probes",
                         .scripts = "/the/scripts",
                         .worker = ""};
    Result<std::unique_ptr<Engine>> engine =
        Engine::create(paths, std::move(host));
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
  }
  Result<Declared> load(const std::string& script) {
    return engine_->load({.path = folder_.write("test.lua", script),
                          .name = "test.lua",
                          .usage = "tracer run [options] test.lua"},
                         {}, {});
  }
  std::string load_error(const std::string& script) {
    const Result<Declared> declared = load(script);
    return declared ? "" : declared.error().message;
  }
  /// What a script shows of two batches, of two events each, and at its end.
  std::string shown(const std::string& script, const RunOptions& options = {}) {
    const Result<Declared> declared = load(kTop + script);
    EXPECT_TRUE(declared) << declared.error().message;
    if (!declared) {
      return "";
    }
    const Result<void> bound =
        engine_->bind({{.schema = &schema_.schema(), .declared = 0}}, options,
                      format::Clock(kNoon, 0));
    EXPECT_TRUE(bound) << bound.error().message;
    EXPECT_TRUE(sinks_.start([] {}));
    for (const uint64_t second : {1U, 2U}) {
      events::Batch batch;
      for (const uint64_t half : {0U, 1U}) {
        Sample{.ts = second * 1'000'000'000 + half * 500'000'000,
               .own = raw(int32_t{1}) + "x\n"}
            .add_to(batch);
      }
      const Result<void> done = engine_->run(batch);
      EXPECT_TRUE(done) << done.error().message;
    }
    const Result<void> done = engine_->finish();
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_TRUE(sinks_.finish());
    return out_;
  }
  std::string content(const std::string& name) {
    return read_file(folder_.path(name)).value_or("no file");
  }

  TemporaryFolder folder_;
  std::string out_;
  sinks::ScriptSinks sinks_;
  SchemaMaker schema_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(PicturesTest, NamesTheNearestOfANameThatThereIsNot) {
  EXPECT_EQ(load_error("local t = require 'tracer'\nt.colums {}"),
            "test.lua:2: tracer has no \"colums\"; did you mean \"columns\"?");
}

TEST_F(PicturesTest, LoadsNoModuleThatNobodyAsksFor) {
  EXPECT_EQ(shown("tracer.at_end(function() for _, name in ipairs { 'columns', "
                  "'show', 'table', 'sink', 'lookup', 'paths' } do "
                  "assert(not package.loaded['tracer.' .. name], name) end "
                  "print 'none' end) write:on(function() end)"),
            "none\n");
}

TEST_F(PicturesTest, RowsOfEventsCarryTheTimeOfEach) {
  EXPECT_EQ(shown("local row = tracer.columns { 'FD:4', 'DATA' }\n"
                  "write:on(function(e) row:emit(e.fd, e.data) end)",
                  {.time = format::TimeStyle::kRelative}),
            "           FD   DATA\n"
            "  1.000000 1    x\\n\n"
            "  1.500000 1    x\\n\n"
            "  2.000000 1    x\\n\n"
            "  2.500000 1    x\\n\n");
}

TEST_F(PicturesTest, RowsAreObjectsInJson) {
  EXPECT_EQ(shown("local row = tracer.columns { 'FD:4', 'DATA' }\n"
                  "write:on(function(e) row:emit(e.fd, e.data) end)\n"
                  "tracer.at_end(function() tracer.show('a\\255') end)",
                  {.json = true}),
            "{\"fd\":1,\"data\":\"x\\n\"}\n{\"fd\":1,\"data\":\"x\\n\"}\n"
            "{\"fd\":1,\"data\":\"x\\n\"}\n{\"fd\":1,\"data\":\"x\\n\"}\n"
            "{\"text\":\"a\\u00ff\",\"enc\":\"latin1\"}\n");
}

TEST_F(PicturesTest, PicturesInAFileStandOneBelowTheOther) {
  EXPECT_EQ(
      shown("write:on(function(e) tracer.show('at ' .. e.ts / 1e9) end)\n"
            "tracer.at_end(function() tracer.show(tracer.table { columns = "
            "{ 'A' }, rows = { { 1 } } }) end)"),
      "at 1\n\nat 1.5\n\nat 2\n\nat 2.5\n\nA\n1\n");
}

TEST_F(PicturesTest, PicturesCarryTheTimeWithT) {
  EXPECT_EQ(shown("local n = 0\nwrite:on(function(e) n = n + 1 if n == 3 then "
                  "tracer.show('x') end end)\n"
                  "tracer.at_end(function() tracer.show('end') end)",
                  {.time = format::TimeStyle::kRelative, .replay = true}),
            "  2.000000\nx\n\n  2.500000\nend\n");
}

/// The master of a terminal of four lines; `slave` is its other end.
Fd open_terminal(Fd& slave) {
  Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  EXPECT_EQ(grantpt(master.get()), 0);
  EXPECT_EQ(unlockpt(master.get()), 0);
  slave = Fd(open(ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  const winsize size{.ws_row = 4, .ws_col = 80};
  EXPECT_EQ(ioctl(master.get(), TIOCSWINSZ, &size), 0);
  return master;
}

TEST_F(PicturesTest, OnATerminalABatchShowsWhatItsLastEventDoes) {
  const TemporaryVariable term("TERM", "xterm");
  Fd slave;
  const Fd master = open_terminal(slave);
  make({.emit = [this](std::string_view bytes) { out_ += bytes; },
        .on_limit = [] {},
        .output = [&] { return slave.get(); }});
  EXPECT_EQ(shown("write:on(function(e) tracer.show('at ' .. e.ts / 1e9)\n"
                  "tracer.show(e.ts < 2e9 and 'x' or '1\\n2\\n3\\n4') end)"),
            "\n\n\n\n\33[?7l\33[Hat 1.5\33[K\n\33[K\nx\33[K\n\33[J\33[?7h"
            "\33[?7l\33[Hat 2.5\33[K\n\33[K\n… 4 more\33[K\n\33[J\33[?7h");
}

TEST_F(PicturesTest, ShowsNothingElse) {
  EXPECT_EQ(load_error(kTop + "tracer.show(5)"),
            "test.lua:3: tracer.show: a picture (of tracer.table, "
            "tracer.histogram) or a text expected, got number");
}

TEST_F(PicturesTest, NothingIsShownBeforeTheTraceRuns) {
  EXPECT_EQ(load_error(kTop + "tracer.show 'x'"),
            "test.lua:3: tracer.show: the trace does not run yet; show things "
            "in handlers");
  make({.emit = [](std::string_view) {}, .on_limit = [] {}});
  EXPECT_EQ(load_error(kTop + "tracer.columns { 'A' }:emit(1)"),
            "test.lua:3: row:emit: the trace does not run yet; emit rows in "
            "handlers");
}

TEST_F(PicturesTest, AProbeIsNoPicture) {
  EXPECT_EQ(load_error(kTop + "tracer.show(write)"),
            "test.lua:3: tracer.show: a picture (of tracer.table, "
            "tracer.histogram) or a text expected, got table");
  make({.emit = [](std::string_view) {}, .on_limit = [] {}});
  EXPECT_EQ(
      load_error(kTop + "write:to(write)"),
      "test.lua:3: probe:to: a sink expected, as of tracer.sink.file, got "
      "table");
}

TEST_F(PicturesTest, AProbesTextGoesToItsSink) {
  const std::string script =
      "local sink = tracer.sink.file('" + folder_.path("lines") +
      "')\nwrite:to(sink):format(function(e, buf) buf:put(e.data) end)\n"
      "tracer.at_end(function() sink:write('end') print 'results' end)";
  folder_.write("lines", "what was there before");
  EXPECT_EQ(shown(script, {.time = format::TimeStyle::kRelative}), "results\n");
  EXPECT_EQ(content("lines"),
            "  1.000000 x\n  1.500000 x\n  2.000000 x\n  2.500000 x\nend");
  struct stat status {};
  ASSERT_EQ(stat(folder_.path("lines").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(PicturesTest, AProbesJsonGoesToItsSink) {
  EXPECT_EQ(shown("write:to(tracer.sink.file('" + folder_.path("lines") +
                      "')):format(function() end)",
                  {.json = true}),
            "");
  EXPECT_EQ(content("lines").rfind("{\"ts\":1000000000,", 0), 0);
}

TEST_F(PicturesTest, ASinkMayAppend) {
  folder_.write("lines", "before\n");
  shown("write:to(tracer.sink.file('" + folder_.path("lines") +
        "', { append = true })):format(function(e, buf) buf:put('y') end)");
  EXPECT_EQ(content("lines"), "before\nyyyy");
}

TEST_F(PicturesTest, ASinkIsEmptiedOnlyWhenTheTraceStarts) {
  folder_.write("lines", "before\n");
  ASSERT_TRUE(load(kTop + "tracer.sink.file('" + folder_.path("lines") + "')"));
  EXPECT_EQ(content("lines"), "before\n");
}

TEST_F(PicturesTest, ASinkThatCannotBeOpenedIsAnErrorInItsLine) {
  EXPECT_EQ(load_error(kTop + "tracer.sink.file '/no/such/folder/x'"),
            "test.lua:3: tracer.sink.file: cannot write to /no/such/folder/x: "
            "No such file or directory; name a file that can be written");
  EXPECT_EQ(load_error(kTop + "tracer.sink.file('x', { apend = true })"),
            "test.lua:3: tracer.sink.file: unknown option \"apend\"; did you "
            "mean \"append\"?");
}

TEST_F(PicturesTest, SinksAreDeclaredAtTheTop) {
  EXPECT_NE(shown("write:on(function() end)\ntracer.at_end(function() "
                  "print(pcall(tracer.sink.file, 'x')) end)")
                .find("declare sinks at the top of the script"),
            std::string::npos);
}

TEST_F(PicturesTest, AProbeIsSentToASinkAlone) {
  EXPECT_EQ(
      load_error(kTop + "write:to(5)"),
      "test.lua:3: probe:to: a sink expected, as of tracer.sink.file, got "
      "number");
}

TEST_F(PicturesTest, SeveralSinksGetTheSameInOrder) {
  EXPECT_EQ(shown("local a = tracer.sink.file('" + folder_.path("a") +
                  "')\nlocal b = tracer.sink.file('" + folder_.path("b") +
                  "')\nwrite:on(function() a:write('on ') end)"
                  "\nwrite:format(function(e, buf) buf:put('x\\n') end)"
                  "\nwrite:to(a, b, tracer.sink.stdout)"
                  "\ntracer.at_end(function() print(b:stats().dropped) end)"),
            "x\nx\nx\nx\n0\n");
  EXPECT_EQ(content("a"), "on x\non x\non x\non x\n");
  EXPECT_EQ(content("b"), "x\nx\nx\nx\n");
}

TEST_F(PicturesTest, SinksAreNamedInOneCall) {
  EXPECT_NE(load_error(kTop + "write:to(tracer.sink.stdout)"
                              "\nwrite:to(tracer.sink.stdout)")
                .find("test.lua:4: probe:to: this probe has a sink already"),
            std::string::npos);
}

TEST_F(PicturesTest, WithoutFilesASinkTakesWhatComes) {
  make({.emit = [this](std::string_view bytes) { out_ += bytes; },
        .on_limit = [] {}});
  shown("write:to(tracer.sink.file('" + folder_.path("lines") +
        "')):format(function(e, buf) buf:put('y') end)");
  EXPECT_FALSE(std::filesystem::exists(folder_.path("lines")));
}

TEST_F(PicturesTest, CountersBeyondTheThousandthAreOthers) {
  EXPECT_EQ(shown("local c = tracer.counter('c', 'help', { 'l', 'm' })\n"
                  "write:on(function() end) tracer.at_end(function()\n"
                  "for i = 1, 1200 do c:add(1, i, i) end\n"
                  "c:add(1, 5, 5)\n"
                  "print(#c.series, c.series[5].value, c.series[1001].value,"
                  "c.series[1001].labels[1]) end)"),
            "1001\t2\t200\tother\n");
}

TEST_F(PicturesTest, NamesUsersAndGroups) {
  const std::string script =
      "write:on(function() end) tracer.at_end(function() print(tracer.user(0), "
      "tracer.user(4294967294), tracer.group(0), tracer.group(4294967294)) "
      "end)";
  EXPECT_EQ(shown(script), "root\t4294967294\troot\t4294967294\n");
}

TEST_F(PicturesTest, NamesTheUsersOfARecordingAsItDoes) {
  engine_->name_user(1000, "somebody");
  EXPECT_EQ(shown("write:on(function() end) tracer.at_end(function() print("
                  "tracer.user(0), tracer.user(1000), tracer.group(0)) end)",
                  {.replay = true}),
            "0\tsomebody\t0\n");
}

TEST_F(PicturesTest, NamesSystemCalls) {
#ifdef __x86_64__
  const std::string names = "read\tgetpid\topenat2\n";
  const std::string numbers = "tracer.syscall(0), tracer.syscall(39), ";
#else
  const std::string names = "io_setup\tsetxattr\topenat2\n";
  const std::string numbers = "tracer.syscall(0), tracer.syscall(5), ";
#endif
  EXPECT_EQ(shown("write:on(function() end) tracer.at_end(function() print(" +
                  numbers + "tracer.syscall(437))\n" +
                  "print(tracer.syscall(1000), tracer.syscall(-1)) end)"),
            names + "syscall_1000\tsyscall_-1\n");
}

}  // namespace
}  // namespace tracer::script
