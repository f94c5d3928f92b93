// SPDX-License-Identifier: Apache-2.0
//
// The sinks of a script: what lua/tracer/sink.lua asks of the engine.
#include <chrono>
#include <cstring>

#include "script/engine.h"
#include "script/sink_options.h"

namespace tracer::script {
namespace {

constexpr double kNowhere = -2;  // nothing is shown in this run
constexpr double kFailed = -1;   // last_text() says why

std::chrono::nanoseconds seconds(double count) {
  return std::chrono::nanoseconds(static_cast<int64_t>(count * 1e9));
}

/// The head of each record for Loki: the struct of lua/tracer/sink.lua.
struct __attribute__((packed)) RecordHead {
  uint64_t ts;
  uint32_t stream;
  uint32_t size;
};

sinks::LogFileOptions file_options(const tracer_file_options& from) {
  sinks::LogFileOptions options{
      .existing = from.append != 0 ? sinks::Existing::kAppendedTo
                                   : sinks::Existing::kEmptied,
      .rotate = {.records = static_cast<uint64_t>(from.records),
                 .size = static_cast<uint64_t>(from.size),
                 .every = seconds(from.every)},
      .keep = static_cast<size_t>(from.keep),
      .compression =
          static_cast<sinks::Compression>(static_cast<int>(from.compression)),
      .mode = static_cast<mode_t>(from.mode)};
  if (from.sync >= 0) {
    options.sync = seconds(from.sync);
  }
  return options;
}

sinks::LokiOptions loki_options(const tracer_loki_options& from) {
  sinks::LokiOptions options{
      .http = {.url = from.url,
               .user = from.user,
               .password = from.password,
               .timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
                   seconds(from.timeout)),
               .insecure = from.insecure != 0},
      .labels = from.labels,
      .batch = static_cast<size_t>(from.batch),
      .bytes = static_cast<size_t>(from.bytes),
      .age = seconds(from.age),
      .queue = static_cast<size_t>(from.queue),
      .flush = seconds(from.flush),
      .gzip = from.gzip != 0};
  if (*from.tenant != '\0') {
    options.http.headers.push_back(std::string("X-Scope-OrgID: ") +
                                   from.tenant);
  }
  if (*from.bearer != '\0') {
    options.http.headers.push_back(std::string("Authorization: Bearer ") +
                                   from.bearer);
  }
  return options;
}

}  // namespace

double Engine::opened(const Result<size_t>& sink) {
  if (sink) {
    return static_cast<double>(*sink);
  }
  message_ = sink.error().message;
  if (!sink.error().hint.empty()) {
    message_ += "; " + sink.error().hint;
  }
  last_text_ = message_;
  return kFailed;
}

/// The number of a file that the script writes to, -2 where nothing will be
/// written, or -1 and what prevents it in last_text().
double Engine::open_file(const char* path, const tracer_file_options& options) {
  return host_.sinks == nullptr
             ? kNowhere
             : opened(host_.sinks->open_file(path, file_options(options),
                                             options.drop != 0
                                                 ? sinks::WhenFull::kDrop
                                                 : sinks::WhenFull::kFail));
}

double Engine::open_loki(const tracer_loki_options& options) {
  return host_.sinks == nullptr
             ? kNowhere
             : opened(host_.sinks->open_loki(loki_options(options)));
}

double Engine::loki_stream(double sink, std::string_view labels) {
  return host_.sinks->loki(static_cast<size_t>(sink))
      ->add_stream(std::string(labels));
}

void Engine::write_file(double file, std::string_view bytes) {
  const auto waits = [this](bool waiting) {
    if (host_.on_wait) {
      host_.on_wait(waiting);
    }
  };
  waits(true);
  host_.sinks->write(static_cast<size_t>(file), bytes);
  waits(false);
}

void Engine::write_loki(double sink, std::string_view records) {
  sinks::LokiSink& loki = *host_.sinks->loki(static_cast<size_t>(sink));
  const auto offset = static_cast<uint64_t>(clock_->wall_offset());
  while (records.size() >= sizeof(RecordHead)) {
    RecordHead head{};
    memcpy(&head, records.data(), sizeof head);
    records.remove_prefix(sizeof head);
    std::string_view line = records.substr(0, head.size);
    records.remove_prefix(line.size());
    if (line.ends_with('\n')) {
      line.remove_suffix(1);
    }
    loki.write((head.ts == 0 ? now() : head.ts) + offset, head.stream, line);
  }
}

void Engine::sink_stats(double sink, double* out) const {
  const sinks::Stats stats = host_.sinks->stats(static_cast<size_t>(sink));
  size_t i = 0;
  for (const uint64_t number :
       {stats.written, stats.bytes, stats.dropped, stats.retries, stats.queued,
        stats.queued_bytes}) {
    out[i++] = static_cast<double>(number);
  }
}

}  // namespace tracer::script
