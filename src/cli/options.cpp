// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <algorithm>
#include <array>
#include <cxxopts.hpp>

#include "base/words.h"

namespace tracer::cli {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{1} << 20;

using Options = std::vector<script::BaseOption>;

const script::BaseOption* find_option(const Options& options,
                                      const std::string& name) {
  for (const script::BaseOption& option : options) {
    if (option.name == name || option.short_name == name) {
      return &option;
    }
  }
  return nullptr;
}

tl::unexpected<Error> unknown_option(Verb verb, const std::string& word) {
  std::vector<std::string> names;
  for (const script::BaseOption& option : options_of(verb)) {
    names.push_back("--" + option.name);
  }
  const std::optional<std::string> near = nearest(word, names);
  return fail_usage("unknown option " + word,
                    near ? "did you mean " + *near + "?"
                         : std::string("tracer ") + name_of(verb) +
                               " --help lists the options; those of a "
                               "script stand behind its name");
}

/// How many of `words` belong to the options before the script: the first word
/// that is neither an option nor the value of one is the script.
Result<size_t> count_options(Verb verb, const std::vector<std::string>& words) {
  const Options& options = options_of(verb);
  size_t at = 0;
  while (at < words.size()) {
    const std::string& word = words[at];
    if (word.size() < 2 || word[0] != '-' || word == "--") {
      return at;
    }
    ++at;
    if (word[1] == '-') {
      const size_t equals = word.find('=');
      const std::string name = word.substr(2, equals - 2);
      const script::BaseOption* option = find_option(options, name);
      if (option == nullptr || name.size() < 2) {
        return unknown_option(verb, word.substr(0, equals));
      }
      if (!option->takes_value && equals != std::string::npos) {
        return fail_usage("--" + name + " takes no value");
      }
      if (option->takes_value && equals == std::string::npos) {
        ++at;
      }
      continue;
    }
    // -x, -xvalue, -xyz: letters up to the first that takes a value.
    for (size_t i = 1; i < word.size(); ++i) {
      const script::BaseOption* option =
          find_option(options, word.substr(i, 1));
      if (option == nullptr) {
        return unknown_option(verb, "-" + word.substr(i, 1));
      }
      if (option->takes_value) {
        at += i + 1 == word.size() ? 1 : 0;
        break;
      }
    }
  }
  return at;
}

tl::unexpected<Error> bad_value(const std::string& option,
                                const std::string& what,
                                const std::string& value,
                                const std::string& hint) {
  return fail_usage("--" + option + ": not " + what + ": " + value, hint);
}

/// The one of some words that `value` is.
template <typename T>
Result<T> one_of(const std::string& option, const std::string& value,
                 const std::vector<std::pair<std::string, T>>& choices) {
  std::string all;
  for (const auto& [word, meaning] : choices) {
    if (word == value) {
      return meaning;
    }
    all += (all.empty() ? "" : ", ") + word;
  }
  return fail_usage("--" + option + ": no such choice: " + value,
                    "there are " + all);
}

/// A moment of a recording: a time since its start, or one of the clock.
Result<Moment> parse_moment(const std::string& option,
                            const std::string& value) {
  if (const auto since_start = parse_duration(value)) {
    return Moment{.since_start = *since_start};
  }
  if (const auto wall = parse_iso_time(value)) {
    return Moment{.wall = *wall};
  }
  return bad_value(option, "a moment", value,
                   "write it as a time since the start, 2.5s, or as JSON has "
                   "it, 2026-03-01T12:00:00.5Z");
}

Result<void> set(RunCommand& command, const std::string& name,
                 const std::string& value) {
  if (name == "pid") {
    command.pids.push_back(value);
  } else if (name == "no-follow") {
    command.follow = false;
  } else if (name == "leave") {
    command.leave = true;
  } else if (name == "user") {
    if (value.empty()) {
      return fail_usage("--user: no user is named",
                        "without it CMD runs as who called sudo");
    }
    command.user = value;
  } else if (name == "duration") {
    command.duration = parse_duration(value);
    if (!command.duration) {
      return bad_value(name, "a duration", value,
                       "write it as 10s, 250ms, 5m or 1h");
    }
  } else if (name == "count") {
    const std::optional<int64_t> count = parse_int(value);
    if (!count || *count < 1) {
      return bad_value(name, "a number of events", value,
                       "it must be 1 or more");
    }
    command.show.limit = static_cast<uint64_t>(*count);
  } else if (name == "bytes") {
    const std::optional<uint64_t> size = parse_size(value);
    if (!size || *size > kMaxBytes) {
      return bad_value(name, "a size up to 1M", value,
                       "write it as 4096, 64k or 1M");
    }
    command.bytes = static_cast<int64_t>(*size);
  } else if (name == "output") {
    if (value.empty()) {
      return fail_usage("--output: no file is named");
    }
    // Results go to standard output anyway; a recording only if asked.
    command.output = value == "-" && command.verb != Verb::kRecord ? "" : value;
  } else if (name == "format") {
    command.show.json =
        TRY(one_of<bool>(name, value, {{"text", false}, {"json", true}}));
  } else if (name == "time") {
    command.show.time = TRY(
        one_of<format::TimeStyle>(name, value,
                                  {{"none", format::TimeStyle::kNone},
                                   {"wall", format::TimeStyle::kWall},
                                   {"relative", format::TimeStyle::kRelative},
                                   {"delta", format::TimeStyle::kDelta}}));
  } else if (name == "buffer") {
    const std::optional<uint64_t> size = parse_size(value);
    if (!size || *size == 0 || *size > (uint64_t{64} << 30)) {
      return bad_value(name, "a size", value,
                       "write it as 65536, 64k, 8M or 1G");
    }
    command.buffer = *size;
  } else if (name == "transport") {
    command.transport = TRY(one_of<bpf::Transport>(
        name, value,
        {{"perf", bpf::Transport::kPerf}, {"ring", bpf::Transport::kRing}}));
  } else if (name == "latency") {
    command.latency =
        TRY(one_of<bpf::Latency>(name, value,
                                 {{"low", bpf::Latency::kLow},
                                  {"balanced", bpf::Latency::kBalanced},
                                  {"throughput", bpf::Latency::kThroughput}}));
  } else if (name == "fail-on-loss") {
    command.fail_on_loss = true;
  } else if (name == "no-cache") {
    command.cache = false;
  } else if (name == "record") {
    if (value.empty() || value == "-") {
      return fail_usage("--record: not a file: " + value,
                        "tracer record -o - records into a pipe");
    }
    command.record = value;
  } else if (name == "from") {
    command.from = TRY(parse_moment(name, value));
  } else if (name == "to") {
    command.to = TRY(parse_moment(name, value));
  } else if (name == "realtime") {
    command.realtime = true;
  } else if (name == "verbose") {
    command.verbose = true;
  } else if (name == "quiet") {
    command.quiet = true;
  } else if (name == "help") {
    command.help = true;
  }
  return {};
}

}  // namespace

