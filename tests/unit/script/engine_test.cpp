// SPDX-License-Identifier: Apache-2.0
//
// The engine with the real Lua library and events made by hand.
#include "script/engine.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "../format/strict_json.h"
#include "../temporary.h"
#include "events.h"

namespace tracer::script {
namespace {

using events::Kind;

constexpr uint32_t kOwn = events::kHeaderSize;
// 2026-03-01 12:00:00 UTC, when the monotonic clock stood at zero.
constexpr int64_t kNoon = 1'772'366'400'000'000'000;

// What most scripts here begin with: two lines.
/// What is said of the event of write_of() that a handler failed at.
const std::string kAtTheEvent =
    " (at the event write of cat, process 100, thread 101)";
const std::string kTop =
    "local tracer = require 'tracer'\n"
    "local write = tracer.probe('write')\n";

std::string source_folder() {
  return TRACER_CHECKOUT;
}

const std::vector<BaseOption>& base_options() {
  static const std::vector<BaseOption> options = {
      {.name = "count",
       .short_name = "n",
       .takes_value = true,
       .metavar = "N",
       .help = "end after N events"},
      {.name = "quiet", .short_name = "q", .help = "say less"}};
  return options;
}

/// A write: its descriptor and its payload.
SchemaMaker write_schema() {
  SchemaMaker maker;
  const uint32_t number = maker.number(4, true);
  const uint32_t data = maker.chars(0);
  maker.event("write", kOwn + 4,
              {{"fd", number, kOwn}, {"data", data, kOwn + 4}});
  return maker;
}

Sample write_of(const std::string& text, uint16_t type = 0) {
  return {.type = type, .own = raw(int32_t{1}) + text};
}

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    const Paths paths = {.lua = source_folder() + "/lua",
                         .probes = "/the/probes",
                         .scripts = "/the/scripts",
                         .worker = ""};
    Result<std::unique_ptr<Engine>> engine = Engine::create(
        paths, {.emit = [this](std::string_view bytes) { out_ += bytes; },
                .on_limit = [this] { ++limits_; },
                .on_stop = [this](int status) { stopped_ = status; }});
    EXPECT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
  }

  Result<Declared> load(const std::string& script,
                        const std::vector<std::string>& arguments = {}) {
    return engine_->load({.path = folder_.write("test.lua", script),
                          .name = "test.lua",
                          .usage = "tracer run [options] test.lua"},
                         arguments, base_options());
  }
  /// What a script that does not work is refused with.
  Error load_error(const std::string& script,
                   const std::vector<std::string>& arguments = {}) {
    const Result<Declared> declared = load(script, arguments);
    EXPECT_FALSE(declared);
    return declared ? Error{} : declared.error();
  }
  /// Loads a script and tells it what its events look like.
  void start(const std::string& script, const RunOptions& options = {}) {
    const Result<Declared> declared = load(script);
    ASSERT_TRUE(declared) << declared.error().message;
    std::vector<BoundProbe> probes;
    for (size_t i = 0; i < declared->probes.size(); ++i) {
      probes.push_back({.schema = &schema_.schema(), .declared = i});
    }
    if (declared->processes) {
      probes.push_back({.schema = &schema_.schema(), .is_process_table = true});
    }
    const Result<void> bound =
        engine_->bind(probes, options, format::Clock(kNoon, 0));
    ASSERT_TRUE(bound) << bound.error().message;
  }
  Result<void> run(const std::vector<Sample>& samples) {
    events::Batch batch;
    for (const Sample& sample : samples) {
      sample.add_to(batch);
    }
    return engine_->run(batch);
  }
  /// What comes out for the events of one batch.
  std::string output_of(const std::vector<Sample>& samples) {
    out_.clear();
    const Result<void> done = run(samples);
    EXPECT_TRUE(done) << done.error().message;
    return out_;
  }
  /// The value of an expression with `e`, an event, as text.
  std::string value_of(const std::string& expression, const Sample& sample) {
    start(kTop + "write:format(function(e, buf) buf:put(tostring(" +
          expression + ")) end)");
    return output_of({sample});
  }
  /// What a handler fails with.
  Error run_error(const std::string& script,
                  const std::vector<Sample>& samples = {write_of("x")}) {
    start(script);
    const Result<void> done = run(samples);
    EXPECT_FALSE(done);
    return done ? Error{} : done.error();
  }

  TemporaryFolder folder_;
  std::string out_;
  int limits_ = 0;
  std::optional<int> stopped_;
  SchemaMaker schema_ = write_schema();
  std::unique_ptr<Engine> engine_;
};

class EngineNamesTest : public EngineTest {};

TEST_F(EngineNamesTest, AreToldApartHoweverManyThereAre) {
  start(kTop + "write:format(function(e, buf) buf:put(e.comm, '\\n') end)");
  std::vector<std::string> comms = {"", std::string(16, 'x'),
                                    std::string("a\0rubbish", 9)};
  for (int i = 0; i < 2000; ++i) {
    comms.push_back("n" + std::to_string(i * 7919));
  }
  std::vector<Sample> samples;
  std::string expected;
  for (int round = 0; round < 2; ++round) {
    for (const std::string& comm : comms) {
      Sample sample = write_of("");
      sample.comm = comm;
      samples.push_back(sample);
      expected += comm.substr(0, comm.find('\0')) + "\n";
    }
  }
  const auto half = samples.begin() + static_cast<ptrdiff_t>(comms.size());
  std::string shown = output_of({samples.begin(), half});
  shown += output_of({half, samples.end()});
  EXPECT_EQ(shown, expected);
}

