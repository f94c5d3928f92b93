// SPDX-License-Identifier: Apache-2.0
#include "made_recording.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>

#include "base/words.h"
#include "events/batch.h"
#include "events/processes.h"
#include "loss.h"
#include "recording/writer.h"
#include "script/made_event.h"

namespace tracer {
namespace {

using script::Value;

constexpr uint64_t kStart = 1'000'000'000;  // of the monotonic clock
constexpr uint64_t kStep = 1'000'000;       // from one event to the next
constexpr uint32_t kFirstUser = 1000;

/// A type of event that the script's probes send.
struct Kind {
  const recording::Probe* probe;
  const events::EventType* event;
  uint16_t number;
};

std::vector<Kind> kinds_of(const std::vector<recording::Probe>& probes) {
  std::vector<Kind> kinds;
  for (const recording::Probe& probe : probes) {
    for (const events::EventType& event : probe.schema.events) {
      kinds.push_back({.probe = &probe,
                       .event = &event,
                       .number = static_cast<uint16_t>(kinds.size())});
    }
  }
  return kinds;
}

/// The process table's probe. Nobody sees more of its records than the header,
/// and that is as in any event.
recording::Probe process_table(const recording::Probe& any) {
  recording::Probe table{
      .name = "processes", .parameters = {}, .schema = any.schema};
  events::Type record = table.schema.types[any.schema.events[0].type];
  record.name = "process";
  record.size = events::kProcessNames;
  std::erase_if(record.members, [](const events::Member& member) {
    return member.offset >= events::kHeaderSize;
  });
  table.schema.events = {
      {.name = record.name,
       .type = static_cast<uint32_t>(table.schema.types.size())}};
  table.schema.types.push_back(std::move(record));
  return table;
}

/// What an event says beyond its fields; text that was not given is empty.
struct Extras {
  std::string probe;
  std::string event;
  std::string user;
  std::string exe;
  std::string cgroup;
  bool truncated = false;
};

Result<void> take_text(const std::string& name, const Value& value,
                       std::string& to) {
  const auto* text = value.get<std::string>();
  if (text == nullptr || text->empty()) {
    return fail(name + ": a string that is not empty expected");
  }
  to = *text;
  return {};
}

/// Takes the extras out of what is said of an event.
Result<Extras> take_extras(Value::Table& said) {
  Extras extras;
  const std::pair<const char*, std::string*> texts[] = {
      {"probe", &extras.probe},
      {"event", &extras.event},
      {"user", &extras.user},
      {"exe", &extras.exe},
      {"cgroup", &extras.cgroup}};
  std::vector<Value::Field> fields;
  for (Value::Field& field : said.fields) {
    const auto& [name, value] = field;
    const auto* const text = std::find_if(
        std::begin(texts), std::end(texts),
        [&field](const auto& each) { return each.first == field.name; });
    if (text != std::end(texts)) {
      TRY(take_text(name, value, *text->second));
    } else if (name == "truncated") {
      const bool* flag = value.get<bool>();
      if (flag == nullptr) {
        return fail("truncated: true or false expected");
      }
      extras.truncated = *flag;
    } else {
      fields.push_back(std::move(field));
    }
  }
  said.fields = std::move(fields);
  return extras;
}

/// "; there are a, b", or the one that was meant.
std::string choices(const std::string& word,
                    const std::vector<std::string>& names) {
  if (const auto near = nearest(word, names)) {
    return "; did you mean \"" + *near + "\"?";
  }
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + name;
  }
  return "; there are: " + list;
}

/// Which type of event is meant; with one there is no need to say.
Result<Kind> find_kind(const std::vector<Kind>& kinds, const Extras& extras) {
  std::vector<Kind> found;
  std::vector<std::string> probes;
  std::vector<std::string> events;
  for (const Kind& kind : kinds) {
    probes.push_back(kind.probe->name);
    if (!extras.probe.empty() && kind.probe->name != extras.probe) {
      continue;
    }
    events.push_back(kind.event->name);
    if (extras.event.empty() || kind.event->name == extras.event) {
      found.push_back(kind);
    }
  }
  if (found.size() == 1) {
    return found[0];
  }
  if (events.empty()) {
    return fail("the script has no probe \"" + extras.probe +
                "\" that sends events" + choices(extras.probe, probes));
  }
  if (found.empty()) {
    return fail("the script's probes have no event \"" + extras.event + "\"" +
                choices(extras.event, events));
  }
  return fail("which one? Say event = \"" + found[0].event->name +
              "\", or another of its kind" + choices("", events));
}

/// Puts a recording together, event by event.
class Maker {
 public:
  Maker(recording::Writer& writer, std::vector<Kind> kinds)
      : writer_(writer),
        kinds_(std::move(kinds)),
        table_type_(static_cast<uint16_t>(kinds_.size())) {}

  Result<void> add(const Value& said) {
    const auto* table = said.get<Value::Table>();
    if (table == nullptr) {
      return fail("a table of fields expected");
    }
    Value::Table fields = *table;
    const Extras extras = TRY(take_extras(fields));
    const Kind kind = TRY(find_kind(kinds_, extras));
    const Value rest{std::move(fields)};
    const std::string bytes = TRY(script::make_event(
        kind.probe->schema, *kind.event, rest, defaults(kind, extras, rest)));
    events::Header header{};
    memcpy(&header, bytes.data(), events::kHeaderSize);
    if (header.ts < ts_) {
      return fail("ts: earlier than that of the event before it");
    }
    ts_ = header.ts;
    describe_process(header, extras);
    append(bytes);
    return {};
  }

