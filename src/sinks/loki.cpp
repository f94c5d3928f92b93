// SPDX-License-Identifier: Apache-2.0
#include "sinks/loki.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/words.h"
#include "sinks/compress.h"

namespace tracer::sinks {
namespace {

using std::chrono::steady_clock;

constexpr const char* kPath = "/loki/api/v1/push";
constexpr uint64_t kSecond = 1'000'000'000;

/// A URL that names no path means the usual one.
std::string with_path(const std::string& url) {
  const size_t host = url.find("://") + 3;
  const size_t slash = url.find('/', host);
  if (slash == std::string::npos) {
    return url + kPath;
  }
  return slash + 1 == url.size() ? url.substr(0, slash) + kPath : url;
}

std::string without_password(const std::string& url) {
  const size_t host = url.find("://") + 3;
  const size_t at = url.rfind('@', url.find('/', host));
  return at == std::string::npos || at < host
             ? url
             : url.substr(0, host) + url.substr(at + 1);
}

Result<void> check(const std::string& url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return fail(url + " is not the address of a Loki",
                "it begins with http:// or https://");
  }
  return {};
}

}  // namespace

LokiSink::LokiSink(LokiOptions options)
    : options_(std::move(options)),
      name_(without_password(options_.http.url)),
      streams_{options_.labels} {}

Result<std::unique_ptr<LokiSink>> LokiSink::create(LokiOptions options) {
  TRY(check(options.http.url));
  options.http.url = with_path(options.http.url);
  options.http.headers.emplace_back("Content-Type: application/json");
  if (options.gzip) {
    options.http.headers.emplace_back("Content-Encoding: gzip");
  }
  std::unique_ptr<LokiSink> sink(new LokiSink(std::move(options)));
  sink->curl_ = TRY(Curl::create(
      sink->options_.http, [raw = sink.get()] { return raw->is_too_late(); }));
  return sink;
}

LokiSink::~LokiSink() {
  finish();
}

void LokiSink::start() {
  thread_ = std::thread([this] { run(); });
}

uint32_t LokiSink::add_stream(std::string labels) {
  const std::lock_guard lock(mutex_);
  streams_.push_back(std::move(labels));
  return static_cast<uint32_t>(streams_.size() - 1);
}

/// Loki wants the lines of a stream in order, and takes two that are equal in
/// time and text for one. So each is a nanosecond after the last at the least,
/// unless the clock was set back.
uint64_t LokiSink::in_order(uint64_t time) {
  if (time <= last_time_ && last_time_ - time < kSecond) {
    time = last_time_ + 1;
  }
  last_time_ = time;
  return time;
}

void LokiSink::write(uint64_t time, uint32_t stream, std::string_view line) {
  const Moment now = steady_clock::now();
  bool due = false;
  {
    const std::lock_guard lock(mutex_);
    if (stats_.queued_bytes + line.size() > options_.queue) {
      ++stats_.dropped;
      return;
    }
    if (waiting_.empty() || waiting_.back().lines() >= options_.batch ||
        waiting_.back().text_size() + line.size() > options_.bytes) {
      waiting_.emplace_back();
      // The first one starts a clock; a second one says that the first is full.
      due = waiting_.size() <= 2;
    }
    LokiBatch& batch = waiting_.back();
    const size_t before = batch.bytes();
    batch.add(in_order(time), stream, line, now);
    stats_.queued_bytes += batch.bytes() - before;
    ++stats_.queued;
  }
  if (due) {
    changed_.notify_all();
  }
}

Stats LokiSink::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

bool LokiSink::is_too_late() const {
  return steady_clock::now() >= deadline_.load();
}

bool LokiSink::is_due(Moment now) const {
  return !waiting_.empty() && (finishing_ || waiting_.size() > 1 ||
                               now >= waiting_.front().began() + options_.age);
}

void LokiSink::run() {
  pthread_setname_np(pthread_self(), "tracer-loki");
  std::unique_lock lock(mutex_);
  for (;;) {
    while (!is_due(steady_clock::now()) && !finishing_) {
      if (waiting_.empty()) {
        changed_.wait(lock);
      } else {
        changed_.wait_until(lock, waiting_.front().began() + options_.age);
      }
    }
    if (waiting_.empty() || is_too_late()) {
      return;
    }
    const LokiBatch batch = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const bool sent = deliver(batch);
    lock.lock();
    took(batch, sent);
  }
}

/// Sends a batch until it is taken or refused; false if it is lost.
bool LokiSink::deliver(const LokiBatch& batch) {
  std::string body;
  {
    const std::lock_guard lock(mutex_);
    body = batch.body(streams_);
  }
  if (options_.gzip) {
    body = gzip(body);
  }
  for (;;) {
    const Curl::Answer answer = curl_->post(body);
    const Outcome outcome = judge(answer);
    if (outcome != Outcome::kAgain) {
      backoff_.reset();
      return outcome == Outcome::kSent;
    }
    if (!wait_to_retry(backoff_.next(answer.retry_after))) {
      return false;
    }
  }
}

/// What an answer means; and says so when it is news.
LokiSink::Outcome LokiSink::judge(const Curl::Answer& answer) {
  const std::string why =
      answer.status == 0
          ? answer.error
          : "it answers " + std::to_string(answer.status) +
                (answer.text.empty() ? "" : ": " + log::printable(answer.text));
  if (answer.status / 100 == 2) {
    if (away_) {
      away_ = false;
      log::warn(name_ + " takes lines again");
    }
    return Outcome::kSent;
  }
  if (answer.status == 0 || answer.status == 429 || answer.status >= 500) {
    if (!away_ && !is_too_late()) {
      away_ = true;
      log::warn(name_ + " takes no lines now: " + why +
                "; they wait, and when there are too many are dropped");
    }
    return Outcome::kAgain;
  }
  if (!refuses_) {
    refuses_ = true;
    log::warn(name_ + " refuses lines, which are dropped: " + why);
  }
  return Outcome::kRefused;
}

/// False if there is no time left.
bool LokiSink::wait_to_retry(Backoff::Duration wait) {
  std::unique_lock lock(mutex_);
  const Moment again = steady_clock::now() + wait;
  // At the end there is no time for patience.
  while (steady_clock::now() < again && !is_too_late()) {
    const bool was_finishing = finishing_;
    changed_.wait_until(lock, std::min(again, deadline_.load()));
    if (finishing_ && !was_finishing) {
      break;
    }
  }
  ++stats_.retries;
  return !is_too_late();
}

void LokiSink::took(const LokiBatch& batch, bool sent) {
  stats_.queued -= batch.lines();
  stats_.queued_bytes -= batch.bytes();
  if (sent) {
    stats_.written += batch.lines();
    stats_.bytes += batch.text_size();
  } else {
    stats_.dropped += batch.lines();
  }
}

void LokiSink::finish() {
  {
    const std::lock_guard lock(mutex_);
    if (!finishing_) {
      finishing_ = true;
      deadline_ =
          steady_clock::now() +
          std::chrono::duration_cast<steady_clock::duration>(options_.flush);
    }
  }
  changed_.notify_all();
  if (!thread_.joinable()) {
    return;
  }
  thread_.join();
  stats_.dropped += stats_.queued;
  stats_.queued = stats_.queued_bytes = 0;
  waiting_.clear();
  if (stats_.dropped > 0) {
    log::warn(name_ + ": " + counted(stats_.dropped, "line was", "lines were") +
              " dropped");
  }
}

}  // namespace tracer::sinks
