// SPDX-License-Identifier: Apache-2.0
#include "events/batch.h"

#include <gtest/gtest.h>

#include <cstring>

namespace tracer::events {
namespace {

/// Adds an event that is full of one byte. False if there is no room.
bool add(Batch& batch, size_t size, int fill) {
  std::byte* room = batch.add(size);
  if (room != nullptr) {
    memset(room, fill, size);
  }
  return room != nullptr;
}

const char* bytes(const Batch& batch, size_t index) {
  return reinterpret_cast<const char*>(batch.event(index));
}

TEST(Header, IsLaidOutAsTheProbesHaveIt) {
  EXPECT_EQ(offsetof(Header, comm) + sizeof(Header::comm), kHeaderSize);
  EXPECT_EQ(sizeof(Chunk), 16);
  EXPECT_EQ(kChunkFlag & kTypeMask, 0);
  EXPECT_EQ(kCutFlag & kTypeMask, 0);
}

TEST(Batch, KeepsEventsInTheirOrderAndAligned) {
  Batch batch(1024);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(add(batch, 45 + static_cast<size_t>(i), i));
  }
  ASSERT_EQ(batch.count(), 10);
  for (int i = 0; i < 10; ++i) {
    const char* event = bytes(batch, static_cast<size_t>(i));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(event) % 8, 0);
    EXPECT_EQ(event[0], i);
    EXPECT_EQ(event[44 + i], i);
  }
}

TEST(Batch, IsFullWhenItsBytesAreUsed) {
  Batch batch(128);
  EXPECT_TRUE(add(batch, 64, 1));
  EXPECT_FALSE(add(batch, 65, 2));
  EXPECT_TRUE(add(batch, 57, 3)) << "rounded to 64, which is what is left";
  EXPECT_FALSE(add(batch, 1, 4));
  EXPECT_EQ(batch.count(), 2);
  EXPECT_EQ(bytes(batch, 0)[63], 1);
}

TEST(Batch, IsFullWhenTheScriptHasNoMoreSlots) {
  Batch batch;
  for (size_t i = 0; i < Batch::kMaxEvents; ++i) {
    ASSERT_NE(batch.add(8), nullptr);
  }
  EXPECT_EQ(batch.add(8), nullptr);
  EXPECT_EQ(batch.count(), Batch::kMaxEvents);
}

TEST(Batch, TakesAnEventOfAnySizeWhenItIsEmpty) {
  Batch batch(64);
  ASSERT_TRUE(add(batch, 1 << 20, 7));
  EXPECT_EQ(bytes(batch, 0)[(1 << 20) - 1], 7);
  EXPECT_FALSE(add(batch, 8, 8));
  EXPECT_GE(batch.capacity(), size_t{1} << 20);
}

TEST(Batch, TakesNoLargeEventWhenItIsNot) {
  Batch batch(64);
  ASSERT_TRUE(add(batch, 8, 1));
  EXPECT_FALSE(add(batch, 1 << 20, 2));
  EXPECT_EQ(batch.count(), 1);
  EXPECT_EQ(bytes(batch, 0)[7], 1);
}

TEST(Batch, MayPointAtEventsThatLieElsewhere) {
  static const Header event{.ts = 7};
  Batch batch(0);
  for (size_t i = 0; i < Batch::kMaxEvents; ++i) {
    ASSERT_TRUE(batch.refer(&event));
  }
  EXPECT_FALSE(batch.refer(&event));
  EXPECT_EQ(batch.count(), Batch::kMaxEvents);
  EXPECT_EQ(batch.event(4095), &event);
  batch.clear();
  EXPECT_TRUE(batch.refer(&event));
}

TEST(Batch, CanBeUsedAgain) {
  Batch batch(64);
  ASSERT_TRUE(add(batch, 64, 1));
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_TRUE(add(batch, 64, 2));
  EXPECT_EQ(batch.count(), 1);
  EXPECT_EQ(batch.capacity(), 64);
}

}  // namespace
}  // namespace tracer::events