class EngineLoadTest : public EngineTest {};

TEST_F(EngineLoadTest, OfAMissingFileIsAUsageError) {
  const Result<Declared> declared =
      engine_->load({.path = "/no/such.lua", .name = "/no/such.lua"}, {}, {});
  ASSERT_FALSE(declared);
  EXPECT_EQ(declared.error().status, kUsage);
  EXPECT_EQ(declared.error().message,
            "no script /no/such.lua: No such file or directory");
  EXPECT_NE(declared.error().hint.find("/the/scripts"), std::string::npos);
}

TEST_F(EngineLoadTest, NamesTheLineOfASyntaxError) {
  const Error error = load_error("local x = 1\nlocal = 2\n");
  EXPECT_EQ(error.status, kScriptError);
  EXPECT_EQ(error.message.rfind("test.lua:2: ", 0), 0) << error.message;
}

TEST_F(EngineLoadTest, NamesTheLineOfAnErrorAndKeepsTheTraceback) {
  const Error error = load_error("local x\n\nx.y = 1\n");
  EXPECT_EQ(error.status, kScriptError);
  EXPECT_EQ(error.message.rfind("test.lua:3: ", 0), 0) << error.message;
  EXPECT_NE(error.detail.find("stack traceback"), std::string::npos);
}

TEST_F(EngineLoadTest, RefusesGlobalVariables) {
  EXPECT_EQ(load_error("\nx = 1").message,
            "test.lua:2: x would be a global variable: write local x");
}

TEST_F(EngineLoadTest, RefusesNamesThatAreNotDefined) {
  EXPECT_EQ(load_error("\nlocal y = prnt").message,
            "test.lua:2: prnt is not defined");
}

TEST_F(EngineLoadTest, NamesThePlaceOfWhateverIsRaised) {
  EXPECT_EQ(load_error("error()").message,
            "test.lua:1: an error that is a nil and no text");
  EXPECT_EQ(load_error("error(function() end)").message,
            "test.lua:1: an error that is a function and no text");
  EXPECT_EQ(load_error("\nerror({})").message,
            "test.lua:2: an error that is a table and no text");
  EXPECT_EQ(load_error("error(setmetatable({}, { __tostring = function() "
                       "return 'mine' end }))")
                .message,
            "test.lua:1: mine");
  EXPECT_EQ(load_error("error(setmetatable({}, { __index = error, "
                       "__tostring = error }))")
                .message,
            "test.lua:1: an error that is a table and no text");
  EXPECT_EQ(load_error("error('plain', 0)").message, "test.lua:1: plain");
}

TEST_F(EngineLoadTest, TellsWhatWasDeclared) {
  const Result<Declared> declared = load(
      "local tracer = require 'tracer'\n"
      "tracer.probe('write', { bytes = 64, failed = true, fd = { 1, -2 } })\n"
      "tracer.probe { file = 'mine.bpf.c' }\n"
      "tracer.probe { file = '/abs.bpf.c' }\n"
      "tracer.probe { source = 'int x;' }\n");
  ASSERT_TRUE(declared) << declared.error().message;
  ASSERT_EQ(declared->probes.size(), 4);
  const auto& probes = declared->probes;
  EXPECT_EQ(probes[0].file, "/the/probes/write.bpf.c");
  EXPECT_EQ(probes[0].parameters,
            (std::map<std::string, artifact::ParameterValue>{
                {"bytes", {64}}, {"failed", {1}}, {"fd", {1, -2}}}));
  EXPECT_EQ(probes[1].file, folder_.path("mine.bpf.c")) << "beside the script";
  EXPECT_EQ(probes[2].file, "/abs.bpf.c");
  // Its lines are those of the script.
  EXPECT_EQ(probes[3].text, "\n\n\n\nint x;");
  EXPECT_EQ(probes[3].name, "test.lua:5");
}

TEST_F(EngineLoadTest, RefusesWrongProbesAtTheirLine) {
  const auto message = [&](const std::string& call) {
    return load_error("local tracer = require 'tracer'\n" + call).message;
  };
  EXPECT_EQ(message("tracer.probe(7)"),
            "test.lua:2: tracer.probe: a name, { file = … } or { source = … } "
            "expected, got number");
  EXPECT_EQ(message("tracer.probe('../x')"),
            "test.lua:2: tracer.probe: \"../x\" is not the name of a probe; a "
            "file is given as { file = \"../x\" }");
  EXPECT_EQ(message("tracer.probe { fiel = 'x' }"),
            "test.lua:2: tracer.probe: unknown key \"fiel\"; there are file "
            "and source");
  for (const char* call : {"tracer.probe {}", "tracer.probe { file = 7 }",
                           "tracer.probe { file = 'x', source = 'y' }"}) {
    EXPECT_EQ(message(call),
              "test.lua:2: tracer.probe: either file or source expected, a "
              "string");
  }
}

TEST_F(EngineLoadTest, RefusesWrongParametersAtTheirLine) {
  const auto message = [&](const std::string& parameters) {
    return load_error(
               "local tracer = require 'tracer'\n\ntracer.probe('write',"
               " " +
               parameters + ")")
        .message;
  };
  EXPECT_EQ(message("7"),
            "test.lua:3: tracer.probe: a table of parameters expected, got "
            "number");
  EXPECT_EQ(message("{ bytes = 'x' }"),
            "test.lua:3: parameter bytes: a number, a boolean or a list of "
            "numbers expected, got string");
  for (const char* number : {"1.5", "0/0", "1/0", "2^60", "-2^60"}) {
    EXPECT_EQ(message("{ bytes = " + std::string(number) + " }")
                  .rfind("test.lua:3: parameter bytes: a whole number "
                         "expected, got ",
                         0),
              0)
        << number;
  }
  EXPECT_EQ(message("{ fd = { 1, 'x' } }"),
            "test.lua:3: parameter fd: whole numbers expected, got x");
}

