// SPDX-License-Identifier: Apache-2.0
//
// LokiSink: lines for Grafana's Loki (push API v1), sent by a thread of its
// own in batches, in their order. While Loki is away they wait in memory, up to
// a limit; beyond it new ones are dropped and counted. Nobody ever waits for
// this sink, but for a bounded time at the end.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "sinks/backoff.h"
#include "sinks/curl.h"
#include "sinks/loki_batch.h"
#include "sinks/sink.h"

namespace tracer::sinks {

struct LokiOptions {
  Curl::Settings http;
  std::string labels;   // of the first stream, a JSON object
  size_t batch = 1000;  // lines in a request
  size_t bytes = 512 << 10;
  std::chrono::nanoseconds age{1'000'000'000};  // the longest that a line waits
  size_t queue = 32 << 20;                      // bytes that may wait
  std::chrono::nanoseconds flush{5'000'000'000};  // at the end
  bool gzip = true;
};

class LokiSink {
 public:
  static Result<std::unique_ptr<LokiSink>> create(LokiOptions options);
  ~LokiSink();
  LokiSink(const LokiSink&) = delete;
  LokiSink& operator=(const LokiSink&) = delete;

  /// Starts sending.
  void start();

  /// Another stream, with all its labels as a JSON object; its number. The
  /// first one is 0.
  uint32_t add_stream(std::string labels);

  /// Takes a line; `time` is nanoseconds of the wall clock. By one thread.
  void write(uint64_t time, uint32_t stream, std::string_view line);

  /// Sends what waits, for as long as the options allow, and drops the rest.
  void finish();

  /// Any thread.
  [[nodiscard]] Stats stats() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  using Moment = LokiBatch::Moment;
  enum class Outcome { kSent, kRefused, kAgain };

  explicit LokiSink(LokiOptions options);
  uint64_t in_order(uint64_t time);
  void run();
  [[nodiscard]] bool is_due(Moment now) const;
  bool deliver(const LokiBatch& batch);
  Outcome judge(const Curl::Answer& answer);
  bool wait_to_retry(Backoff::Duration wait);
  void took(const LokiBatch& batch, bool sent);
  [[nodiscard]] bool is_too_late() const;

  const LokiOptions options_;
  const std::string name_;  // the URL without a password
  std::unique_ptr<Curl> curl_;
  Backoff backoff_;
  bool away_ = false;     // it is not there, and that was said
  bool refuses_ = false;  // it refused lines, and that was said
  uint64_t last_time_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<LokiBatch> waiting_;  // the last one is still filled
  std::vector<std::string> streams_;
  Stats stats_;
  bool finishing_ = false;
  std::atomic<Moment> deadline_{Moment::max()};
  std::thread thread_;
};

}  // namespace tracer::sinks
