// SPDX-License-Identifier: Apache-2.0
//
// ScriptSinks: where a script writes to besides the results (tracer.sink), by
// number, each with a thread of its own. They are opened while the script is
// read, so that a mistake is found at its line; what files hold is dropped only
// when the run starts. The open functions and start() are called while there is
// one thread, write() by the script's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sinks/log_sink.h"
#include "sinks/loki.h"

namespace tracer::sinks {

/// The numbers of a sink, and which it is.
struct NamedStats {
  const char* kind;  // "file", "loki"
  std::string name;  // its path, its address
  Stats stats;
};

class ScriptSinks {
 public:
  /// Opens a file, which belongs to whoever called the program; its number.
  Result<size_t> open_file(const std::string& path,
                           const LogFileOptions& options, WhenFull when_full);

  Result<size_t> open_loki(LokiOptions options);

  /// `on_failure` is called on a sink's thread when its file takes no more.
  Result<void> start(const std::function<void()>& on_failure);

  /// Lines for a file.
  void write(size_t file, std::string_view bytes);

  /// The Loki with this number; null if it is a file's.
  LokiSink* loki(size_t sink) { return sinks_[sink].loki.get(); }

  /// Is there a plain file, which can be opened anew?
  [[nodiscard]] bool can_reopen() const;

  /// Opens them anew (SIGHUP). Any thread.
  void reopen();

  /// Any thread, once it has started and until finish().
  [[nodiscard]] std::vector<NamedStats> stats() const;
  [[nodiscard]] Stats stats(size_t sink) const;

  /// Waits until everything is out; the first failure.
  Result<void> finish();

 private:
  struct One {
    std::string name;
    WhenFull when_full = WhenFull::kFail;
    std::optional<LogFile> opened;  // until the sink takes it
    std::unique_ptr<LogSink> file;
    std::unique_ptr<LokiSink> loki;
    bool plain = false;
  };

  std::vector<One> sinks_;
};

}  // namespace tracer::sinks