TEST_F(EngineLoadTest, RefusesWrongHandlersAtTheirLine) {
  const auto message = [&](const std::string& call) {
    return load_error(kTop + call).message;
  };
  EXPECT_EQ(message("write.filter(function() end)"),
            "test.lua:3: call it with a colon: probe:filter(function(e) … "
            "end)");
  EXPECT_EQ(message("write:on(7)"),
            "test.lua:3: probe:on: a function expected, got number");
  EXPECT_EQ(message("write:format(print)\nwrite:format(print)"),
            "test.lua:4: probe:format: this probe has one already");
  EXPECT_EQ(message("write:fromat(print)"),
            "test.lua:3: a probe has no \"fromat\"; did you mean \"format\"?");
  EXPECT_EQ(message("tracer.at_end(7)"),
            "test.lua:3: tracer.at_end: a function expected, got number");
}

TEST_F(EngineLoadTest, LetsHandlersBeChained) {
  EXPECT_TRUE(load(kTop + "write:filter(print):on(print):format(print)"));
}

TEST_F(EngineLoadTest, RefusesProbesAndHandlersOnceTheTraceRuns) {
  const Error late =
      run_error(kTop + "write:on(function() write:filter(print) end)");
  EXPECT_EQ(late.message,
            "test.lua:3: probe:filter: the trace runs already; declare "
            "handlers at the top of the script" +
                kAtTheEvent);
}

TEST_F(EngineLoadTest, FindsModulesBesideTheScriptAlone) {
  folder_.write("mine.lua", "return { answer = 42 }");
  EXPECT_EQ(load_error("error('got ' .. require('mine').answer, 0)").message,
            "test.lua:1: got 42");
  EXPECT_NE(load_error("require 'no.such.module'").message.find("not found"),
            std::string::npos);
}

TEST_F(EngineLoadTest, TellsWhetherThereMustBeATableOfProcesses) {
  folder_.write("users.lua", "return function(e) return e.user end");
  const std::string top = "local tracer = require 'tracer'\n";
  EXPECT_FALSE(load(top)->processes);
  EXPECT_TRUE(load(top + "return function(e) return e.exe end")->processes);
}

TEST_F(EngineLoadTest, LooksForThatInTheModulesOfAScript) {
  folder_.write("users.lua", "return function(e) return e.user end");
  EXPECT_TRUE(
      load("local tracer = require 'tracer'\nrequire 'users'")->processes);
}

TEST_F(EngineLoadTest, TellsWhetherThePayloadIsWanted) {
  const std::string top =
      "local tracer = require 'tracer'\nlocal w = tracer.probe('write')\n";
  EXPECT_FALSE(load(top + "w:on(function(e) return e.ret end)")->payload);
  EXPECT_TRUE(load(top + "w:on(function(e) return e.data end)")->payload);
  EXPECT_TRUE(load(top + "w:on(function(e) return e.truncated end)")->payload);
  EXPECT_TRUE(load(top)->payload) << "without handlers all is shown";
}

class EngineOptionsTest : public EngineTest {
 protected:
  // A script whose option becomes a parameter, which is seen from outside.
  const std::string script_ =
      "local tracer = require 'tracer'\n"
      "local opt = tracer.options { about = 'Try options.',\n"
      "  { 'bytes', short = 'b', type = 'size', default = 256,\n"
      "    help = 'how much' } }\n"
      "tracer.probe('write', { bytes = opt.bytes })\n";
};

TEST_F(EngineOptionsTest, ReachTheScript) {
  const Result<Declared> declared = load(script_, {"--bytes", "4k"});
  ASSERT_TRUE(declared);
  EXPECT_EQ(declared->probes[0].parameters.at("bytes"),
            artifact::ParameterValue{4096});
}

TEST_F(EngineOptionsTest, ThatAreOursComeBackAndSoDoProcesses) {
  const Result<Declared> declared =
      load(script_, {"17", "-qn", "5", "18", "--bytes=1"});
  ASSERT_TRUE(declared) << declared.error().message;
  ASSERT_EQ(declared->base_options.size(), 2);
  EXPECT_EQ(declared->base_options[0].name, "quiet");
  EXPECT_EQ(declared->base_options[1].name, "count");
  EXPECT_EQ(declared->base_options[1].value, "5");
  EXPECT_EQ(declared->positionals, (std::vector<std::string>{"17", "18"}));
}

TEST_F(EngineOptionsTest, OfOursWorkInAScriptThatDeclaresNone) {
  const Result<Declared> declared = load(kTop, {"--count", "3", "17"});
  ASSERT_TRUE(declared) << declared.error().message;
  EXPECT_EQ(declared->base_options[0].value, "3");
  EXPECT_EQ(declared->positionals, std::vector<std::string>{"17"});
}

TEST_F(EngineOptionsTest, ThatAreUnknownAreAUsageErrorWithASuggestion) {
  const Error error = load_error(script_, {"--byts", "1"});
  EXPECT_EQ(error.status, kUsage);
  EXPECT_EQ(error.message, "unknown option --byts");
  EXPECT_EQ(error.hint, "did you mean --bytes?");
}

