// SPDX-License-Identifier: Apache-2.0
#include "sinks/log_sink.h"

#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/words.h"

namespace tracer::sinks {
namespace {

constexpr size_t kKeptBuffer = size_t{1} << 20;
constexpr std::chrono::seconds kLongest{3600};

}  // namespace

LogSink::LogSink(LogFile file, WhenFull when_full,
                 std::function<void()> on_failure)
    : file_(std::move(file)),
      when_full_(when_full),
      on_failure_(std::move(on_failure)),
      thread_([this] { run(); }) {}

LogSink::~LogSink() {
  static_cast<void>(finish());
}

void LogSink::write(std::string_view bytes) {
  const uint64_t lines = count_lines(bytes);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return pending_.size() < kLimit || failed_; });
  if (failed_) {
    unwritten_ += bytes.size();
    stats_.dropped += lines;
    return;
  }
  const bool was_empty = pending_.empty();
  pending_ += bytes;
  stats_.queued += lines;
  stats_.queued_bytes += bytes.size();
  lock.unlock();
  if (was_empty) {
    changed_.notify_all();
  }
}

void LogSink::reopen() {
  {
    const std::lock_guard lock(mutex_);
    reopening_ = true;
  }
  changed_.notify_all();
}

Stats LogSink::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

Result<void> LogSink::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
    if (Result<void> done = file_.finish(); !done) {
      log::warn(done.error().message);
    }
    if (stats_.dropped > 0 && !failed_) {
      log::warn(file_.path() + ": " +
                counted(stats_.dropped, "line was", "lines were") +
                " dropped, for it took no more");
    }
  }
  if (failed_ && error_number_ == EPIPE) {
    return fail(file_.path() + ": its reader has gone");
  }
  if (failed_) {
    return fail(file_.path() + ": cannot write the results: " +
                    strerror(error_number_) + " (" +
                    counted(unwritten_, "byte", "bytes") + " not written)",
                error_number_ == ENOSPC
                    ? "make room, or have the script name another file"
                    : "");
  }
  return {};
}

void LogSink::run() {
  pthread_setname_np(pthread_self(), "tracer-file");
  std::string writing;
  std::unique_lock lock(mutex_);
  const auto wanted = [this] {
    return !pending_.empty() || finishing_ || reopening_;
  };
  while (!failed_ && !(pending_.empty() && finishing_)) {
    lock.unlock();
    const std::optional<LogFile::Moment> next = look_after_file();
    lock.lock();
    changed_.wait_until(
        lock, next.value_or(std::chrono::steady_clock::now() + kLongest),
        wanted);
    std::swap(pending_, writing);
    lock.unlock();
    changed_.notify_all();
    if (!writing.empty()) {
      write_out(writing);
    }
    if (writing.capacity() > kKeptBuffer) {
      writing = {};
    } else {
      writing.clear();
    }
    lock.lock();
  }
}

/// What the file wants besides lines; when it wants more.
std::optional<LogFile::Moment> LogSink::look_after_file() {
  bool reopening = false;
  {
    const std::lock_guard lock(mutex_);
    std::swap(reopening, reopening_);
  }
  if (reopening) {
    if (Result<void> done = file_.reopen(); !done) {
      log::warn(done.error().message + "; lines go where they went before");
    }
  }
  const auto now = std::chrono::steady_clock::now();
  const Result<std::optional<LogFile::Moment>> next = file_.look(now);
  if (!next) {
    log::warn(next.error().message);
    return now + std::chrono::seconds(1);
  }
  return *next;
}

void LogSink::write_out(std::string_view text) {
  const uint64_t lines = count_lines(text);
  const size_t bytes = text.size();
  const int error_number = file_.write(text);
  const uint64_t left = count_lines(text);
  {
    const std::lock_guard lock(mutex_);
    stats_.queued -= lines;
    stats_.queued_bytes -= bytes;
    stats_.written += lines - left;
    stats_.bytes += bytes - text.size();
    stats_.dropped += left;
  }
  if (error_number == 0) {
    if (full_) {
      full_ = false;
      log::warn(
          file_.path() + " takes lines again; " +
          counted(stats_.dropped - dropped_before_, "line was", "lines were") +
          " dropped");
    }
  } else if (when_full_ == WhenFull::kDrop && error_number != EPIPE) {
    dropped(text, error_number);
  } else {
    failed(text, error_number);
  }
}

void LogSink::dropped(std::string_view text, int error_number) {
  if (full_) {
    return;
  }
  full_ = true;
  dropped_before_ = stats_.dropped - count_lines(text);
  log::warn(file_.path() + ": " + strerror(error_number) +
            "; lines are dropped until it takes some again");
}

void LogSink::failed(std::string_view text, int error_number) {
  {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    error_number_ = error_number;
    unwritten_ += text.size() + pending_.size();
    stats_.dropped += stats_.queued;
    stats_.queued = stats_.queued_bytes = 0;
    pending_.clear();
  }
  changed_.notify_all();
  on_failure_();
}

}  // namespace tracer::sinks