  Result<void> add_loss(const Value& said) {
    const auto* table = said.get<Value::Table>();
    if (table == nullptr || !table->items.empty()) {
      return fail("a table of causes expected, such as { ring = 3 }");
    }
    recording::Loss loss{.ts = ts_, .causes = {}};
    std::vector<std::string> names;
    for (const Loss::Cause& cause : Loss::from({}, {}).causes) {
      loss.causes.push_back(
          {.name = cause.name, .text = cause.text, .by_cpu = {}});
      names.emplace_back(cause.name);
    }
    for (const auto& [name, value] : table->fields) {
      const auto at = std::find(names.begin(), names.end(), name);
      if (at == names.end()) {
        return fail("no cause \"" + name + "\"" + choices(name, names));
      }
      const double* count = value.get<double>();
      if (count == nullptr || *count < 0 || *count > 1e15 ||
          std::floor(*count) != *count) {
        return fail(name + ": a number of events expected");
      }
      auto& cause = loss.causes[static_cast<size_t>(at - names.begin())];
      cause.count = cause.total = static_cast<uint64_t>(*count);
    }
    writer_.loss(loss);
    return {};
  }

 private:
  [[nodiscard]] events::Header defaults(const Kind& kind, const Extras& extras,
                                        const Value& said) const {
    const Value* pid = said.field("pid");
    const double* number = pid == nullptr ? nullptr : pid->get<double>();
    events::Header header{
        .ts = ts_ + kStep,
        .len = 0,
        .type = kind.number,
        .cpu = 0,
        .pid = 1000,
        .tid = 1000,
        .ppid = 1,
        .comm = "test",
    };
    if (number != nullptr && *number >= 0 && *number <= INT32_MAX) {
      header.tid = static_cast<uint32_t>(*number);
    }
    if (extras.truncated) {
      header.type |= events::kCutFlag;
    }
    return header;
  }

  /// A record for the process table, where it says something new.
  void describe_process(const events::Header& event, const Extras& extras) {
    const auto [at, is_new] = known_.try_emplace(event.pid);
    Extras& known = at->second;
    if (is_new) {
      known.user = "root";
      known.exe =
          "/usr/bin/" + std::string(event.comm, strnlen(event.comm, 16));
      known.cgroup = "/";
    }
    bool changes = is_new;
    for (const auto field : {&Extras::user, &Extras::exe, &Extras::cgroup}) {
      if (!(extras.*field).empty() && extras.*field != known.*field) {
        known.*field = extras.*field;
        changes = true;
      }
    }
    if (changes) {
      append(events::Processes::seed({.ts = event.ts,
                                      .pid = event.pid,
                                      .uid = number_of(known.user),
                                      .exe = known.exe,
                                      .cgroup = known.cgroup},
                                     table_type_));
    }
  }

  /// A number for a user's name. This machine's users have no part in it.
  uint32_t number_of(const std::string& user) {
    const auto [at, is_new] = users_.try_emplace(
        user, kFirstUser + static_cast<uint32_t>(users_.size()));
    if (is_new) {
      writer_.user({.ts = ts_, .uid = at->second, .name = user});
    }
    return at->second;
  }

  void append(const std::string& bytes) {
    batch_.clear();
    memcpy(batch_.add(bytes.size()), bytes.data(), bytes.size());
    writer_.append(batch_);
  }

  recording::Writer& writer_;
  const std::vector<Kind> kinds_;
  const uint16_t table_type_;
  uint64_t ts_ = kStart;
  std::map<uint32_t, Extras> known_;  // of processes, by their number
  std::map<std::string, uint32_t> users_;
  events::Batch batch_;
};

}  // namespace

Result<Fd> make_recording(std::vector<recording::Probe> probes,
                          const Value& request) {
  const auto sending = std::find_if(
      probes.begin(), probes.end(),
      [](const auto& each) { return !each.schema.events.empty(); });
  if (sending == probes.end()) {
    return fail("the script's probes send no events");
  }
  probes.push_back(process_table(*sending));
  const std::vector<recording::Probe> own(probes.begin(), probes.end() - 1);

  Fd fd(memfd_create("made-up events", MFD_CLOEXEC));
  Fd copy(fd ? fcntl(fd.get(), F_DUPFD_CLOEXEC, 3) : -1);
  if (!copy) {
    return fail_errno("memfd_create", errno);
  }
  const recording::Meta meta{
      .facts = {},
      .wall_offset = kMadeStart - static_cast<int64_t>(kStart),
      .start = kStart};
  const std::unique_ptr<recording::Writer> writer =
      TRY(recording::Writer::create(std::move(copy), meta, probes,
                                    {.level = 0, .on_failure = [] {}}));
  Maker maker(*writer, kinds_of(own));
  const std::vector<Value>& events = request.list("events");
  for (size_t i = 0; i < events.size(); ++i) {
    if (Result<void> added = maker.add(events[i]); !added) {
      return tl::unexpected(std::move(added).error().context(
          "events[" + std::to_string(i + 1) + "]"));
    }
  }
  if (const Value* loss = request.field("loss")) {
    if (Result<void> added = maker.add_loss(*loss); !added) {
      return tl::unexpected(std::move(added).error().context("loss"));
    }
  }
  TRY(writer->finish({.events = 0,
                      .seen = events.size(),
                      .lost = 0,
                      .cut = 0,
                      .reason = "the end"}));
  if (lseek(fd.get(), 0, SEEK_SET) != 0) {
    return fail_errno("lseek", errno);
  }
  return fd;
}

}  // namespace tracer
