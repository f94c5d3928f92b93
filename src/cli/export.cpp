// SPDX-License-Identifier: Apache-2.0
#include "cli/export.h"

#include <cxxopts.hpp>
#include <optional>

#include "base/words.h"

namespace tracer::cli {
namespace {

constexpr const char* kHint = "write it as: tracer export --format json FILE";

cxxopts::Options make_parser() {
  cxxopts::Options parser("tracer export");
  parser.add_options()("format", "", cxxopts::value<std::string>())(
      "o,output", "", cxxopts::value<std::string>())("q,quiet", "")("h,help",
                                                                    "");
  return parser;
}

Result<ExportFormat> format_of(const std::string& word) {
  if (word == "ctf") {
    return ExportFormat::kCtf;
  }
  if (word == "chrome") {
    return ExportFormat::kChrome;
  }
  if (word == "json") {
    return ExportFormat::kJson;
  }
  return fail_usage("--format: no such choice: " + word,
                    "there are ctf, chrome, json");
}

Result<void> check(const ExportCommand& command,
                   const cxxopts::ParseResult& parsed) {
  if (parsed.count("output") > 0 && command.output.empty()) {
    return fail_usage("--output: no file is named");
  }
  if (command.format == ExportFormat::kCtf && command.output.empty()) {
    return fail_usage("a CTF trace is a folder",
                      "write it as: tracer export --format ctf -o DIR FILE");
  }
  if (parsed.unmatched().size() != 1) {
    return fail_usage("tracer export takes the name of one recording", kHint);
  }
  return {};
}

Result<ExportCommand> read(const cxxopts::ParseResult& parsed) {
  ExportCommand command;
  command.help = parsed.count("help") > 0;
  command.quiet = parsed.count("quiet") > 0;
  if (command.help) {
    return command;
  }
  if (parsed.count("format") == 0) {
    return fail_usage("export to which format?", kHint);
  }
  command.format = TRY(format_of(parsed["format"].as<std::string>()));
  if (parsed.count("output") > 0) {
    command.output = parsed["output"].as<std::string>();
  }
  TRY(check(command, parsed));
  if (command.output == "-" && command.format != ExportFormat::kCtf) {
    command.output.clear();  // standard output
  }
  command.recording = parsed.unmatched()[0];
  return command;
}

}  // namespace

Result<ExportCommand> parse_export(const std::vector<std::string>& words) {
  std::vector<const char*> argv = {"tracer export"};
  for (const std::string& word : words) {
    argv.push_back(word.c_str());
  }
  cxxopts::Options parser = make_parser();
  try {
    return read(parser.parse(static_cast<int>(argv.size()), argv.data()));
  } catch (const cxxopts::exceptions::exception& error) {
    return fail_usage(error.what(), "tracer export --help lists the options");
  }
}

std::string export_usage() {
  return "usage: tracer export --format FORMAT [-o OUT] FILE\n"
         "\n"
         "Makes of a recording what other tools read. Needs no root and no "
         "script. FILE may\nbe -, for a pipe.\n"
         "\n"
         "  tracer export --format json run.trc | jq .comm\n"
         "  tracer export --format chrome -o run.json run.trc    for "
         "ui.perfetto.dev\n"
         "  tracer export --format ctf -o run.ctf run.trc        for "
         "babeltrace2\n"
         "\n"
         "      --format FORMAT     json: one object a line; chrome: instants "
         "on a track for\n"
         "                          each thread; ctf: a folder, with every "
         "byte of the events\n"
         "  -o, --output OUT        write to OUT (mode 0600); ctf: a folder, "
         "new or empty\n"
         "  -q, --quiet             no summary\n"
         "  -h, --help              show this\n"
         "\n"
         "Status: 0 done, also if something is missing in the recording, "
         "which is told;\n1 it cannot be read, or the export not written; 2 "
         "usage, or no such file.\n";
}

}  // namespace tracer::cli