TEST_F(EngineOptionsTest, WithWrongValuesAreAUsageError) {
  const Error error = load_error(script_, {"--bytes", "many"});
  EXPECT_EQ(error.status, kUsage);
  EXPECT_EQ(error.message.rfind("--bytes: ", 0), 0) << error.message;
  EXPECT_EQ(load_error(kTop, {"--nothing"}).status, kUsage);
}

TEST_F(EngineOptionsTest, AreExplainedByHelp) {
  const Result<Declared> declared = load(script_, {"--help"});
  ASSERT_TRUE(declared);
  ASSERT_TRUE(declared->help);
  EXPECT_EQ(declared->help->rfind("usage: tracer run [options] test.lua", 0),
            0);
  for (const char* part : {"Try options.", "-b, --bytes", "how much",
                           "--count N", "end after N events"}) {
    EXPECT_NE(declared->help->find(part), std::string::npos) << part;
  }
}

TEST_F(EngineOptionsTest, AreDeclaredOnce) {
  EXPECT_EQ(load_error(script_ + "tracer.options {}").message,
            "test.lua:6: tracer.options: a script declares its options once");
}

TEST_F(EngineOptionsTest, ThatWereNotDeclaredAreAnErrorAtTheirLine) {
  EXPECT_EQ(
      load_error(script_ + "print(opt.byts)").message.rfind("test.lua:6: ", 0),
      0);
}

TEST_F(EngineTest, ShowsWhatFormatPutsIntoTheBuffer) {
  start(kTop +
        "write:format(function(e, buf) buf:put(e.comm, ' ', e.pid, ' ', e.fd, "
        "' ', tracer.quote(e.data), '\\n') end)");
  EXPECT_EQ(output_of({write_of("one\n"), write_of("\x1b")}),
            "cat 100 1 \"one\\n\"\ncat 100 1 \"\\x1b\"\n");
  EXPECT_EQ(engine_->delivered(), 2);
  EXPECT_EQ(engine_->shown(), 2);
}

TEST_F(EngineTest, DropsAndCountsWhatTheFilterDoesNotWant) {
  start(kTop +
        "write:filter(function(e) return e.data ~= 'no' end)\n"
        "write:format(function(e, buf) buf:put(e.data, '\\n') end)");
  EXPECT_EQ(output_of({write_of("a"), write_of("no"), write_of("b")}),
            "a\nb\n");
  EXPECT_EQ(engine_->filtered(), 1);
  EXPECT_EQ(engine_->shown(), 2);
  EXPECT_EQ(engine_->delivered(), 3);
}

TEST_F(EngineTest, CallsFilterThenOnThenFormat) {
  start(kTop +
        "write:format(function(e, buf) buf:put('format ', e.data, '\\n') end)\n"
        "write:on(function(e) print('on', e.data) end)\n"
        "write:filter(function(e) io.write('filter ', e.data, '\\n') "
        "return e.data == 'yes' end)");
  EXPECT_EQ(output_of({write_of("no"), write_of("yes")}),
            "filter no\nfilter yes\non\tyes\nformat yes\n");
}

TEST_F(EngineTest, ShowsNothingWhereAScriptOnlyListens) {
  start(kTop + "write:on(function(e) end)");
  EXPECT_EQ(output_of({write_of("a")}), "");
  EXPECT_EQ(engine_->delivered(), 1);
}

TEST_F(EngineTest, ShowsJsonWhereAScriptHasNoHandler) {
  start(kTop);
  const std::string json = output_of({write_of("a\n")});
  EXPECT_TRUE(format::StrictJson::is_valid(json.substr(0, json.size() - 1)))
      << json;
  EXPECT_NE(json.find(R"("fd":1,"data":"a\n","truncated":false)"),
            std::string::npos);
}

TEST_F(EngineTest, ShowsJsonInsteadOfTextWhenAsked) {
  start(kTop + "write:format(function() error('not called') end)",
        {.json = true, .time = format::TimeStyle::kRelative});
  const std::string json = output_of({write_of("a"), write_of("b")});
  EXPECT_EQ(json.rfind("{\"ts\":1000000000,", 0), 0) << json;
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 2);
}

TEST_F(EngineTest, ShowsJsonOfWhatPassesTheFilter) {
  start(kTop + "write:filter(function(e) return e.data == 'b' end)",
        {.json = true});
  const std::string json = output_of({write_of("a"), write_of("b")});
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 1);
  EXPECT_NE(json.find("\"data\":\"b\""), std::string::npos);
}

TEST_F(EngineTest, PutsTheTimeBeforeEachText) {
  start(kTop +
            "write:format(function(e, buf) if e.data ~= '' then "
            "buf:put(e.data, '\\n') end end)",
        {.time = format::TimeStyle::kRelative});
  Sample late = write_of("b");
  late.ts = 2'500'000'000;
  EXPECT_EQ(output_of({write_of("a"), write_of(""), late}),
            "  1.000000 a\n  2.500000 b\n");
}

TEST_F(EngineTest, TellsTheTimeOfAnEvent) {
  EXPECT_EQ(value_of("e.time", write_of("a")),
            "2026-03-01T12:00:01.000000000Z");
}

TEST_F(EngineTest, StopsExactlyAtTheLimit) {
  start(kTop + "write:format(function(e, buf) buf:put(e.data) end)",
        {.limit = 3});
  EXPECT_EQ(output_of({write_of("a"), write_of("b")}), "ab");
  EXPECT_EQ(limits_, 0);
  EXPECT_EQ(output_of({write_of("c"), write_of("d"), write_of("e")}), "c");
  EXPECT_EQ(limits_, 1);
  EXPECT_EQ(output_of({write_of("f")}), "");
  EXPECT_EQ(engine_->shown(), 3);
  EXPECT_EQ(engine_->delivered(), 3) << "what came behind it is not seen";
}

