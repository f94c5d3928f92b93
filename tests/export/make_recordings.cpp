// SPDX-License-Identifier: Apache-2.0
//
// Makes the recordings that export_test.py exports, in the folder that it is
// told: kinds.trc has a member of every kind, names that other formats keep for
// themselves, and bytes that are no text; long.trc has many packets, two
// losses, and a table of processes.
#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "../unit/script/events.h"
#include "base/fd.h"
#include "recording/writer.h"

namespace tracer::recording {
namespace {

using events::Kind;
using script::raw;
using script::Sample;
using script::SchemaMaker;

constexpr uint32_t kOwn = events::kHeaderSize;
constexpr uint64_t kStart = 5'000'000'000;

Meta meta() {
  return {.facts = {{"kernel", "6.1.0"},
                    {"command line", "tracer record \"a\\b\"\n\xff \xc3\xa9"},
                    {"command_line", "another"}},
          // The wall clock is behind, and not by whole seconds.
          .wall_offset = -3'000'000'001,
          .start = kStart};
}

/// Members one behind the other, as a compiler would lay them out, and the
/// bytes of one value of each.
class Record {
 public:
  explicit Record(SchemaMaker& maker, uint32_t start = 0)
      : maker_(&maker), start_(start) {}
  Record& add(const std::string& name, uint32_t type,
              const std::string& bytes) {
    const events::Type& added = maker_->schema().types[type];
    const auto offset = static_cast<uint32_t>(start_ + bytes_.size());
    if (added.size > 0 && added.size != bytes.size()) {
      fprintf(stderr, "%s is not of its size\n", name.c_str());
      abort();
    }
    members_.push_back({name, type, offset});
    bytes_ += bytes;
    return *this;
  }
  Record& pad(size_t bytes) {
    bytes_.append(bytes, '\x55');
    return *this;
  }
  /// Bit-fields in the next `bytes`.
  Record& bits(const std::vector<events::Member>& fields,
               const std::string& bytes) {
    for (events::Member field : fields) {
      field.offset = static_cast<uint32_t>(start_ + bytes_.size());
      members_.push_back(std::move(field));
    }
    bytes_ += bytes;
    return *this;
  }
  uint32_t type(Kind kind = Kind::kStruct) {
    return maker_->record(kind, static_cast<uint32_t>(bytes_.size()), members_);
  }
  void event(const std::string& name) {
    maker_->event(name, static_cast<uint32_t>(start_ + bytes_.size()),
                  members_);
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  SchemaMaker* maker_;
  uint32_t start_;
  std::vector<events::Member> members_;
  std::string bytes_;
};

void write_down(const std::string& path, const std::vector<Probe>& probes,
                const auto& fill) {
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  auto writer = Writer::create(std::move(fd), meta(), probes, {});
  if (!writer) {
    fprintf(stderr, "%s: %s\n", path.c_str(), writer.error().message.c_str());
    exit(1);
  }
  fill(**writer);
  if (!(*writer)->finish({.reason = "done"})) {
    exit(1);
  }
}

void append(Writer& writer, const std::vector<Sample>& samples) {
  events::Batch batch;
  for (const Sample& sample : samples) {
    sample.add_to(batch);
  }
  writer.append(batch);
}

/// Every kind of member, in an event whose bytes are returned.
std::string add_kinds(SchemaMaker& maker) {
  const uint32_t u8 = maker.number(1);
  const uint32_t s8 = maker.number(1, true);
  const uint32_t u16 = maker.number(2);
  const uint32_t u32 = maker.number(4);
  const uint32_t s32 = maker.number(4, true);
  const uint32_t u64 = maker.number(8);
  const uint32_t s64 = maker.number(8, true);
  const uint32_t flag = maker.plain(Kind::kBool, 1);
  const uint32_t letter = maker.plain(Kind::kChar, 1);
  const uint32_t color = maker.add(
      {.kind = Kind::kEnum,
       .size = 4,
       .enumerators = {{"RED", 0}, {"enum", 7}, {"LARGE", 0xffffffff}}});
  const uint32_t sign = maker.add(
      {.kind = Kind::kEnum,
       .is_signed = true,
       .size = 8,
       .enumerators = {{"LOW", INT64_MIN}, {"SAME", -1}, {"ALIAS", -1}}});
  Record inner(maker);
  inner.add("struct", u8, raw<uint8_t>(1))
      .pad(3)
      .add("uint8_t", s32, raw<int32_t>(-2));
  const uint32_t pair = inner.type();
  Record hollow(maker);
  const uint32_t empty = hollow.type();
  const uint32_t choice =
      maker.record(Kind::kUnion, 4, {{"a", u32, 0}, {"b", u16, 0}});

  Record own(maker, kOwn);
  own.add("event", u8, raw<uint8_t>(0xfe))
      .add("stream", s8, raw<int8_t>(-128))
      .add("integer", u16, raw<uint16_t>(65535))
      .add("_", u32, raw<uint32_t>(4'000'000'000))
      .add("_x", s32, raw<int32_t>(-2'000'000'000))
      .add("x", u64, raw<uint64_t>(UINT64_MAX))
      .add("trace", s64, raw<int64_t>(INT64_MIN))
      .add("clock", flag, raw<uint8_t>(1))
      .add("letter", letter, "z")
      .add("variant", maker.plain(Kind::kFloat, 4), raw(0.5F))
      .add("string", maker.plain(Kind::kFloat, 8), raw(-1e300))
      .add("enum", color, raw<uint32_t>(7))
      .add("no_such_color", color, raw<uint32_t>(8))
      .add("sign", sign, raw<int64_t>(-1))
      .add("align", maker.plain(Kind::kPointer, 8),
           raw<uint64_t>(0xffff800000001000))
      .add("numbers", maker.array(u16, 3),
           raw<uint16_t>(1) + raw<uint16_t>(2) + raw<uint16_t>(3))
      .add("text", maker.chars(8), std::string("ab\0cd\0\0\0", 8))
      .add("texts", maker.array(maker.chars(4), 2), std::string("one\0four", 8))
      .add("pair", pair, inner.bytes())
      .add("grid", maker.array(maker.array(pair, 2), 1),
           inner.bytes() + inner.bytes())
      .add("hollow", empty, "")
      .add("either", choice, raw<uint32_t>(0x01020304))
      .add("", pair, inner.bytes())
      .add("nothing", maker.array(empty, 4), "")
      .bits({{.name = "low", .type = u32, .bit_offset = 0, .bit_size = 3},
             {.name = "signed", .type = s32, .bit_offset = 3, .bit_size = 5},
             {.name = "floating_point",
              .type = flag,
              .bit_offset = 8,
              .bit_size = 1},
             {.name = "tint", .type = color, .bit_offset = 9, .bit_size = 4}},
            raw<uint32_t>(5 | (0x1e << 3) | (1 << 8) | (7 << 9)))
      .event("kinds");
  return own.bytes();
}

void make_kinds(const std::string& path) {
  SchemaMaker kinds;
  const std::string kinds_bytes = add_kinds(kinds);
  SchemaMaker write;
  const uint32_t data = write.chars(0);
  const uint32_t number = write.number(4);
  write.event("write", kOwn + 4,
              {{"data_length", number, kOwn}, {"data", data, kOwn + 4}});
  SchemaMaker list;
  const uint32_t numbers = list.array(list.number(2, true), 0);
  list.event("list", kOwn, {{"values", numbers, kOwn}});
  SchemaMaker nested;
  const uint32_t rest = nested.chars(0);
  const uint32_t tail = nested.record(Kind::kStruct, 0, {{"rest", rest, 0}});
  nested.event("nested", kOwn, {{"tail", tail, kOwn}});
  SchemaMaker none;
  none.event("end", kOwn, {});

  std::string all_bytes = raw<uint32_t>(256);
  for (int i = 0; i < 256; ++i) {
    all_bytes += static_cast<char>(i);
  }
  const auto sent = [&](uint64_t after, uint16_t type, std::string own,
                        std::string_view comm = "cat") {
    return Sample{.ts = kStart + after,
                  .type = type,
                  .comm = comm,
                  .own = std::move(own)};
  };
  write_down(
      path,
      {{"kinds", {}, kinds.schema()},
       {"write", {}, write.schema()},
       {"list", {}, list.schema()},
       {"nested", {}, nested.schema()},
       {"none", {}, none.schema()}},
      [&](Writer& writer) {
        append(writer,
               {sent(0, 0, kinds_bytes),
                sent(1, 1, all_bytes),
                sent(1, 1, raw<uint32_t>(0), "\xff\"\\\n"),
                sent(2, 1 | events::kCutFlag, raw<uint32_t>(4) + "h\xc3\xa9!",
                     "\xc3\xa9"),
                sent(1'500'000'000, 2, raw<int16_t>(-1) + raw<int16_t>(300)),
                // Shorter than its struct.
                {.ts = kStart + 2'000'000'000, .type = 0, .own = ""},
                sent(1'999'999'999, 4, ""),
                sent(2'000'000'001, 3, std::string("\0\xff", 2))});
      });
}

void make_long(const std::string& path) {
  SchemaMaker write;
  const uint32_t data = write.chars(0);
  write.event("write", kOwn, {{"data", data, kOwn}});
  SchemaMaker table;
  table.event("process", kOwn, {});
  const auto lost = [](uint64_t ts, uint64_t count, uint64_t total) {
    return Loss{.ts = ts,
                .causes = {{"ring", "the ring was full", count, total, {}}}};
  };
  write_down(path,
             {{"processes", {}, table.schema()}, {"write", {}, write.schema()}},
             [&](Writer& writer) {
               writer.loss(lost(kStart, 2, 2));
               for (uint64_t i = 0; i < 2000; ++i) {
                 const uint64_t ts = kStart + i * 1000;
                 append(writer, {{.ts = ts, .type = 0},
                                 {.ts = ts,
                                  .type = 1,
                                  .pid = static_cast<uint32_t>(100 + i % 3),
                                  .own = std::string(i % 400, 'x')}});
                 if (i == 1000) {
                   writer.loss(lost(ts, 3, 5));
                 }
               }
               append(writer, {{.ts = kStart + 10'000'000,
                                .type = 1,
                                .own = std::string(300'000, '\n')}});
             });
}

}  // namespace
}  // namespace tracer::recording

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  const std::string folder = argv[1];
  tracer::recording::make_kinds(folder + "/kinds.trc");
  tracer::recording::make_long(folder + "/long.trc");
  return 0;
}
