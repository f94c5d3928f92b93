// SPDX-License-Identifier: Apache-2.0
#include "export/chrome.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "format/text.h"

namespace tracer::exporting {
namespace {

// More threads than this, and their tracks are named anew: no harm is done.
constexpr size_t kMostNames = size_t{1} << 16;
// Above this, a number loses digits in readers that use doubles.
constexpr uint64_t kExact = uint64_t{1} << 53;

std::string number(uint64_t value) {
  const std::string digits = std::to_string(value);
  return value > kExact ? "\"" + digits + "\"" : digits;
}

/// An object of texts and numbers, by the project's rule for bytes that are
/// not UTF-8: then all texts are latin-1, and the object says so.
class JsonObject {
 public:
  /// The first of two members with the same name stays.
  void text(const std::string& name, const std::string& value) {
    add(name, value, true);
  }
  void number(const std::string& name, uint64_t value) {
    add(name, exporting::number(value), false);
  }
  [[nodiscard]] std::string str() const {
    std::string out = "{";
    for (const Member& member : members_) {
      out += (out.size() > 1 ? "," : "") + quoted(member.name) + ":" +
             (member.is_text ? quoted(member.value) : member.value);
    }
    if (latin1_) {
      out += std::string(out.size() > 1 ? "," : "") + R"("enc":"latin1")";
    }
    return out + "}";
  }

 private:
  struct Member {
    std::string name;
    std::string value;
    bool is_text;
  };
  void add(const std::string& name, const std::string& value, bool is_text) {
    if (name == "enc" || !names_.insert(name).second) {
      return;
    }
    latin1_ = latin1_ || !is_utf8(name) || !is_utf8(value);
    members_.push_back({.name = name, .value = value, .is_text = is_text});
  }
  static bool is_utf8(const std::string& text) {
    return tracer_utf8_valid(text.data(), text.size()) != 0;
  }
  [[nodiscard]] std::string quoted(const std::string& text) const {
    std::string out(TRACER_JSON_ROOM(text.size()), '\0');
    out.resize(
        tracer_json(text.data(), text.size(), latin1_ ? 1 : 0, out.data()));
    return out;
  }

  std::vector<Member> members_;
  std::set<std::string> names_;
  bool latin1_ = false;
};

/// "pid":1,"tid":2
std::string track(uint32_t pid, uint32_t tid) {
  return "\"pid\":" + std::to_string(pid) + ",\"tid\":" + std::to_string(tid);
}

}  // namespace

ChromeExporter::ChromeExporter(const recording::Meta& meta,
                               const std::vector<recording::Probe>& probes,
                               Emit emit)
    : buffer_(std::move(emit)), clock_(meta.wall_offset, meta.start) {
  for (const EventKind& kind : all_types(probes)) {
    names_.push_back(kind.type->name);
    std::optional<format::JsonPlan>& plan = plans_.emplace_back();
    if (kind.is_exported) {
      // Process, thread and time are the track's and the event's already.
      plan.emplace(kind.probe->schema, *kind.type,
                   format::JsonShape{.header = {"ppid", "comm", "cpu"}});
    }
  }
  begin(meta);
}

void ChromeExporter::begin(const recording::Meta& meta) {
  JsonObject about;
  std::array<char, format::Clock::kRoom> start{};
  about.text("start", {start.data(), clock_.iso(meta.start, start.data())});
  about.number("start_monotonic_ns", meta.start);
  for (const auto& [name, value] : meta.facts) {
    about.text(name, value);
  }
  buffer_ += R"({"displayTimeUnit":"ns","otherData":)";
  buffer_ += about.str();
  buffer_ += ",\n\"traceEvents\":[";
}

void ChromeExporter::next_event() {
  buffer_ += is_first_ ? "\n" : ",\n";
  is_first_ = false;
}

/// Microseconds since the start; 0 for what was under way when it began.
std::string ChromeExporter::time(uint64_t ts) const {
  constexpr uint64_t kMicrosecond = 1000;
  const uint64_t passed = ts - std::min(ts, clock_.start());
  std::array<char, 32> out{};
  const int size =
      snprintf(out.data(), out.size(), "%llu.%03llu",
               static_cast<unsigned long long>(passed / kMicrosecond),
               static_cast<unsigned long long>(passed % kMicrosecond));
  return {out.data(), static_cast<size_t>(size)};
}

void ChromeExporter::name_track(const char* what, uint32_t pid, uint32_t tid,
                                const Name& name) {
  JsonObject arguments;
  arguments.text("name", {name.data(), strnlen(name.data(), name.size())});
  next_event();
  buffer_ += std::string(R"({"ph":"M","name":")") + what + "\"," +
             track(pid, tid) + ",\"args\":" + arguments.str() + "}";
}

/// A process is called as its first thread is, or, before that has shown, as
/// the thread that shows first.
void ChromeExporter::name_tracks(const events::Header* event) {
  Name name{};
  std::copy(std::begin(event->comm), std::end(event->comm), name.begin());
  const auto differs = [&](Names& names, uint64_t key) {
    if (names.size() >= kMostNames) {
      names.clear();
    }
    const auto [place, is_new] = names.try_emplace(key, name);
    return is_new || std::exchange(place->second, name) != name;
  };
  const bool is_main = event->tid == event->pid;
  if ((is_main || processes_.count(event->pid) == 0) &&
      differs(processes_, event->pid)) {
    name_track("process_name", event->pid, event->tid, name);
  }
  if (differs(threads_, uint64_t{event->pid} << 32 | event->tid)) {
    name_track("thread_name", event->pid, event->tid, name);
  }
}

void ChromeExporter::event(const events::Header* event) {
  name_tracks(event);
  const size_t type = event->type & events::kTypeMask;
  next_event();
  buffer_ += R"({"ph":"i","s":"t","name":")" + names_[type] + "\"," +
             track(event->pid, event->tid) + ",\"ts\":" + time(event->ts) +
             ",\"args\":";
  buffer_.add(*plans_[type], event, clock_);
  buffer_.drop_last();  // the line feed
  buffer_ += "}";
  buffer_.flush_if_large();
}

void ChromeExporter::loss(const recording::Loss& loss) {
  JsonObject arguments;
  for (const recording::LossCause& cause : loss.causes) {
    arguments.number(cause.name, cause.count);
  }
  next_event();
  buffer_ += R"({"ph":"i","s":"g","name":"events lost",)" + track(0, 0) +
             ",\"ts\":" + time(loss.ts) + ",\"args\":" + arguments.str() + "}";
  buffer_.flush_if_large();
}

void ChromeExporter::finish() {
  buffer_ += "\n]}\n";
  buffer_.flush();
}

}  // namespace tracer::exporting
