// SPDX-License-Identifier: Apache-2.0
#include "export/ctf.h"

#include <gtest/gtest.h>

#include "export.h"

namespace tracer::exporting {
namespace {

constexpr size_t kPacketHead = 48;
// Number of the type, time, and the context: CPU, three ids, name.
constexpr size_t kEventHead = 2 + 8 + 2 + 4 + 4 + 4 + 16;

struct Packet {
  uint64_t first;
  uint64_t last;
  uint64_t lost;
};

Packet packet_of(const std::string& bytes) {
  EXPECT_GE(bytes.size(), kPacketHead);
  uint64_t numbers[6] = {};
  memcpy(numbers, bytes.data(), sizeof numbers);
  EXPECT_EQ(numbers[0], 0xc1fc1fc1U);  // magic, and stream 0
  EXPECT_EQ(numbers[3], bytes.size() * 8);
  EXPECT_EQ(numbers[4], bytes.size() * 8);
  return {.first = numbers[1], .last = numbers[2], .lost = numbers[5]};
}

struct Trace {
  std::string metadata;
  Parts packets;
  uint64_t out_of_order = 0;
};

Trace ctf_of(const std::string& recording) {
  Trace trace;
  auto reader = recording::Reader::open(recording::file_of(recording));
  EXPECT_TRUE(reader);
  CtfExporter exporter((*reader)->meta(), (*reader)->probes(),
                       trace.packets.emit());
  EXPECT_TRUE(convert(
      **reader, exporter, [](const recording::Gap&) {}, [] { return false; }));
  trace.metadata = exporter.metadata();
  trace.out_of_order = exporter.out_of_order();
  return trace;
}

TEST(CtfExport, PacksAnEventWithoutPadding) {
  recording::Maker maker;
  maker.add({recording::write_event(2000, std::string("a\0\xff", 3))});
  const Trace trace = ctf_of(maker.finish());
  ASSERT_EQ(trace.packets.all.size(), 1U);
  const std::string& bytes = trace.packets.all[0];
  packet_of(bytes);
  using script::raw;
  EXPECT_EQ(bytes.substr(kPacketHead),
            raw(uint16_t{0}) + raw(uint64_t{2000}) + raw(uint16_t{1}) +
                raw(uint32_t{100}) + raw(uint32_t{101}) + raw(uint32_t{99}) +
                "cat" + std::string(13, '\0') + raw(uint32_t{1}) +
                raw(uint32_t{3}) + std::string("a\0\xff", 3) + '\0');
}

TEST(CtfExport, DeclaresWhatItPacks) {
  const Trace trace = ctf_of(recording::sample_recording());
  EXPECT_EQ(trace.metadata.rfind("/* CTF 1.8 */\n", 0), 0);
  EXPECT_NE(trace.metadata.find("\nevent {\n"
                                "  name = \"write\";\n"
                                "  id = 0;\n"
                                "  stream_id = 0;\n"
                                "  fields := struct {\n"
                                "    uint32_t _fd;\n"
                                "    uint32_t _data_length;\n"
                                "    byte_t _data[_data_length];\n"
                                "    uint8_t _truncated;\n"
                                "  };\n"
                                "};\n"),
            std::string::npos)
      << trace.metadata;
  // The wall clock is 5 ns behind.
  EXPECT_NE(trace.metadata.find("  offset_s = -1;\n  offset = 999999995;\n"),
            std::string::npos)
      << trace.metadata;
}

TEST(CtfExport, TellsALossWithThePacketInWhichItCameToBeKnown) {
  const Trace trace = ctf_of(recording::sample_recording());
  // Readers count from the packet before on: there is an empty one.
  ASSERT_EQ(trace.packets.all.size(), 3U);
  const Packet empty = packet_of(trace.packets.all[0]);
  const Packet before = packet_of(trace.packets.all[1]);
  const Packet after = packet_of(trace.packets.all[2]);
  EXPECT_EQ(trace.packets.all[0].size(), kPacketHead);
  EXPECT_EQ(empty.first, 1000U);
  EXPECT_EQ(empty.last, 1000U);
  EXPECT_EQ(empty.lost, 0U);
  EXPECT_EQ(before.first, 1000U);
  EXPECT_EQ(before.last, 1005U);
  EXPECT_EQ(before.lost, 7U);
  EXPECT_EQ(after.first, 1007U);
  EXPECT_EQ(after.last, 1007U);
  EXPECT_EQ(after.lost, 7U);
}

TEST(CtfExport, TellsALossBeforeTheFirstEventWithThatEvent) {
  recording::Maker maker;
  maker.writer().loss(recording::sample_loss(1500));
  maker.add({recording::end_event(2000), recording::end_event(2001)});
  const Trace trace = ctf_of(maker.finish());
  ASSERT_EQ(trace.packets.all.size(), 3U);
  EXPECT_EQ(packet_of(trace.packets.all[0]).lost, 0U);
  EXPECT_EQ(packet_of(trace.packets.all[1]).lost, 7U);
  EXPECT_EQ(packet_of(trace.packets.all[1]).last, 2000U);
  EXPECT_EQ(packet_of(trace.packets.all[2]).first, 2001U);
}

TEST(CtfExport, ClosesAPacketWhenItIsLarge) {
  recording::Maker maker;
  constexpr size_t kSize = 1000;
  for (uint64_t i = 0; i < 1000; ++i) {
    maker.add({recording::write_event(2000 + i, std::string(kSize, 'x'))});
  }
  const Trace trace = ctf_of(maker.finish());
  ASSERT_EQ(trace.packets.all.size(), 4U);
  uint64_t last = 0;
  for (const std::string& bytes : trace.packets.all) {
    EXPECT_LT(bytes.size(), CtfExporter::kPacket + kEventHead + kSize + 9);
    const Packet packet = packet_of(bytes);
    EXPECT_GT(packet.first, last);
    EXPECT_GT(packet.last, packet.first);
    last = packet.last;
  }
  EXPECT_EQ(last, 2999U);
}

TEST(CtfExport, NeverGoesBackInTime) {
  recording::Maker maker;
  maker.add({recording::end_event(2000), recording::end_event(1999),
             recording::end_event(2000)});
  const Trace trace = ctf_of(maker.finish());
  EXPECT_EQ(trace.out_of_order, 1U);
  const std::string& bytes = trace.packets.all.at(0);
  for (size_t i = 0; i < 3; ++i) {
    uint64_t ts = 0;
    memcpy(&ts, bytes.data() + kPacketHead + i * kEventHead + 2, sizeof ts);
    EXPECT_EQ(ts, 2000U);
  }
}

TEST(CtfExport, HasAPacketWithoutEvents) {
  const Trace trace = ctf_of(recording::Maker().finish());
  ASSERT_EQ(trace.packets.all.size(), 1U);
  EXPECT_EQ(packet_of(trace.packets.all[0]).first, 1000U);
}

TEST(CtfExport, LeavesTheTableOfProcessesOut) {
  const Trace trace = ctf_of(recording_with_table());
  EXPECT_EQ(trace.metadata.find("\"process\""), std::string::npos);
  EXPECT_EQ(trace.packets.joined().size(),
            kPacketHead + kEventHead + 4 + 4 + 3);
}

TEST(CtfExport, KeepsATextInItsQuotes) {
  EXPECT_EQ(tsdl_text("a\"b\\c\n"), R"("a\"b\\c\\x0a")");
}

}  // namespace
}  // namespace tracer::exporting