namespace {

// Which verbs have an option.
constexpr unsigned bit(Verb verb) {
  return 1U << static_cast<unsigned>(verb);
}
constexpr unsigned kOnlyRun = bit(Verb::kRun);
constexpr unsigned kOnlyReplay = bit(Verb::kReplay);
constexpr unsigned kLive = bit(Verb::kRun) | bit(Verb::kRecord);
constexpr unsigned kShow = bit(Verb::kRun) | bit(Verb::kReplay);
constexpr unsigned kAll = kLive | kShow;
constexpr unsigned kCheck = bit(Verb::kCheck);

struct Row {
  unsigned verbs;
  script::BaseOption option;
};

Options make_options(Verb verb) {
  static const std::vector<Row> rows = {
      {kAll | kCheck,
       {.name = "pid",
        .short_name = "p",
        .takes_value = true,
        .multiple = true,
        .metavar = "PID",
        .help = "this process and its children"}},
      {kAll | kCheck, {.name = "no-follow", .help = "leave out children"}},
      {kLive,
       {.name = "user",
        .short_name = "u",
        .takes_value = true,
        .metavar = "USER",
        .help = "run CMD as USER (default: who called sudo)"}},
      {kLive,
       {.name = "duration",
        .short_name = "d",
        .takes_value = true,
        .metavar = "TIME",
        .help = "end after this time: 10s, 250ms, 5m, 1h"}},
      {kShow,
       {.name = "count",
        .short_name = "n",
        .takes_value = true,
        .metavar = "N",
        .help = "end after N events"}},
      {kAll | kCheck,
       {.name = "bytes",
        .takes_value = true,
        .metavar = "SIZE",
        .help = "payload kept of each event, at most 1M"}},
      {kAll,
       {.name = "output",
        .short_name = "o",
        .takes_value = true,
        .metavar = "FILE",
        .help = "write to FILE (mode 0600)"}},
      {kShow | kCheck,
       {.name = "format",
        .takes_value = true,
        .metavar = "FORMAT",
        .help = "text, or json: one object a line"}},
      {kShow | kCheck,
       {.name = "time",
        .short_name = "t",
        .takes_value = true,
        .metavar = "STYLE",
        .help = "a time before each line: none, wall, relative, delta"}},
      {kOnlyRun,
       {.name = "record",
        .takes_value = true,
        .metavar = "FILE",
        .help = "also record the events, for tracer replay"}},
      {kOnlyReplay,
       {.name = "from",
        .takes_value = true,
        .metavar = "WHEN",
        .help = "leave out what came before: 2.5s, or JSON's time"}},
      {kOnlyReplay,
       {.name = "to",
        .takes_value = true,
        .metavar = "WHEN",
        .help = "leave out what came later"}},
      {kOnlyReplay,
       {.name = "realtime", .help = "at the speed at which it happened"}},
      {kLive,
       {.name = "buffer",
        .takes_value = true,
        .metavar = "SIZE",
        .help = "memory for events in the kernel, all CPUs together"}},
      {kLive | kCheck,
       {.name = "transport",
        .takes_value = true,
        .metavar = "KIND",
        .help = "perf: a buffer for each CPU; ring: one for all"}},
      {kLive,
       {.name = "latency",
        .takes_value = true,
        .metavar = "KIND",
        .help = "low, balanced or throughput: how soon, or how cheap"}},
      {kLive,
       {.name = "leave",
        .help = "leave CMD running if the trace ends before it"}},
      {kLive,
       {.name = "fail-on-loss", .help = "status 4 if an event was lost"}},
      {kLive | kCheck, {.name = "no-cache", .help = "compile the probes anew"}},
      {kAll | kCheck,
       {.name = "verbose",
        .short_name = "v",
        .help = "say more: timings, logs, tracebacks"}},
      {kAll,
       {.name = "quiet",
        .short_name = "q",
        .help = "no ready line and no summary"}},
      {kAll | kCheck, {.name = "help", .short_name = "h", .help = "show this"}},
  };
  Options options;
  for (const Row& row : rows) {
    if ((row.verbs & bit(verb)) != 0) {
      options.push_back(row.option);
    }
  }
  return options;
}

}  // namespace

