// SPDX-License-Identifier: Apache-2.0
#include "cli/test.h"

#include <algorithm>
#include <filesystem>

#include "base/fd.h"
#include "base/paths.h"
#include "base/words.h"
#include "cli/options.h"
#include "script/specs.h"
#include "trial.h"

namespace tracer::cli {
namespace {

namespace fs = std::filesystem;
using script::Value;

constexpr const char* kUsage =
    "usage: tracer test [-v] SPEC…\n"
    "\n"
    "Runs specs of scripts, with events that are made up: no root, nothing is\n"
    "traced. SPEC is a file, or a folder with files that end in _test.lua or\n"
    "_spec.lua. docs/TESTING.md shows how to write one.\n"
    "\n"
    "  tracer test written_test.lua\n"
    "  tracer test tests/scripts\n"
    "\n"
    "  -v, --verbose           also name the cases that held\n"
    "  -h, --help              show this\n"
    "\n"
    "Status: 0 all held, 1 a case failed or a spec has none, 2 usage.\n";

bool is_spec(const fs::path& path) {
  const std::string name = path.filename();
  return name.ends_with("_test.lua") || name.ends_with("_spec.lua");
}

/// The files that `word` means.
Result<std::vector<std::string>> files_of(const std::string& word) {
  std::error_code error;
  const fs::file_status status = fs::status(word, error);
  if (!fs::exists(status)) {
    return fail_usage("no spec " + word + ": " + error.message());
  }
  if (!fs::is_directory(status)) {
    return std::vector<std::string>{word};
  }
  std::vector<std::string> files;
  for (auto at = fs::recursive_directory_iterator(word, error);
       !error && at != fs::recursive_directory_iterator();
       at.increment(error)) {
    if (is_spec(at->path())) {
      files.push_back(at->path());
    }
  }
  if (error) {
    return fail_usage(word + ": " + error.message());
  }
  if (files.empty()) {
    return fail_usage(word + ": holds no spec",
                      "specs end in _test.lua or _spec.lua");
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// The replay that a request of a spec is: the words are those of a user, so
/// they mean the same and get the same messages.
Result<RunCommand> replay_of(const Value& request) {
  std::vector<std::string> words = {"--quiet"};
  for (const char* option : {"format", "time"}) {
    if (request.field(option) != nullptr) {
      words.push_back(std::string("--") + option + "=" + request.text(option));
    }
  }
  words.push_back(request.text("recording"));
  words.push_back(request.text("script"));
  for (const Value& argument : request.list("args")) {
    const auto* word = argument.get<std::string>();
    if (word == nullptr) {
      return fail("args: a list of strings expected");
    }
    words.push_back(*word);
  }
  return parse(Verb::kReplay, words);
}

}  // namespace

Result<int> test(const std::vector<std::string>& words) {
  bool verbose = false;
  std::vector<std::string> files;
  for (const std::string& word : words) {
    if (word == "-h" || word == "--help") {
      TRY(write_all(1, std::string(kUsage)));
      return 0;
    }
    if (word == "-v" || word == "--verbose") {
      verbose = true;
    } else if (word.starts_with("-")) {
      return fail_usage("unknown option " + word,
                        "tracer test --help lists the options");
    } else {
      const std::vector<std::string> more = TRY(files_of(word));
      files.insert(files.end(), more.begin(), more.end());
    }
  }
  if (files.empty()) {
    return fail_usage("no spec", "write it as: tracer test FILE…");
  }
  const Paths paths = TRY(find_paths());
  Trials trials = TRY(Trials::create(paths));
  const auto run = [&trials](const Value& request) -> Result<Value> {
    return trials.run(TRY(replay_of(request)), request);
  };
  size_t cases = 0;
  size_t failed = 0;
  for (const std::string& file : files) {
    const script::SpecOutcome outcome =
        TRY(script::run_spec(paths, file, verbose, run));
    cases += outcome.cases;
    failed += outcome.failed;
    TRY(write_all(1, outcome.report));
  }
  TRY(write_all(1, counted(cases, "case", "cases") + ", " +
                       with_commas(failed) + " failed\n"));
  return failed == 0 ? 0 : 1;
}

}  // namespace tracer::cli
