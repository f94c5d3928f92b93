// SPDX-License-Identifier: Apache-2.0
#include "recording/maps.h"

#include "sample.h"

namespace tracer::recording {
namespace {

using events::MapAnswer;
using events::MapOp;
using events::MapStatus;

// Keys of 4 bytes, values of 4; and a queue.
std::vector<events::Map> sample_maps() {
  return {{.name = "counts", .type = 1, .key_size = 4, .value_size = 4},
          {.name = "queue", .type = 22, .key_size = 0, .value_size = 4}};
}

/// A map that answers with what it is told to.
class ToldMaps : public events::MapAccess {
 public:
  MapAnswer call(uint32_t /*map*/, MapOp /*op*/,
                 std::string_view /*in*/) override {
    return {status, bytes};
  }
  MapStatus status = MapStatus::kDone;
  std::string bytes;
};

std::string text(const MapAnswer& answer) {
  return answer.status == MapStatus::kNothing ? "nothing"
         : answer.status == MapStatus::kDone  ? std::string(answer.bytes)
                                              : "failed";
}

/// What the reader of a recording gives to a replay.
std::vector<MapCalls> calls_in(const std::string& bytes) {
  std::vector<MapCalls> all;
  auto reader = Reader::open(file_of(bytes));
  EXPECT_TRUE(reader);
  for (;;) {
    auto item = (*reader)->next();
    if (auto* calls = std::get_if<MapCalls>(&*item)) {
      all.push_back(std::move(*calls));
    }
    if (std::holds_alternative<End>(*item)) {
      return all;
    }
  }
}

MapCalls one(MapOp op, const std::string& in, const std::string& out,
             MapStatus status = MapStatus::kDone) {
  return {
      .calls = {{.map = 0, .op = op, .status = status, .in = in, .out = out}}};
}

TEST(MapTap, WritesWhatWasAskedAndAnswered) {
  Maker maker;
  ToldMaps maps;
  MapTap tap(maps, maker.writer());
  tap.at(1000, 1005);
  maps.bytes = "1234";
  EXPECT_EQ(text(tap.call(0, MapOp::kGet, "key1")), "1234");
  maps.status = MapStatus::kNothing;
  maps.bytes = "";
  EXPECT_EQ(text(tap.call(0, MapOp::kGet, "key2")), "nothing");
  tap.flush();
  tap.flush();  // nothing more
  maker.add({end_event(1005)});
  const std::vector<MapCalls> all = calls_in(maker.finish());
  ASSERT_EQ(all.size(), 1);
  EXPECT_EQ(all[0].first, 1000);
  EXPECT_EQ(all[0].last, 1005);
  ASSERT_EQ(all[0].calls.size(), 2);
  EXPECT_EQ(all[0].calls[0].in, "key1");
  EXPECT_EQ(all[0].calls[0].out, "1234");
  EXPECT_EQ(all[0].calls[1].status, MapStatus::kNothing);
}

TEST(MapTap, CutsLargeAnswersWhichAreJoinedAgain) {
  Maker maker;
  ToldMaps maps;
  MapTap tap(maps, maker.writer());
  for (int i = 0; i < 700'000; ++i) {
    maps.bytes += "key" + std::string(1, static_cast<char>(i % 50)) + "1234";
  }
  EXPECT_EQ(text(tap.call(0, MapOp::kAll, "")), maps.bytes);
  tap.flush();
  RecordedMaps recorded(sample_maps());
  const std::vector<MapCalls> all = calls_in(maker.finish());
  EXPECT_GT(all.size(), 4);
  for (const MapCalls& calls : all) {
    EXPECT_TRUE(recorded.add(calls));
  }
  EXPECT_EQ(text(recorded.call(0, MapOp::kAll, "")), maps.bytes);
}

TEST(RecordedMaps, GiveTheSameAnswersInTheirOrder) {
  RecordedMaps maps(sample_maps());
  for (const char* value : {"aaaa", "bbbb"}) {
    EXPECT_TRUE(maps.add(one(MapOp::kGet, "key1", value)));
  }
  EXPECT_TRUE(maps.add(one(MapOp::kGet, "key2", "", MapStatus::kNothing)));
  EXPECT_EQ(text(maps.call(0, MapOp::kGet, "key1")), "aaaa");
  EXPECT_EQ(text(maps.call(0, MapOp::kGet, "key2")), "nothing");
  EXPECT_EQ(text(maps.call(0, MapOp::kGet, "key1")), "bbbb");
  EXPECT_EQ(text(maps.call(0, MapOp::kGet, "key1")), "failed");
}

TEST(RecordedMaps, AnswerOtherQuestionsFromWhatIsKnown) {
  RecordedMaps maps(sample_maps());
  EXPECT_EQ(text(maps.call(0, MapOp::kAll, "")), "failed");
  EXPECT_TRUE(maps.add(one(MapOp::kDrain, "", "key1aaaakey2bbbb")));
  EXPECT_EQ(text(maps.call(0, MapOp::kGet, "key2")), "bbbb");
  EXPECT_EQ(text(maps.call(0, MapOp::kGet, "key3")), "nothing");
  EXPECT_EQ(text(maps.call(0, MapOp::kAll, "")), "key1aaaakey2bbbb");
  EXPECT_EQ(text(maps.call(0, MapOp::kDrain, "")), "key1aaaakey2bbbb");
  EXPECT_EQ(text(maps.call(0, MapOp::kSet, "key1cccc")), "");
  EXPECT_EQ(text(maps.call(1, MapOp::kPop, "")), "failed");
  EXPECT_EQ(text(maps.call(2, MapOp::kAll, "")), "failed");
}

TEST(RecordedMaps, DoNotWaitForQuestionsThatNobodyAsks) {
  RecordedMaps maps(sample_maps());
  EXPECT_TRUE(maps.add(one(MapOp::kGet, "key1", "aaaa")));
  EXPECT_TRUE(maps.add(one(MapOp::kAll, "", "key1aaaa")));
  maps.played();
  EXPECT_TRUE(maps.add(one(MapOp::kGet, "key1", "bbbb")));
  EXPECT_EQ(text(maps.call(0, MapOp::kGet, "key1")), "bbbb");
  EXPECT_EQ(text(maps.call(0, MapOp::kAll, "")), "key1aaaa");
}

TEST(RecordedMaps, RefuseWhatCannotBe) {
  RecordedMaps maps(sample_maps());
  for (const MapCall& call : std::vector<MapCall>{
           {.map = 7},
           {.op = static_cast<MapOp>(99)},
           {.status = static_cast<MapStatus>(9), .in = "key1"},
           {.status = MapStatus::kDone, .in = "key", .out = "aaaa"},
           {.status = MapStatus::kDone, .in = "key1", .out = "aaa"},
           {.status = MapStatus::kNothing, .in = "key1", .out = "aaaa"},
           {.op = MapOp::kAll, .status = MapStatus::kDone, .out = "12345"},
           {.op = MapOp::kAll, .status = MapStatus::kDone, .in = "1"},
       }) {
    EXPECT_FALSE(maps.add({.calls = {call}}));
  }
  EXPECT_EQ(text(maps.call(0, MapOp::kGet, "key1")), "failed");
}

TEST(RecordedMaps, LeaveOutAnAnswerWhoseRestIsMissing) {
  RecordedMaps maps(sample_maps());
  MapCalls begun = one(MapOp::kAll, "", "key1aaaa");
  begun.calls[0].goes_on = true;
  EXPECT_TRUE(maps.add(begun));
  EXPECT_FALSE(maps.add(one(MapOp::kGet, "key2", "bbbb")));
  EXPECT_EQ(text(maps.call(0, MapOp::kGet, "key2")), "bbbb");
  EXPECT_EQ(text(maps.call(0, MapOp::kAll, "")), "failed");
}

TEST(Reader, HandsOutMapCallsOfTheSelectedTime) {
  Maker maker;
  const auto at = [&](uint64_t first, uint64_t last) {
    MapCalls calls = one(MapOp::kGet, "key1", "aaaa");
    calls.first = first;
    calls.last = last;
    maker.writer().maps(calls);
  };
  at(1000, 1001);
  maker.add({end_event(1000), end_event(1001)});
  at(1002, 1009);
  maker.add({end_event(1002), end_event(1009)});
  at(0, UINT64_MAX);
  auto reader = Reader::open(file_of(maker.finish()));
  ASSERT_TRUE(reader);
  EXPECT_TRUE((*reader)->select(1003, 1005));
  std::vector<uint64_t> found;
  for (;;) {
    auto item = (*reader)->next();
    if (auto* calls = std::get_if<MapCalls>(&*item)) {
      found.push_back(calls->first);
    }
    if (std::holds_alternative<End>(*item)) {
      break;
    }
  }
  EXPECT_EQ(found, (std::vector<uint64_t>{1002, 0}));
}

TEST(Reader, HandsOutTheNamesOfUsers) {
  // They were passed over, for their number is greater than that of END.
  Maker maker;
  maker.writer().user({.ts = 1, .uid = 7, .name = "seven"});
  auto reader = Reader::open(file_of(maker.finish()));
  ASSERT_TRUE(reader);
  auto item = (*reader)->next();
  ASSERT_TRUE(std::holds_alternative<User>(*item));
  EXPECT_EQ(std::get<User>(*item).name, "seven");
}

}  // namespace
}  // namespace tracer::recording