const std::vector<script::BaseOption>& options_of(Verb verb) {
  static const std::array<Options, 4> options = {
      make_options(Verb::kRun), make_options(Verb::kRecord),
      make_options(Verb::kReplay), make_options(Verb::kCheck)};
  return options[static_cast<size_t>(verb)];
}

Result<void> apply(RunCommand& command,
                   const std::vector<script::OptionValue>& options) {
  for (const script::OptionValue& option : options) {
    TRY(set(command, option.name, option.value));
  }
  return {};
}

const char* name_of(Verb verb) {
  static constexpr std::array kNames = {"run", "record", "replay", "check"};
  return kNames[static_cast<size_t>(verb)];
}

namespace {

/// What stands before the script; `count` words of it.
Result<void> parse_front(Verb verb, const std::vector<std::string>& words,
                         size_t count, RunCommand& command) {
  const std::string program = std::string("tracer ") + name_of(verb);
  cxxopts::Options parser(program);
  for (const script::BaseOption& option : options_of(verb)) {
    const std::string names = option.short_name.empty()
                                  ? option.name
                                  : option.short_name + "," + option.name;
    if (option.takes_value) {
      parser.add_options()(names, option.help,
                           cxxopts::value<std::vector<std::string>>());
    } else {
      parser.add_options()(names, option.help);
    }
  }
  std::vector<const char*> argv = {program.c_str()};
  for (size_t i = 0; i < std::min(count, words.size()); ++i) {
    argv.push_back(words[i].c_str());
  }
  try {
    const cxxopts::ParseResult parsed =
        parser.parse(static_cast<int>(argv.size()), argv.data());
    for (const cxxopts::KeyValue& given : parsed.arguments()) {
      TRY(set(command, given.key(), given.value()));
    }
  } catch (const cxxopts::exceptions::exception& error) {
    return fail_usage(error.what(), program + " --help lists the options");
  }
  return {};
}

}  // namespace

