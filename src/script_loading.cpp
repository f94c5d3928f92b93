// SPDX-License-Identifier: Apache-2.0
#include "script_loading.h"

#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

namespace tracer {
namespace {

bool is_file(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".lua");
}

bool exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

/// A script's name with a slash or the ending .lua is a file; others are
/// shipped with the program. Nothing is looked up in the current directory.
std::string script_path(const Paths& paths, const std::string& name) {
  return is_file(name) ? name : paths.scripts + "/" + name + ".lua";
}

/// A script that has a shipped probe and does nothing with its events. Nothing,
/// if there is no such probe.
std::optional<std::string> script_of_probe(const Paths& paths,
                                           const std::string& name) {
  if (is_file(name) || exists(script_path(paths, name)) ||
      !exists(paths.probes + "/" + name + ".bpf.c")) {
    return std::nullopt;
  }
  return "require('tracer').probe('" + name + "')";
}

std::string usage_of(const RunCommand& options) {
  switch (options.verb) {
    case Verb::kRun:
      return "tracer run [options] " + options.script +
             " [PID…] [options] [-- CMD ARGS…]";
    case Verb::kRecord:
      return "tracer record -o FILE " + options.script +
             " [PID…] [options] [-- CMD ARGS…]";
    case Verb::kReplay:
      return "tracer replay [options] FILE " + options.script + " [options]";
    case Verb::kCheck:
      return "tracer check [options] " + options.script + " [PID…] [options]";
  }
  return {};
}

}  // namespace

Result<std::optional<script::Declared>> load_script(script::Engine& engine,
                                                    const Paths& paths,
                                                    RunCommand& options) {
  script::ScriptFile script{.path = script_path(paths, options.script),
                            .name = options.script,
                            .usage = usage_of(options)};
  if (options.verb == Verb::kRecord) {
    script.text = script_of_probe(paths, options.script);
  }
  script::Declared declared =
      TRY(engine.load(script, options.script_words, *options.base));
  if (declared.help) {
    TRY(write_all(1, *declared.help));
    return std::nullopt;
  }
  TRY(options.apply(options, declared.base_options));
  log::set_level(options.verbose ? log::Level::kDebug
                 : options.quiet ? log::Level::kWarn
                                 : log::Level::kNote);
  options.pids.insert(options.pids.end(), declared.positionals.begin(),
                      declared.positionals.end());
  if (declared.probes.empty()) {
    return tl::unexpected(
        Error{.message = options.script + ": declares no probe",
              .hint = "a script that traces has a line such as "
                      "local write = tracer.probe(\"write\")",
              .status = kScriptError});
  }
  return declared;
}

}  // namespace tracer
