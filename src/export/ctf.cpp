// SPDX-License-Identifier: Apache-2.0
#include "export/ctf.h"

#include <set>
#include <utility>

namespace tracer::exporting {
namespace {

constexpr uint32_t kMagic = 0xc1fc1fc1;

/// What a packet begins with, as the metadata declares it.
struct PacketHead {
  uint32_t magic = kMagic;
  uint32_t stream_id = 0;
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t content_bits = 0;
  uint64_t packet_bits = 0;
  uint64_t events_discarded = 0;
};
static_assert(sizeof(PacketHead) == 48);

constexpr const char* kHead = R"(/* CTF 1.8 */

)";

constexpr const char* kLayout = R"(
typealias integer {
  size = 64; align = 8; signed = false; map = clock.monotonic.value;
} := time_t;

trace {
  major = 1;
  minor = 8;
  byte_order = le;
  packet.header := struct {
    uint32_t magic;
    uint32_t stream_id;
  };
};

stream {
  id = 0;
  packet.context := struct {
    time_t timestamp_begin;
    time_t timestamp_end;
    uint64_t content_size;
    uint64_t packet_size;
    uint64_t events_discarded;
  };
  event.header := struct {
    uint16_t id;
    time_t timestamp;
  };
  event.context := struct {
    uint16_t _cpu;
    uint32_t _pid;
    uint32_t _tid;
    uint32_t _ppid;
    char_t _comm[16];
  };
};
)";

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// The clock: monotonic, with what is to be added for the time since 1970.
std::string clock(const recording::Meta& meta) {
  constexpr int64_t kSecond = 1'000'000'000;
  int64_t seconds = meta.wall_offset / kSecond;
  int64_t rest = meta.wall_offset % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  return "\nclock {\n"
         "  name = \"monotonic\";\n"
         "  description = \"CLOCK_MONOTONIC, shown as the wall clock\";\n"
         "  freq = 1000000000;\n"
         "  offset_s = " +
         std::to_string(seconds) + ";\n  offset = " + std::to_string(rest) +
         ";\n  absolute = TRUE;\n};\n";
}

/// The name of a fact as an identifier that is no keyword: fact_boot_id.
std::string fact_name(const std::string& name) {
  std::string out = "fact_";
  for (const char c : name) {
    const bool is_part = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9');
    out += is_part ? c : '_';
  }
  return out;
}

std::string environment(const recording::Meta& meta) {
  std::string out =
      "\nenv {\n"
      "  tracer_name = \"tracer\";\n";
  std::set<std::string> names;
  for (const auto& [fact, value] : meta.facts) {
    const std::string name = fact_name(fact);
    if (names.insert(name).second) {
      out += "  " + name + " = " + tsdl_text(value) + ";\n";
    }
  }
  return out + "};\n";
}

std::string event_class(const std::string& name, size_t id,
                        const CtfPlan& plan) {
  return "\nevent {\n  name = \"" + name + "\";\n  id = " + std::to_string(id) +
         ";\n  stream_id = 0;\n  fields := struct {\n" + plan.fields() +
         "  };\n};\n";
}

/// As it is in the stream, for a packet of so many bytes.
std::string head_of(PacketHead head, size_t size) {
  constexpr uint64_t kBitsInByte = 8;
  head.content_bits = head.packet_bits = size * kBitsInByte;
  return {reinterpret_cast<const char*>(&head), sizeof head};
}

/// Saturated: the numbers may be a stranger's.
uint64_t total_of(const recording::Loss& loss) {
  uint64_t sum = 0;
  for (const recording::LossCause& cause : loss.causes) {
    sum = cause.total > UINT64_MAX - sum ? UINT64_MAX : sum + cause.total;
  }
  return sum;
}

}  // namespace

CtfExporter::CtfExporter(const recording::Meta& meta,
                         const std::vector<recording::Probe>& probes, Emit emit)
    : emit_(std::move(emit)), last_(meta.start) {
  // The layout uses the clock, and everything uses the types.
  metadata_ = std::string(kHead) + CtfPlan::types() + environment(meta) +
              clock(meta) + kLayout;
  for (const EventKind& kind : all_types(probes)) {
    std::optional<CtfPlan>& plan = plans_.emplace_back();
    if (kind.is_exported) {
      plan.emplace(kind.probe->schema, *kind.type);
      // Names of events are C's (check_events): nothing is to be escaped.
      metadata_ += event_class(kind.type->name, plans_.size() - 1, *plan);
    }
  }
  open_packet();
}

void CtfExporter::open_packet() {
  packet_.assign(sizeof(PacketHead), '\0');
  events_in_packet_ = 0;
}

void CtfExporter::close_packet() {
  const uint64_t first = events_in_packet_ > 0 ? first_ : last_;
  if (!has_packets_ && lost_ > 0) {
    // Readers count what was lost from the packet before on.
    emit_(head_of({.first = first, .last = first}, sizeof(PacketHead)));
  }
  has_packets_ = true;
  packet_.replace(
      0, sizeof(PacketHead),
      head_of({.first = first, .last = last_, .events_discarded = lost_},
              packet_.size()));
  emit_(packet_);
  loss_untold_ = false;
  open_packet();
}

void CtfExporter::event(const events::Header* event) {
  if (has_events_ && event->ts < last_) {
    ++out_of_order_;
  } else {
    last_ = event->ts;
  }
  has_events_ = true;
  if (events_in_packet_++ == 0) {
    first_ = last_;
  }
  const size_t type = event->type & events::kTypeMask;
  put(packet_, static_cast<uint16_t>(type));
  put(packet_, last_);
  put(packet_, event->cpu);
  put(packet_, event->pid);
  put(packet_, event->tid);
  put(packet_, event->ppid);
  packet_.append(event->comm, sizeof event->comm);
  plans_[type]->pack(event, packet_);
  if (packet_.size() >= kPacket || loss_untold_) {
    close_packet();
  }
}

/// The loss is told by the packet in which it came to be known; before the
/// first event there is no time for one yet.
void CtfExporter::loss(const recording::Loss& loss) {
  const uint64_t total = total_of(loss);
  if (total <= lost_) {
    return;
  }
  lost_ = total;
  loss_untold_ = true;
  if (has_events_) {
    close_packet();
  }
}

void CtfExporter::finish() {
  if (events_in_packet_ > 0 || loss_untold_ || !has_events_) {
    close_packet();
  }
}

}  // namespace tracer::exporting