namespace {

Result<void> check_recording(const RunCommand& command) {
  if (command.output.empty()) {
    return fail_usage("record where to?",
                      "write it as: tracer record -o FILE writesnoop PID");
  }
  if (command.output == "-" && !command.command.empty()) {
    return fail_usage("the recording and the output of CMD would mix",
                      "name a file with -o FILE");
  }
  return {};
}

}  // namespace

Result<RunCommand> parse(Verb verb, const std::vector<std::string>& words) {
  RunCommand command;
  command.verb = verb;
  command.base = &options_of(verb);
  command.apply = apply;
  const size_t count = TRY(count_options(verb, words));
  TRY(parse_front(verb, words, count, command));

  auto rest =
      words.begin() + static_cast<ptrdiff_t>(std::min(count, words.size()));
  if (verb == Verb::kReplay && rest != words.end()) {
    command.recording = *rest++;
  }
  const auto dashes = std::find(rest, words.end(), "--");
  if (dashes != words.end()) {
    if (verb == Verb::kReplay) {
      return fail_usage("a replay starts no command",
                        "write it as: tracer replay FILE SCRIPT");
    }
    if (verb == Verb::kCheck) {
      return fail_usage("a check starts no command",
                        "write it as: tracer check SCRIPT");
    }
    command.command.assign(dashes + 1, words.end());
    if (command.command.empty()) {
      return fail_usage("no command behind --",
                        std::string("write it as: tracer ") + name_of(verb) +
                            " SCRIPT -- CMD ARGS…");
    }
  }
  if (verb == Verb::kRecord && !command.help) {
    TRY(check_recording(command));
  }
  if (rest != dashes) {
    command.script = *rest;
    command.script_words.assign(rest + 1, dashes);
    if (command.bytes) {
      // Most scripts have this option themselves; theirs wins.
      command.script_words.insert(command.script_words.begin(),
                                  "--bytes=" + std::to_string(*command.bytes));
      command.bytes.reset();
    }
  } else if (!command.help) {
    return fail_usage(
        "no script",
        std::string("write it as: ") +
            (verb == Verb::kReplay   ? "tracer replay FILE writesnoop"
             : verb == Verb::kRecord ? "tracer record -o FILE writesnoop PID"
             : verb == Verb::kCheck  ? "tracer check writesnoop"
                                    : "tracer run scripts/writesnoop.lua PID"));
  }
  return command;
}