TEST_F(EngineTest, CountsForTheLimitWhatTheFilterLeaves) {
  start(kTop +
            "write:filter(function(e) return e.data ~= 'no' end)\n"
            "write:format(function(e, buf) buf:put(e.data) end)",
        {.limit = 2});
  EXPECT_EQ(output_of({write_of("no"), write_of("a"), write_of("no"),
                       write_of("b"), write_of("no")}),
            "ab");
  EXPECT_EQ(engine_->delivered(), 4);
  EXPECT_EQ(engine_->filtered(), 2);
}

TEST_F(EngineTest, HandsOnWhatIsFormattedWithEachBatch) {
  start(kTop + "write:format(function(e, buf) buf:put(e.data, '\\n') end)");
  EXPECT_EQ(output_of({write_of("a")}), "a\n");
  EXPECT_EQ(output_of({write_of("b")}), "b\n");
  EXPECT_EQ(output_of({}), "");
}

TEST_F(EngineTest, HandlesAFullBatchOfEvents) {
  start(kTop +
        "local n = 0\nwrite:on(function(e) n = n + #e.data end)\n"
        "tracer.at_end(function() print(n) end)");
  const std::vector<Sample> samples(events::Batch::kMaxEvents, write_of("abc"));
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(run(samples));
  }
  ASSERT_TRUE(engine_->finish());
  EXPECT_EQ(out_, "61440\n");
  EXPECT_EQ(engine_->delivered(), 5 * events::Batch::kMaxEvents);
}

TEST_F(EngineTest, CallsEachAtEndInItsOrder) {
  start(kTop +
        "tracer.at_end(function() print('first') end)\n"
        "tracer.at_end(function() print('second') end)");
  ASSERT_TRUE(engine_->finish());
  EXPECT_EQ(out_, "first\nsecond\n");
}

TEST_F(EngineTest, KeepsWhatWasPrintedBeforeTheFirstEvent) {
  start("print('top', 1, nil, true)\nio.write('of ', 2, '\\n')\n" + kTop +
        "write:format(function(e, buf) buf:put('event\\n') end)");
  EXPECT_EQ(output_of({write_of("a")}), "top\t1\tnil\ttrue\nof 2\nevent\n");
}

TEST_F(EngineTest, NamesTheLineOfAHandlerThatFailsAndTheEvent) {
  const Error error = run_error(
      kTop + "local nothing\nwrite:on(function(e)\n  nothing()\nend)");
  EXPECT_EQ(error.status, kScriptError);
  EXPECT_EQ(error.message.rfind("test.lua:5: ", 0), 0) << error.message;
  EXPECT_TRUE(error.message.ends_with(kAtTheEvent)) << error.message;
  EXPECT_NE(error.detail.find("stack traceback"), std::string::npos);
}

TEST_F(EngineTest, SuggestsTheFieldThatWasMeant) {
  EXPECT_EQ(
      run_error(kTop + "\nwrite:on(function(e) return e.dta end)").message,
      "test.lua:4: no field \"dta\" in the event write; did you mean "
      "\"data\"? (it has: cgroup, comm, cpu, data, event, exe, fd, pid, ppid, "
      "tid, "
      "time, truncated, ts, user)" +
          kAtTheEvent);
}

class EngineProcessTest : public EngineTest {
 protected:
  /// A record of the process table; its type stands behind that of writes.
  static Sample process(uint32_t pid, uint32_t uid, const std::string& exe) {
    const std::string bytes = events::Processes::seed(
        {.ts = 1, .pid = pid, .uid = uid, .exe = exe, .cgroup = "/a"}, 1);
    return {.ts = 1, .type = 1, .own = bytes.substr(events::kHeaderSize)};
  }
  const std::string script_ =
      kTop +
      "write:format(function(e, buf) buf:put(e.user, ' ', e.exe, ' ', e.cgroup,"
      " ' ', e.data, '\\n') end)";
};

