// SPDX-License-Identifier: Apache-2.0
#include "sinks/script_sinks.h"

#include <algorithm>
#include <utility>

namespace tracer::sinks {

Result<size_t> ScriptSinks::open_file(const std::string& path,
                                      const LogFileOptions& options,
                                      WhenFull when_full) {
  LogFile file = TRY(LogFile::open(path, options));
  One one;
  one.name = path;
  one.when_full = when_full;
  one.plain = file.is_plain();
  one.opened = std::move(file);
  sinks_.push_back(std::move(one));
  return sinks_.size() - 1;
}

Result<size_t> ScriptSinks::open_loki(LokiOptions options) {
  One one;
  one.loki = TRY(LokiSink::create(std::move(options)));
  one.name = one.loki->name();
  sinks_.push_back(std::move(one));
  return sinks_.size() - 1;
}

Result<void> ScriptSinks::start(const std::function<void()>& on_failure) {
  for (One& one : sinks_) {
    if (one.loki) {
      one.loki->start();
      continue;
    }
    TRY(one.opened->start());
    one.file = std::make_unique<LogSink>(std::move(*one.opened), one.when_full,
                                         on_failure);
    one.opened.reset();
  }
  return {};
}

void ScriptSinks::write(size_t file, std::string_view bytes) {
  sinks_[file].file->write(bytes);
}

bool ScriptSinks::can_reopen() const {
  return std::any_of(sinks_.begin(), sinks_.end(),
                     [](const One& one) { return one.plain; });
}

void ScriptSinks::reopen() {
  for (const One& one : sinks_) {
    if (one.file) {
      one.file->reopen();
    }
  }
}

Stats ScriptSinks::stats(size_t sink) const {
  const One& one = sinks_[sink];
  return one.loki ? one.loki->stats() : one.file ? one.file->stats() : Stats();
}

std::vector<NamedStats> ScriptSinks::stats() const {
  std::vector<NamedStats> all;
  for (size_t i = 0; i < sinks_.size(); ++i) {
    all.push_back({.kind = sinks_[i].loki ? "loki" : "file",
                   .name = sinks_[i].name,
                   .stats = stats(i)});
  }
  return all;
}

/// Files first: they do not depend on anybody.
Result<void> ScriptSinks::finish() {
  Result<void> all;
  for (const One& one : sinks_) {
    if (one.file) {
      Result<void> done = one.file->finish();
      all = all ? std::move(done) : std::move(all);
    }
  }
  for (const One& one : sinks_) {
    if (one.loki) {
      one.loki->finish();
    }
  }
  return all;
}

}  // namespace tracer::sinks
