// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>

namespace tracer::cli {
namespace {

using Words = std::vector<std::string>;

RunCommand parsed(const Words& words) {
  Result<RunCommand> command = parse(Verb::kRun, words);
  EXPECT_TRUE(command) << command.error().message;
  return command ? *command : RunCommand{};
}

/// What a command line is refused with; always a usage error.
Error refused(const Words& words) {
  const Result<RunCommand> command = parse(Verb::kRun, words);
  EXPECT_FALSE(command) << testing::PrintToString(words);
  if (command) {
    return {};
  }
  EXPECT_EQ(command.error().status, kUsage) << command.error().message;
  return command.error();
}

TEST(ParseRun, CutsAtTheScriptAndAtTheDashes) {
  const RunCommand command =
      parsed({"-q", "writesnoop", "17", "--fd", "1", "-q", "--", "ls", "-l"});
  EXPECT_TRUE(command.quiet);
  EXPECT_EQ(command.script, "writesnoop");
  EXPECT_EQ(command.script_words, (Words{"17", "--fd", "1", "-q"}));
  EXPECT_EQ(command.command, (Words{"ls", "-l"}));
}

TEST(ParseRun, HasDefaults) {
  const RunCommand command = parsed({"x.lua"});
  EXPECT_EQ(command.script, "x.lua");
  EXPECT_TRUE(command.follow);
  EXPECT_FALSE(command.leave || command.quiet || command.verbose ||
               command.help || command.fail_on_loss);
  EXPECT_TRUE(command.script_words.empty() && command.pids.empty() &&
              command.command.empty());
  EXPECT_EQ(command.buffer, 0);
  EXPECT_EQ(command.duration, std::nullopt);
  EXPECT_EQ(command.show.limit, 0);
}

TEST(ParseRun, TakesTheFirstDashesAlone) {
  EXPECT_EQ(parsed({"x", "--", "env", "--", "ls"}).command,
            (Words{"env", "--", "ls"}));
}

TEST(ParseRun, TakesAllOptions) {
  const RunCommand command =
      parsed({"--pid",    "1",           "-p",
              "2",        "--no-follow", "-u",
              "me",       "-d",          "250ms",
              "-n",       "5",           "-o",
              "/tmp/out", "--format",    "json",
              "-t",       "delta",       "--buffer",
              "8M",       "--leave",     "--fail-on-loss",
              "-v",       "-q",          "-h",
              "x"});
  EXPECT_EQ(command.pids, (Words{"1", "2"}));
  EXPECT_FALSE(command.follow);
  EXPECT_EQ(command.user, "me");
  EXPECT_EQ(command.duration, std::chrono::milliseconds(250));
  EXPECT_EQ(command.show.limit, 5);
  EXPECT_EQ(command.output, "/tmp/out");
  EXPECT_TRUE(command.show.json);
  EXPECT_EQ(command.show.time, format::TimeStyle::kDelta);
  EXPECT_EQ(command.buffer, 8 << 20);
  EXPECT_TRUE(command.leave && command.fail_on_loss && command.verbose &&
              command.quiet && command.help);
}

TEST(ParseRun, TakesValuesInEachForm) {
  for (const Words& words : {Words{"--count", "5"},
                             {"--count=5"},
                             {"-n", "5"},
                             {"-n5"},
                             {"-qn5"},
                             {"-vqn", "5"}}) {
    Words line = words;
    line.emplace_back("x");
    EXPECT_EQ(parsed(line).show.limit, 5) << testing::PrintToString(words);
    EXPECT_EQ(parsed(line).script, "x");
  }
}

TEST(ParseRun, LeavesValuesAsTheyAre) {
  EXPECT_EQ(parsed({"-o", "a,b=c d", "x"}).output, "a,b=c d");
  EXPECT_EQ(parsed({"--output=a=b", "x"}).output, "a=b");
  EXPECT_EQ(parsed({"-o--", "x"}).output, "--");
  EXPECT_EQ(parsed({"-p", "1,2", "x"}).pids, Words{"1,2"});
}

TEST(ParseRun, TakesAWordBehindTheScriptForTheScripts) {
  const RunCommand command = parsed({"x", "-n", "0", "--nonsense", "y"});
  EXPECT_EQ(command.script_words, (Words{"-n", "0", "--nonsense", "y"}));
  EXPECT_EQ(command.show.limit, 0);
}

TEST(ParseRun, TakesASingleDashForAScript) {
  EXPECT_EQ(parsed({"-q", "-"}).script, "-");
}

TEST(ParseRun, SuggestsTheOptionThatWasMeant) {
  const Error error = refused({"--duratoin", "5s", "x"});
  EXPECT_EQ(error.message, "unknown option --duratoin");
  EXPECT_EQ(error.hint, "did you mean --duration?");
  EXPECT_EQ(refused({"--cuont=5", "x"}).hint, "did you mean --count?");
}

TEST(ParseRun, NamesOptionsThatItDoesNotKnow) {
  for (const char* word : {"--nonsense", "-x", "-1", "---pid", "--p", "--n"}) {
    const Error error = refused({word, "5", "x"});
    EXPECT_EQ(error.message, std::string("unknown option ") + word);
    EXPECT_NE(error.hint, "");
  }
  EXPECT_EQ(refused({"-qx", "x"}).message, "unknown option -x");
}

TEST(ParseRun, TakesADashForStandardOutput) {
  // There came to be a file of that name.
  EXPECT_EQ(parsed({"-o", "-", "x"}).output, "");
  EXPECT_EQ(parsed({"-o", "file", "-o", "-", "x"}).output, "");
  EXPECT_EQ(parsed({"-o", "./-", "x"}).output, "./-");
  EXPECT_EQ(parse(Verb::kRecord, {"-o", "-", "x"})->output, "-");
}

TEST(ParseRun, RefusesValuesThatAreNone) {
  EXPECT_EQ(refused({"-n", "0", "x"}).message,
            "--count: not a number of events: 0");
  EXPECT_EQ(refused({"-d", "-5", "x"}).message,
            "--duration: not a duration: -5");
  EXPECT_EQ(refused({"--buffer", "0", "x"}).message, "--buffer: not a size: 0");
  for (const Words& words : {Words{"-n", "-1"},
                             {"-n", "x"},
                             {"-n", "1.5"},
                             {"-n="},
                             {"--count="},
                             {"-d", "soon"},
                             {"--buffer", "65G"},
                             {"--buffer", "-1"},
                             {"--format", "xml"},
                             {"-t", "never"},
                             {"-u", ""}}) {
    Words line = words;
    line.emplace_back("x");
    EXPECT_NE(refused(line).hint, "") << testing::PrintToString(words);
  }
}

TEST(ParseRun, NamesTheChoices) {
  EXPECT_NE(refused({"--format", "xml", "x"}).hint.find("text"),
            std::string::npos);
  EXPECT_NE(refused({"-t", "never", "x"}).hint.find("relative"),
            std::string::npos);
}

TEST(ParseRun, RefusesAValueForAnOptionThatTakesNone) {
  // --quiet=false would have been quiet.
  for (const char* word : {"--quiet=false", "--no-follow=1", "--help="}) {
    const std::string option = std::string(word).substr(0, strcspn(word, "="));
    EXPECT_EQ(refused({word, "x"}).message, option + " takes no value");
  }
}

TEST(ParseRun, RefusesAnOptionWhoseValueIsMissing) {
  for (const Words& words :
       {Words{"-p"}, {"--pid"}, {"-qp"}, {"-q", "--user"}}) {
    EXPECT_NE(refused(words).message, "") << testing::PrintToString(words);
  }
}

TEST(ParseRun, NeedsAScript) {
  for (const Words& words :
       {Words{}, {"-q"}, {"-p", "1"}, {"--", "ls"}, {"-q", "--", "ls"}}) {
    EXPECT_EQ(refused(words).message, "no script")
        << testing::PrintToString(words);
  }
}

TEST(ParseRun, NeedsACommandBehindTheDashes) {
  EXPECT_EQ(refused({"x", "--"}).message, "no command behind --");
  EXPECT_EQ(refused({"x", "17", "--"}).message, "no command behind --");
}

TEST(ParseRun, NeedsNoScriptForHelp) {
  EXPECT_TRUE(parsed({"--help"}).help);
  EXPECT_EQ(parsed({"-h"}).script, "");
}

RunCommand parsed_as(Verb verb, const Words& words) {
  Result<RunCommand> command = parse(verb, words);
  EXPECT_TRUE(command) << command.error().message;
  return command ? *command : RunCommand{};
}

Error refused_as(Verb verb, const Words& words) {
  const Result<RunCommand> command = parse(verb, words);
  EXPECT_FALSE(command) << testing::PrintToString(words);
  if (command) {
    return {};
  }
  EXPECT_EQ(command.error().status, kUsage);
  EXPECT_NE(command.error().hint, "") << command.error().message;
  return command.error();
}

TEST(ParseRun, TakesAFileToRecordTo) {
  EXPECT_EQ(parsed({"--record", "x.trc", "x"}).record, "x.trc");
  EXPECT_EQ(refused({"--record", "-", "x"}).hint,
            "tracer record -o - records into a pipe");
  EXPECT_NE(refused({"--record=", "x"}).message, "");
}

TEST(ParseRecord, TakesAFileAScriptAndTargets) {
  const RunCommand command = parsed_as(
      Verb::kRecord,
      {"-o", "x.trc", "-p", "1", "writesnoop", "2", "--fd", "1", "--", "ls"});
  EXPECT_EQ(command.verb, Verb::kRecord);
  EXPECT_EQ(command.output, "x.trc");
  EXPECT_EQ(command.pids, Words{"1"});
  EXPECT_EQ(command.script, "writesnoop");
  EXPECT_EQ(command.script_words, (Words{"2", "--fd", "1"}));
  EXPECT_EQ(command.command, Words{"ls"});
}

TEST(ParseRecord, NeedsAFile) {
  EXPECT_EQ(refused_as(Verb::kRecord, {"x", "17"}).message, "record where to?");
  EXPECT_TRUE(parsed_as(Verb::kRecord, {"--help"}).help);
}

TEST(ParseRecord, MixesNoPipeWithTheOutputOfACommand) {
  EXPECT_EQ(parsed_as(Verb::kRecord, {"-o", "-", "x", "17"}).output, "-");
  EXPECT_EQ(refused_as(Verb::kRecord, {"-o", "-", "x", "--", "ls"}).message,
            "the recording and the output of CMD would mix");
}

TEST(ParseRecord, HasNoOptionsThatShowOrReplay) {
  for (const char* option : {"--format", "--time", "--count", "--record",
                             "--from", "--to", "--realtime"}) {
    EXPECT_EQ(refused_as(Verb::kRecord, {"-o", "f", option, "1", "x"}).message,
              std::string("unknown option ") + option);
  }
}

TEST(ParseReplay, TakesAFileAndAScript) {
  const RunCommand command = parsed_as(
      Verb::kReplay, {"-q", "--format", "json", "-p", "7", "--no-follow",
                      "--realtime", "x.trc", "writesnoop", "--fd", "2"});
  EXPECT_EQ(command.verb, Verb::kReplay);
  EXPECT_EQ(command.recording, "x.trc");
  EXPECT_EQ(command.script, "writesnoop");
  EXPECT_EQ(command.script_words, (Words{"--fd", "2"}));
  EXPECT_EQ(command.pids, Words{"7"});
  EXPECT_FALSE(command.follow);
  EXPECT_TRUE(command.realtime && command.quiet && command.show.json);
  EXPECT_EQ(parsed_as(Verb::kReplay, {"-", "x"}).recording, "-");
}

TEST(ParseReplay, NeedsBoth) {
  EXPECT_EQ(refused_as(Verb::kReplay, {}).message, "no script");
  EXPECT_EQ(refused_as(Verb::kReplay, {"x.trc"}).message, "no script");
}

TEST(ParseReplay, StartsNoCommand) {
  EXPECT_EQ(refused_as(Verb::kReplay, {"x.trc", "x", "--", "ls"}).message,
            "a replay starts no command");
}

TEST(ParseReplay, TakesMomentsInBothForms) {
  using namespace std::chrono_literals;
  const RunCommand since =
      parsed_as(Verb::kReplay, {"--from", "2.5s", "--to=3m", "x.trc", "x"});
  EXPECT_EQ(since.from->since_start, 2500ms);
  EXPECT_EQ(since.to->since_start, 3min);
  EXPECT_FALSE(since.from->wall || since.to->wall);
  const RunCommand wall = parsed_as(
      Verb::kReplay, {"--from", "2026-03-01T12:00:00.5Z", "x.trc", "x"});
  EXPECT_EQ(wall.from->wall, 1'772'366'400'500ms);
  EXPECT_FALSE(wall.from->since_start || wall.to);
  for (const char* word : {"soon", "-1s", "2026-03-01", ""}) {
    EXPECT_EQ(
        refused_as(Verb::kReplay, {std::string("--from=") + word, "x.trc", "x"})
            .message,
        std::string("--from: not a moment: ") + word);
  }
}

TEST(ParseReplay, HasNoOptionsOfALiveRun) {
  for (const char* option :
       {"--user", "--duration", "--buffer", "--transport", "--latency",
        "--leave", "--fail-on-loss", "--no-cache", "--record"}) {
    EXPECT_EQ(
        refused_as(Verb::kReplay, {option, "1", "x.trc", "writesnoop"}).message,
        std::string("unknown option ") + option);
  }
}

TEST(Apply, AddsWhatStoodBehindTheScript) {
  RunCommand command = parsed({"-p", "1", "-n", "3", "x"});
  ASSERT_TRUE(command.apply(
      command,
      {{"pid", "2"}, {"count", "7"}, {"no-follow", ""}, {"format", "json"}}));
  EXPECT_EQ(command.pids, (Words{"1", "2"}));
  EXPECT_EQ(command.show.limit, 7) << "the later one counts";
  EXPECT_FALSE(command.follow);
  EXPECT_TRUE(command.show.json);
}

TEST(Apply, RefusesWrongValuesAsWell) {
  RunCommand command;
  const Result<void> result = apply(command, {{"count", "0"}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().status, kUsage);
  EXPECT_EQ(result.error().message, "--count: not a number of events: 0");
}

constexpr std::array kVerbs = {Verb::kRun, Verb::kRecord, Verb::kReplay};

TEST(Usage, NamesEveryOption) {
  for (const Verb verb : kVerbs) {
    const std::string text = usage(verb);
    for (const script::BaseOption& option : options_of(verb)) {
      EXPECT_NE(text.find("--" + option.name), std::string::npos)
          << option.name;
      EXPECT_NE(text.find(option.help), std::string::npos) << option.name;
    }
    EXPECT_EQ(text.back(), '\n');
  }
}

TEST(Usage, FitsATerminal) {
  std::string all = overview();
  for (const Verb verb : kVerbs) {
    all += usage(verb);
  }
  std::istringstream text(all);
  for (std::string line; std::getline(text, line);) {
    // The bytes that begin a character.
    const auto columns = std::count_if(
        line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
    EXPECT_LE(columns, 80) << line;
  }
}

TEST(RunOptions, HaveNamesOfTheirOwn) {
  std::vector<std::string> names;
  for (const script::BaseOption& option : options_of(Verb::kRun)) {
    names.push_back(option.name);
    if (!option.short_name.empty()) {
      EXPECT_EQ(option.short_name.size(), 1);
      names.push_back(option.short_name);
    }
    EXPECT_EQ(option.takes_value, !option.metavar.empty()) << option.name;
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace tracer::cli
