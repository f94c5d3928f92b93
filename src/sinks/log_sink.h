// SPDX-License-Identifier: Apache-2.0
//
// LogSink: a file of the script's (tracer.sink.file) and the thread that writes
// to it. As with the results up to 16 MiB wait; then write() waits, so that no
// line is lost while the disk is only slow. What happens when the file takes
// nothing is the script's choice: the trace ends, or lines are dropped and
// counted until there is room again.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "sinks/log_file.h"
#include "sinks/sink.h"

namespace tracer::sinks {

enum class WhenFull { kFail, kDrop };

class LogSink : public Sink {
 public:
  static constexpr size_t kLimit = size_t{16} << 20;

  /// `on_failure` is called on the sink's thread, once, when the file takes no
  /// more and lines may not be dropped.
  LogSink(LogFile file, WhenFull when_full, std::function<void()> on_failure);
  ~LogSink() override;

  void write(std::string_view bytes) override;
  Result<void> finish() override;

  /// Opens the file anew, soon and on the sink's thread. Any thread.
  void reopen();

  /// Any thread.
  [[nodiscard]] Stats stats() const;

 private:
  void run();
  void write_out(std::string_view text);
  void dropped(std::string_view text, int error_number);
  void failed(std::string_view text, int error_number);
  std::optional<LogFile::Moment> look_after_file();

  LogFile file_;  // the thread's
  const WhenFull when_full_;
  const std::function<void()> on_failure_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string pending_;
  Stats stats_;
  bool reopening_ = false;
  bool finishing_ = false;
  bool failed_ = false;
  int error_number_ = 0;
  uint64_t unwritten_ = 0;       // bytes, after a failure
  uint64_t dropped_before_ = 0;  // when this outage began
  bool full_ = false;            // dropping, and it was said
  std::thread thread_;
};

}  // namespace tracer::sinks
