// SPDX-License-Identifier: Apache-2.0
#include "recording/format.h"

#include "base/bytes.h"
#include "base/crc32c.h"

namespace tracer::recording {
namespace {

/// CRC of all that stands before `checksum`.
template <typename T>
uint32_t checksum_of(const T& head) {
  return crc32c(&head, offsetof(T, checksum));
}

/// A later minor version may have put more behind what is known here.
template <typename T>
Result<T> checked(const ByteReader& in, T value) {
  if (!in.ok()) {
    return fail("its content makes no sense");
  }
  return value;
}

}  // namespace

void seal(FileHead& head) {
  head.checksum = checksum_of(head);
}

void seal(BlockHeader& header, std::string_view stored) {
  header.payload_checksum = crc32c(stored.data(), stored.size());
  header.checksum = checksum_of(header);
}

void seal(Trailer& trailer) {
  trailer.checksum = checksum_of(trailer);
}

bool is_whole(const FileHead& head) {
  return head.checksum == checksum_of(head);
}

bool is_whole(const BlockHeader& header) {
  return header.checksum == checksum_of(header);
}

bool is_whole(const Trailer& trailer) {
  return trailer.magic == kTrailerMagic &&
         trailer.checksum == checksum_of(trailer);
}

std::string encode(const Meta& meta) {
  ByteWriter out;
  out.number(meta.wall_offset);
  out.number(meta.start);
  out.list(meta.facts, [&](const auto& fact) {
    out.text(fact.first);
    out.text(fact.second);
  });
  return out.bytes();
}

Result<Meta> decode_meta(std::string_view payload) {
  ByteReader in(payload);
  Meta meta;
  in.number(meta.wall_offset);
  in.number(meta.start);
  in.list([&] {
    std::string name = in.text();
    meta.facts[std::move(name)] = in.text();
  });
  return checked(in, std::move(meta));
}

namespace {

void write_map(ByteWriter& out, const events::Map& map) {
  out.text(map.name);
  out.number(map.type);
  out.number(map.key_size);
  out.number(map.value_size);
  out.number(map.max_entries);
  out.number(map.key_type);
  out.number(map.value_type);
  out.number(map.is_per_cpu);
  out.number(map.values);
}

events::Map read_map(ByteReader& in) {
  events::Map map;
  map.name = in.text();
  in.number(map.type);
  in.number(map.key_size);
  in.number(map.value_size);
  in.number(map.max_entries);
  in.number(map.key_type);
  in.number(map.value_type);
  in.number(map.is_per_cpu);
  in.number(map.values);
  return map;
}

}  // namespace

std::string encode(const std::vector<Probe>& probes) {
  ByteWriter out;
  out.list(probes, [&](const Probe& probe) {
    out.text(probe.name);
    out.list(probe.parameters, [&](const auto& parameter) {
      out.text(parameter.first);
      out.list(parameter.second, [&](int64_t value) { out.number(value); });
    });
    events::write_schema(out, probe.schema);
  });
  // Behind what the first version of the format had.
  for (const Probe& probe : probes) {
    out.list(probe.maps, [&](const events::Map& map) { write_map(out, map); });
  }
  return out.bytes();
}

Result<std::vector<Probe>> decode_probes(std::string_view payload) {
  ByteReader in(payload);
  std::vector<Probe> probes;
  in.list([&] {
    Probe& probe = probes.emplace_back();
    probe.name = in.text();
    in.list([&] {
      std::vector<int64_t>& values = probe.parameters[in.text()];
      in.list([&] { values.push_back(in.number<int64_t>()); });
    });
    probe.schema = events::read_schema(in);
  });
  if (!in.at_end()) {
    for (Probe& probe : probes) {
      in.list([&] { probe.maps.push_back(read_map(in)); });
    }
  }
  probes = TRY(checked(in, std::move(probes)));
  TRY(check_probes(probes));
  return probes;
}

std::string encode(const Loss& loss) {
  ByteWriter out;
  out.number(loss.ts);
  out.list(loss.causes, [&](const LossCause& cause) {
    out.text(cause.name);
    out.text(cause.text);
    out.number(cause.count);
    out.number(cause.total);
    out.list(cause.by_cpu, [&](uint64_t count) { out.number(count); });
  });
  return out.bytes();
}

Result<Loss> decode_loss(std::string_view payload) {
  ByteReader in(payload);
  Loss loss;
  in.number(loss.ts);
  in.list([&] {
    LossCause& cause = loss.causes.emplace_back();
    cause.name = in.text();
    cause.text = in.text();
    in.number(cause.count);
    in.number(cause.total);
    in.list([&] { cause.by_cpu.push_back(in.number<uint64_t>()); });
  });
  return checked(in, std::move(loss));
}

std::string encode(const Tick& tick) {
  ByteWriter out;
  out.number(tick.ts);
  out.number(tick.timer);
  return out.bytes();
}

Result<Tick> decode_tick(std::string_view payload) {
  ByteReader in(payload);
  Tick tick;
  in.number(tick.ts);
  in.number(tick.timer);
  return checked(in, tick);
}

std::string encode(const User& user) {
  ByteWriter out;
  out.number(user.ts);
  out.number(user.uid);
  out.text(user.name);
  return out.bytes();
}

Result<User> decode_user(std::string_view payload) {
  ByteReader in(payload);
  User user;
  in.number(user.ts);
  in.number(user.uid);
  user.name = in.text();
  return checked(in, user);
}

std::string encode(const MapCalls& calls) {
  ByteWriter out;
  out.number(calls.first);
  out.number(calls.last);
  out.list(calls.calls, [&](const MapCall& call) {
    out.number(call.map);
    out.number(call.op);
    out.number(call.status);
    out.number(call.goes_on);
    out.text(call.in);
    out.text(call.out);
  });
  return out.bytes();
}

Result<MapCalls> decode_map_calls(std::string_view payload) {
  ByteReader in(payload);
  MapCalls calls;
  in.number(calls.first);
  in.number(calls.last);
  in.list([&] {
    MapCall& call = calls.calls.emplace_back();
    in.number(call.map);
    in.number(call.op);
    in.number(call.status);
    in.number(call.goes_on);
    call.in = in.text();
    call.out = in.text();
  });
  return checked(in, std::move(calls));
}

std::string encode(const Totals& totals) {
  ByteWriter out;
  out.number(totals.events);
  out.number(totals.seen);
  out.number(totals.lost);
  out.number(totals.cut);
  out.text(totals.reason);
  return out.bytes();
}

Result<Totals> decode_totals(std::string_view payload) {
  ByteReader in(payload);
  Totals totals;
  in.number(totals.events);
  in.number(totals.seen);
  in.number(totals.lost);
  in.number(totals.cut);
  totals.reason = in.text();
  return checked(in, std::move(totals));
}

Result<void> check_probes(const std::vector<Probe>& probes) {
  size_t types = 0;
  for (const Probe& probe : probes) {
    if (Result<void> sound = events::check_events(probe.schema); !sound) {
      return tl::unexpected(
          std::move(sound).error().context("the probe " + probe.name));
    }
    for (const events::Map& map : probe.maps) {
      if (Result<void> sound = events::check_map(probe.schema, map); !sound) {
        return tl::unexpected(
            std::move(sound).error().context("the probe " + probe.name));
      }
    }
    types += probe.schema.events.size();
  }
  if (types > size_t{events::kTypeMask} + 1) {
    return fail("there are too many types of events");
  }
  return {};
}

bool is_process_table(const Probe& probe) {
  return probe.name == "processes" && probe.schema.events.size() == 1 &&
         probe.schema.events[0].name == "process";
}

std::vector<events::Map> all_maps(const std::vector<Probe>& probes) {
  std::vector<events::Map> maps;
  for (const Probe& probe : probes) {
    maps.insert(maps.end(), probe.maps.begin(), probe.maps.end());
  }
  return maps;
}

std::vector<uint32_t> struct_sizes(const std::vector<Probe>& probes) {
  std::vector<uint32_t> sizes;
  for (const Probe& probe : probes) {
    for (const events::EventType& event : probe.schema.events) {
      sizes.push_back(probe.schema.types[event.type].size);
    }
  }
  return sizes;
}

}  // namespace tracer::recording