TEST_F(EngineProcessTest, ShowsWhoAProcessIsAtTheTimeOfEachEvent) {
  start(script_);
  EXPECT_EQ(output_of({process(100, 0, "/bin/sh"), write_of("1"),
                       process(100, 4'000'000'000, "/bin/cat"), write_of("2"),
                       write_of("3")}),
            "root /bin/sh /a 1\n"
            "4000000000 /bin/cat /a 2\n"
            "4000000000 /bin/cat /a 3\n");
  EXPECT_EQ(output_of({process(100, 0, "/bin/sh"), write_of("4")}),
            "root /bin/sh /a 4\n");
}

TEST_F(EngineProcessTest, ShowsAQuestionMarkForAProcessThatIsNotKnown) {
  start(script_);
  EXPECT_EQ(output_of({write_of("x")}), "? ? ? x\n");
}

TEST_F(EngineProcessTest, IsNoEventOfTheScript) {
  start(script_, {.limit = 3});
  EXPECT_EQ(output_of({process(100, 0, "/a"), write_of("1"),
                       process(100, 0, "/b"), write_of("2")}),
            "root /a /a 1\nroot /b /a 2\n");
  EXPECT_EQ(engine_->delivered(), 2);
  EXPECT_EQ(limits_, 0);
  output_of({process(100, 0, "/c"), write_of("3"), process(100, 0, "/d")});
  EXPECT_EQ(engine_->delivered(), 3);
  EXPECT_EQ(engine_->shown(), 3);
  EXPECT_EQ(limits_, 1);
}

TEST_F(EngineProcessTest, KeepsUpWithManyTexts) {
  start(script_);
  for (int i = 0; i < 20'000; ++i) {
    const std::string exe = "/bin/" + std::to_string(i);
    ASSERT_EQ(output_of({process(100, 0, exe), write_of("x")}),
              "root " + exe + " /a x\n");
  }
}

TEST_F(EngineProcessTest, AFieldThatTheTextDoesNotNameFailsAtItsLine) {
  const Error error = run_error(
      kTop + "write:on(function(e)\n  local _ = e['us' .. e.data]\nend)",
      {write_of("er")});
  EXPECT_EQ(
      error.message.rfind("test.lua:4: the field \"user\" must be named", 0), 0)
      << error.message;
}

TEST_F(EngineProcessTest, AnEventMayHaveAFieldOfThatName) {
  SchemaMaker maker;
  const uint32_t number = maker.number(4, true);
  maker.event("write", kOwn + 4, {{"user", number, kOwn}});
  schema_ = maker;
  EXPECT_EQ(value_of("e.user", {.own = raw(int32_t{5})}), "5");
}

TEST_F(EngineTest, CallsWhatIsForTheStartAndForTheTimers) {
  const Result<Declared> declared =
      load(kTop +
           "tracer.at_start(function() print('start') end)\n"
           "tracer.every('500ms', function() print('half') end)\n"
           "tracer.every(2, function() print('two') end)");
  ASSERT_TRUE(declared);
  EXPECT_EQ(declared->timers,
            (std::vector<uint64_t>{500'000'000, 2'000'000'000}));
  ASSERT_TRUE(engine_->bind({{.schema = &schema_.schema(), .declared = 0}}, {},
                            format::Clock(kNoon, 0)));
  ASSERT_TRUE(engine_->start());
  ASSERT_TRUE(engine_->tick(1));
  ASSERT_TRUE(engine_->tick(0));
  EXPECT_EQ(out_, "start\ntwo\nhalf\n");
}

TEST_F(EngineTest, RefusesIntervalsThatAreNone) {
  EXPECT_EQ(load_error(kTop + "tracer.every('1x', print)").message,
            "test.lua:3: tracer.every: an interval expected, such as 1 or "
            "\"500ms\", got 1x");
  EXPECT_EQ(load_error(kTop + "tracer.every(0, print)").message,
            "test.lua:3: tracer.every: the shortest interval is 1ms, got 0");
  EXPECT_EQ(load_error(kTop + "tracer.every(1)").message,
            "test.lua:3: tracer.every: a function expected, got nil");
}

TEST_F(EngineTest, StopsBehindTheEventThatWantedIt) {
  start(kTop +
        "write:on(function(e) print(e.data)\n"
        "if e.data == 'b' then tracer.stop(7) end end)\n"
        "tracer.every(1, function() print('tick') end)\n"
        "tracer.at_end(function() print('end') end)");
  ASSERT_TRUE(run({write_of("a"), write_of("b"), write_of("c")}));
  EXPECT_EQ(stopped_, 7);
  ASSERT_TRUE(run({write_of("d")}));
  ASSERT_TRUE(engine_->tick(0));
  ASSERT_TRUE(engine_->finish());
  EXPECT_EQ(out_, "a\nb\nend\n");
  EXPECT_EQ(engine_->delivered(), 2);
}

TEST_F(EngineTest, CannotStopBeforeItRuns) {
  EXPECT_EQ(
      load_error(kTop + "tracer.stop()").message,
      "test.lua:3: tracer.stop: the trace does not run yet; error(…) ends "
      "a script");
}

TEST_F(EngineTest, RefusesAStatusThatIsTooLarge) {
  const Error error = run_error(
      kTop + "write:on(function(e)\n  tracer.stop(256)\nend)", {write_of("x")});
  EXPECT_EQ(error.message,
            "test.lua:4: tracer.stop: a status from 0 to 255 "
            "expected, got 256" +
                kAtTheEvent);
}

TEST_F(EngineTest, NamesWhatTheLibraryDoesNotHave) {
  EXPECT_EQ(load_error(kTop + "tracer.ever(1, print)").message,
            "test.lua:3: tracer has no \"ever\"; did you mean \"every\"?");
}

TEST_F(EngineTest, KeepsACopyOfAnEvent) {
  start(kTop +
        "local kept = {}\n"
        "write:on(function(e) kept[#kept + 1] = e:copy() end)\n"
        "tracer.at_end(function()\n"
        "  for _, e in ipairs(kept) do print(e.fd, e.data, e.pid) end\n"
        "  collectgarbage()\n"
        "  print(kept[1]:copy().data, tostring(kept[1]):sub(1, 8))\n"
        "end)");
  ASSERT_TRUE(run({write_of("a"), write_of("a longer text")}));
  ASSERT_TRUE(run({write_of("b")}));
  ASSERT_TRUE(engine_->finish());
  EXPECT_EQ(out_,
            "1\ta\t100\n1\ta longer text\t100\n1\tb\t100\n"
            "a\t{\"ts\":10\n");
}

TEST_F(EngineTest, HidesTheFieldsOfTheHeaderThatAreItsOwn) {
  EXPECT_EQ(run_error(kTop + "write:on(function(e) return e.len end)")
                .message.rfind("test.lua:3: no field \"len\"", 0),
            0);
}

TEST_F(EngineTest, KeepsTheLinesBeforeTheEventThatFailed) {
  start(kTop +
        "write:format(function(e, buf) if e.data == 'bad' then error('no') end "
        "buf:put(e.data, '\\n') end)");
  EXPECT_FALSE(
      run({write_of("a"), write_of("b"), write_of("bad"), write_of("c")}));
  engine_->flush();
  EXPECT_EQ(out_, "a\nb\n");
  EXPECT_EQ(engine_->delivered(), 3);
}

TEST_F(EngineTest, TellsTheEventThatFailedAlsoInCompiledCode) {
  start(kTop +
        "local n = 0\nwrite:on(function(e) n = n + 1\n"
        "if n == 3000 then error('now') end end)");
  std::vector<Sample> samples(4000, write_of("x"));
  samples[2999].comm = "culprit";
  const Result<void> done = run(samples);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("write of culprit"), std::string::npos);
  EXPECT_EQ(engine_->delivered(), 3000);
}

TEST_F(EngineTest, NamesTheLineOfAnErrorAtTheEnd) {
  start(kTop +
        "tracer.at_end(function()\n  print('so far')\n  error('no')\n"
        "end)");
  const Result<void> done = engine_->finish();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "test.lua:5: no");
  EXPECT_EQ(done.error().status, kScriptError);
  engine_->flush();
  EXPECT_EQ(out_, "so far\n");
}

TEST_F(EngineTest, GivesEachEventToItsProbe) {
  start(
      "local tracer = require 'tracer'\n"
      "local one = tracer.probe('write')\nlocal two = tracer.probe('write')\n"
      "one:format(function(e, buf) buf:put('one ', e.data, '\\n') end)\n"
      "two:format(function(e, buf) buf:put('two ', e.data, '\\n') end)");
  EXPECT_EQ(output_of({write_of("a", 1), write_of("b", 0), write_of("c", 1)}),
            "two a\none b\ntwo c\n");
}

TEST_F(EngineTest, GivesAllEventTypesOfAProbeToItsHandlers) {
  schema_.event("mark", kOwn, {});
  start(
      "local tracer = require 'tracer'\n"
      "local one = tracer.probe('write')\nlocal two = tracer.probe('write')\n"
      "one:format(function(e, buf) buf:put('one ', e.pid, '\\n') end)\n"
      "two:format(function(e, buf) buf:put('two ', e.pid, '\\n') end)");
  EXPECT_EQ(
      output_of(
          {{.type = 3, .pid = 1}, {.type = 1, .pid = 2}, write_of("x", 2)}),
      "two 1\none 2\ntwo 100\n");
}

TEST_F(EngineTest, HandlesManyProbes) {
  std::string script = "local tracer = require 'tracer'\n";
  for (int i = 0; i < 40; ++i) {
    const std::string number = std::to_string(i);
    script +=
        "tracer.probe('write'):filter(function() return true end)"
        ":on(function() end):format(function(e, buf) buf:put('" +
        number + " ') end)\n";
  }
  start(script);
  EXPECT_EQ(output_of({write_of("x", 39), write_of("x", 0), write_of("x", 20)}),
            "39 0 20 ");
}

class EngineFieldTest : public EngineTest {};

TEST_F(EngineFieldTest, TruncatedSaysWhetherThePayloadWasCut) {
  start(kTop +
        "write:format(function(e, buf) buf:put(tostring(e.truncated), ' ') "
        "end)");
  EXPECT_EQ(output_of({write_of("x"), write_of("x", events::kCutFlag)}),
            "false true ");
}

TEST_F(EngineFieldTest, DataHasAllBytesOfThePayload) {
  EXPECT_EQ(
      value_of("tracer.quote(e.data)", write_of(std::string("a\0\xff", 3))),
      "\"a\\x00\\xff\"");
}

TEST_F(EngineFieldTest, DataMayBeEmpty) {
  EXPECT_EQ(value_of("#e.data", write_of("")), "0");
}

TEST_F(EngineFieldTest, DataMayBeAMegabyte) {
  EXPECT_EQ(value_of("#e.data .. e.data:sub(-3)",
                     write_of(std::string((1 << 20) - 3, 'x') + "end")),
            "1048576end");
}

TEST_F(EngineFieldTest, DataIsEmptyWhereAProbeSentLessThanItsEvent) {
  EXPECT_EQ(value_of("#e.data", {.own = ""}), "0");
}

TEST_F(EngineFieldTest, CommMayFillItsArray) {
  Sample sample = write_of("");
  sample.comm = "sixteen letters!";
  EXPECT_EQ(value_of("e.comm", sample), "sixteen letters!");
}

TEST_F(EngineFieldTest, TextEndsAtItsNulWhateverStandsBehind) {
  Sample sample = write_of("");
  sample.comm = std::string_view("name\0with rubbish", 16);
  EXPECT_EQ(value_of("e.comm", sample), "name");
}

TEST_F(EngineFieldTest, IntegersOf64BitsAreNumbers) {
  schema_ = {};
  const uint32_t with_sign = schema_.number(8, true);
  const uint32_t without = schema_.number(8);
  schema_.event("e", kOwn + 16,
                {{"a", with_sign, kOwn}, {"b", without, kOwn + 8}});
  EXPECT_EQ(value_of("type(e.a) .. ' ' .. e.a + 1 .. ' ' .. e.b",
                     {.own = raw(int64_t{-6}) + raw(uint64_t{1} << 40)}),
            "number -5 1099511627776");
}

TEST_F(EngineFieldTest, TimesAreNumbers) {
  EXPECT_EQ(value_of("e.ts / 1e9", write_of("")), "1");
}

TEST_F(EngineFieldTest, NumbersOfEachWidthKeepTheirSign) {
  schema_ = {};
  std::vector<events::Member> members;
  uint32_t at = kOwn;
  for (const uint32_t size : {1U, 2U, 4U}) {
    for (const bool is_signed : {false, true}) {
      const std::string name = (is_signed ? "s" : "u") + std::to_string(size);
      members.push_back({name, schema_.number(size, is_signed), at});
      at += size;
    }
  }
  schema_.event("e", at, members);
  EXPECT_EQ(
      value_of("table.concat({ e.u1, e.s1, e.u2, e.s2, e.u4, e.s4 }, ' ')",
               {.own = std::string(14, '\xff')}),
      "255 -1 65535 -1 4294967295 -1");
}

TEST_F(EngineFieldTest, RecordsListsAndAnonymousMembersAreReached) {
  schema_ = {};
  const uint32_t word = schema_.number(2);
  const uint32_t pair =
      schema_.record(Kind::kStruct, 4, {{"x", word, 0}, {"y", word, 2}});
  const uint32_t inner = schema_.record(Kind::kUnion, 2, {{"hidden", word, 0}});
  const uint32_t list = schema_.array(pair, 2);
  schema_.event("e", kOwn + 12, {{"", inner, kOwn}, {"pairs", list, kOwn + 4}});
  std::string own = raw(uint16_t{7}) + "\xee\xee";
  for (const uint16_t each : std::initializer_list<uint16_t>{1, 2, 3, 4}) {
    own += raw(each);
  }
  EXPECT_EQ(
      value_of("e.hidden .. ' ' .. e.pairs[1].x .. e.pairs[1].y", {.own = own}),
      "7 34");
}

TEST_F(EngineFieldTest, BitFieldsAreReachedWhereverTheyAre) {
  schema_ = {};
  const uint32_t wide = schema_.number(8);
  const uint32_t with_sign = schema_.number(8, true);
  const uint32_t flag = schema_.plain(Kind::kBool, 1);
  schema_.event("e", kOwn + 9,
                {{"low", wide, kOwn, 0, 3},
                 {"minus", with_sign, kOwn, 3, 9},
                 {"high", wide, kOwn, 50, 14},
                 {"no", flag, kOwn + 8, 0, 1},
                 {"yes", flag, kOwn + 8, 1, 1}});
  EXPECT_EQ(value_of("table.concat({ e.low, e.minus, e.high, tostring(e.no), "
                     "tostring(e.yes) }, ' ')",
                     {.own = raw(UINT64_MAX) + "\2"}),
            "7 -1 16383 false true");
}

TEST_F(EngineFieldTest, GapsDoNotMoveWhatFollows) {
  schema_ = {};
  const uint32_t byte = schema_.number(1);
  const uint32_t wide = schema_.number(8);
  schema_.event("e", kOwn + 20,
                {{"a", byte, kOwn + 1}, {"b", wide, kOwn + 12}});
  EXPECT_EQ(value_of("e.a .. ' ' .. e.b",
                     {.own = std::string("\xee\5") + std::string(10, '\xee') +
                             raw(uint64_t{9})}),
            "5 9");
}

class EngineMapTest : public EngineTest {
 protected:
  /// One entry, 5 → 7, whatever is asked.
  struct OneEntry : events::MapAccess {
    events::MapAnswer call(uint32_t map, events::MapOp op,
                           std::string_view in) override {
      asked += std::to_string(map) + ":" +
               std::to_string(static_cast<int>(op)) + ":" +
               std::to_string(in.size()) + " ";
      bytes = op == events::MapOp::kGet ? raw(uint64_t{7})
                                        : raw(uint32_t{5}) + raw(uint64_t{7});
      return {events::MapStatus::kDone, bytes};
    }
    std::string asked;
    std::string bytes;
  };

  Result<void> end_of(const std::string& body) {
    const Result<Declared> declared =
        load(kTop + "tracer.at_end(function() " + body + " end)");
    EXPECT_TRUE(declared) << declared.error().message;
    events::Map map{.name = "counts",
                    .type = 1,
                    .key_size = 4,
                    .value_size = 8,
                    .max_entries = 10};
    const Result<void> bound = engine_->bind(
        {{.schema = &schema_.schema(), .declared = 0, .maps = {map, map}}}, {},
        format::Clock(kNoon, 0), &maps_);
    EXPECT_TRUE(bound) << bound.error().message;
    return engine_->finish();
  }
  OneEntry maps_;
};

TEST_F(EngineMapTest, ReachesMapsByTheirNumber) {
  const Result<void> done = end_of(
      "print(write.map.counts:get(5)) "
      "for k, v in write.map.counts:drain() do print(k, v) end");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(out_, "7\n5\t7\n");
  EXPECT_EQ(maps_.asked, "1:0:4 1:4:0 ");
}

TEST_F(EngineMapTest, NamesTheLineOfAMistake) {
  const Result<void> done = end_of("\n write.map.cuonts:get(5)");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message,
            "test.lua:4: the probe has no map \"cuonts\"; did you mean "
            "\"counts\"? (it has: counts, counts)");
}

TEST_F(EngineMapTest, HasNoMapsBeforeTheTraceRuns) {
  EXPECT_EQ(load_error(kTop + "local m = write.map").message,
            "test.lua:3: probe.map: the trace does not run yet; maps are read "
            "in handlers and in at_end");
}

TEST_F(EngineMapTest, KnowsWhetherAScriptReadsMaps) {
  EXPECT_TRUE(
      load(kTop + "tracer.at_end(function() local m = write.map end)")->maps);
}

TEST_F(EngineMapTest, KnowsThatAScriptReadsNone) {
  EXPECT_FALSE(load(kTop)->maps);
}

}  // namespace
}  // namespace tracer::script
