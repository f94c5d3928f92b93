// SPDX-License-Identifier: Apache-2.0
//
// argv to a command, its outcome to an exit status. The only place that
// prints the error which ends the program.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/result.h"
#include "base/words.h"
#include "cli/export.h"
#include "cli/info.h"
#include "cli/options.h"
#include "cli/test.h"
#include "export_command.h"
#include "recording/input.h"
#include "replay.h"
#include "session.h"

namespace tracer {
namespace {

void set_log_level(const RunCommand& command) {
  if (command.verbose) {
    log::set_level(log::Level::kDebug);
  } else if (command.quiet) {
    log::set_level(log::Level::kWarn);
  }
}

/// For what leaves nothing undone when the reader of its output goes.
void end_with_reader() {
  signal(SIGPIPE, SIG_DFL);
}

/// For text that is all that was asked for.
Result<int> print(const std::string& text) {
  end_with_reader();
  if (Result<void> written = write_all(1, text); !written) {
    return tl::unexpected(
        std::move(written).error().context("standard output"));
  }
  return 0;
}

/// The verbs that take a script.
template <Verb verb>
Result<int> run(const std::vector<std::string>& words) {
  RunCommand command = TRY(cli::parse(verb, words));
  command.words = words;
  command.words.insert(command.words.begin(), cli::name_of(verb));
  set_log_level(command);
  if (command.help && command.script.empty()) {
    return print(cli::usage(verb));
  }
  if (command.help) {
    command.script_words.insert(command.script_words.begin(), "--help");
  }
  if constexpr (verb == Verb::kReplay) {
    Replay replay(TRY(find_paths()), std::move(command));
    return replay.run();
  } else {
    Session session(TRY(find_paths()), std::move(command));
    if constexpr (verb == Verb::kCheck) {
      end_with_reader();
      return session.check();
    } else {
      return session.run();
    }
  }
}

Result<int> info(const std::vector<std::string>& words) {
  if (words.size() == 1 && (words[0] == "-h" || words[0] == "--help")) {
    return print(cli::info_usage());
  }
  if (words.size() != 1 || (words[0].size() > 1 && words[0][0] == '-')) {
    return fail_usage("tracer info takes the name of one recording",
                      "write it as: tracer info FILE");
  }
  Fd fd = TRY(recording::open_file(words[0]));
  Result<recording::Info> found = recording::summarize(std::move(fd));
  if (!found) {
    return tl::unexpected(std::move(found).error().context(words[0]));
  }
  return print(cli::describe(*found));
}

Result<int> export_recording(const std::vector<std::string>& words) {
  const ExportCommand command = TRY(cli::parse_export(words));
  if (command.help) {
    return print(cli::export_usage());
  }
  if (command.quiet) {
    log::set_level(log::Level::kWarn);
  }
  return run_export(command);
}

Result<int> help(const std::vector<std::string>&) {
  return print(cli::overview());
}

Result<int> version(const std::vector<std::string>&) {
  return print(std::string("tracer ") + TRACER_VERSION + "\n");
}

struct Command {
  const char* name;
  Result<int> (*run)(const std::vector<std::string>& words);
};

constexpr Command kCommands[] = {
    {"run", run<Verb::kRun>},
    {"record", run<Verb::kRecord>},
    {"replay", run<Verb::kReplay>},
    {"info", info},
    {"export", export_recording},
    {"check", run<Verb::kCheck>},
    {"test", cli::test},
    {"help", help},
    {"--help", help},
    {"-h", help},
    {"version", version},
    {"--version", version},
};

Result<int> dispatch(const std::vector<std::string>& words) {
  if (words.empty()) {
    return fail_usage("no command",
                      "tracer run SCRIPT PID traces; tracer "
                      "--help says more");
  }
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    if (words[0] == command.name) {
      return command.run({words.begin() + 1, words.end()});
    }
    names.emplace_back(command.name);
  }
  const std::optional<std::string> near = nearest(words[0], names);
  return fail_usage(
      "unknown command " + words[0],
      near ? "did you mean " + *near + "?" : "tracer run SCRIPT PID traces");
}

int report(const Error& error) {
  std::string line = error.message;
  if (!error.hint.empty()) {
    line += "; " + error.hint;
  }
  // One line, also if somebody's name or message has several.
  for (char& c : line) {
    c = c == '\n' || c == '\t' ? ' ' : c;
  }
  log::error(line);
  if (!error.detail.empty()) {
    log::debug(error.detail);
  }
  return error.status;
}

/// Descriptors 0 to 2 that are closed would be taken by the next file that is
/// opened, and what is meant for them would go there.
void occupy_standard_streams() {
  for (;;) {
    const int fd = open("/dev/null", O_RDONLY);
    if (fd > 2) {
      close(fd);
    }
    if (fd < 0 || fd > 2) {
      return;
    }
  }
}

}  // namespace
}  // namespace tracer

int main(int argc, char** argv) {
  // A closed pipe is an end like others, not a reason to be killed.
  signal(SIGPIPE, SIG_IGN);
  tracer::occupy_standard_streams();
  const tracer::Result<int> status = tracer::dispatch({argv + 1, argv + argc});
  return status ? *status : tracer::report(status.error());
}