namespace {

const char* introduction(Verb verb) {
  switch (verb) {
    case Verb::kRun:
      return "usage: tracer run [options] SCRIPT [PID…] [script options] "
             "[-- CMD ARGS…]\n"
             "\n"
             "Runs a script with the events of its probes: of running "
             "processes "
             "with their\nthreads and children (PID), or of a command from its "
             "first instruction (CMD).\nWith neither, of all processes. SCRIPT "
             "is a file, or the name of a\nshipped script.\n"
             "\n"
             "  tracer run writesnoop 2182\n"
             "  tracer run writesnoop --fd 1,2 -- make -j4\n"
             "  tracer run SCRIPT --help      the script's own options\n"
             "\n"
             "CMD keeps its standard streams, so its output and the results "
             "mix "
             "unless -o is\ngiven.\n"
             "\n";
    case Verb::kRecord:
      return "usage: tracer record -o FILE [options] SCRIPT|PROBE [PID…] "
             "[script options]\n                     [-- CMD ARGS…]\n"
             "\n"
             "Records the events of a script's probes, or of a shipped probe, "
             "and shows none:\nthe cheapest way to trace. FILE may be -, for a "
             "pipe. tracer replay shows them\nlater, tracer info says what "
             "FILE holds.\n"
             "\n"
             "  tracer record -o run.trc writesnoop -- make -j4\n"
             "  tracer replay run.trc writesnoop --fd 2\n"
             "\n";
    case Verb::kReplay:
      return "usage: tracer replay [options] FILE SCRIPT [script options]\n"
             "\n"
             "Runs a script with the events of a recording, as if they "
             "happened "
             "now. Needs no\nroot, and no other kernel than any. FILE may be "
             "-, "
             "for a pipe.\n"
             "\n"
             "  tracer replay run.trc writesnoop --fd 2\n"
             "  tracer replay --from 2s --to 3.5s --format json run.trc "
             "writesnoop\n"
             "\n"
             "-p PID shows that process and its children, with --no-follow it "
             "alone.\n"
             "\n";
    case Verb::kCheck:
      return "usage: tracer check [options] SCRIPT [script options]\n"
             "\n"
             "Says whether a script would run, and traces nothing: compiles "
             "its "
             "probes, has the\nkernel verify them (as root; without, it says "
             "so and goes on), calls all that the\nscript declares with "
             "made-up events, whose results are dropped, and names the\nlines "
             "that LuaJIT leaves to its interpreter.\n"
             "\n"
             "  sudo tracer check ./written.lua\n"
             "  tracer check writesnoop --fd 2 --format json\n"
             "\n";
  }
  return "";
}

}  // namespace

std::string usage(Verb verb) {
  std::string text = introduction(verb);
  for (const script::BaseOption& option : options_of(verb)) {
    std::string line = option.short_name.empty()
                           ? "      --"
                           : "  -" + option.short_name + ", --";
    line += option.name;
    if (option.takes_value) {
      line += " " + option.metavar;
    }
    line.resize(std::max<size_t>(line.size() + 2, 26), ' ');
    text += line + option.help + "\n";
  }
  text +=
      verb == Verb::kCheck ? "\nStatus: 0 it would run, 1 a probe does not "
                             "compile or is refused, "
                             "2 usage,\n3 script error.\n"
      : verb == Verb::kReplay
          ? "\nStatus: 0 done, 1 cannot replay, 2 usage, 3 script error.\n"
          : "\nStatus: 0 done, 1 cannot trace, 2 usage, 3 script error, 4 "
            "events lost with\n--fail-on-loss, 126 and 127 as a shell for CMD, "
            "otherwise CMD's own.\n";
  return text;
}

std::string overview() {
  return "usage: tracer run [options] SCRIPT [PID…] [script options] "
         "[-- CMD ARGS…]\n"
         "       tracer record -o FILE [options] SCRIPT|PROBE [PID…] "
         "[-- CMD ARGS…]\n"
         "       tracer replay [options] FILE SCRIPT [script options]\n"
         "       tracer info FILE\n"
         "       tracer export --format FORMAT [-o OUT] FILE\n"
         "       tracer check [options] SCRIPT [script options]\n"
         "       tracer test SPEC…\n"
         "\n"
         "  run      traces, and shows what happens by a script\n"
         "  record   traces, and keeps it in a file\n"
         "  replay   shows a recording by a script; needs no root\n"
         "  info     what is in a recording\n"
         "  export   makes of a recording what other tools read\n"
         "  check    says whether a script would run, and how fast\n"
         "  test     runs the specs of scripts; needs no root\n"
         "\n"
         "  sudo tracer run writesnoop 2182          a process and its "
         "children\n"
         "  sudo tracer run writesnoop -- make -j4   a command\n"
         "\n"
         "tracer VERB --help says more.\n";
}

}  // namespace tracer::cli
