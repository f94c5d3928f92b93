// SPDX-License-Identifier: Apache-2.0
#include "compiler/layout.h"

#include <gtest/gtest.h>

namespace tracer::compiler {
namespace {

std::string filled(const std::vector<Item>& members, uint64_t size_bits) {
  unsigned next_unique = 0;
  std::string out;
  for (const Item& item : fill_gaps(members, size_bits, next_unique)) {
    out += item.text + "; ";
  }
  return out;
}

Item bits(uint64_t begin, uint64_t width) {
  return {begin, width, true, "f" + std::to_string(begin)};
}

TEST(Layout, FillsGapsWithBytes) {
  EXPECT_EQ(filled({{32, 32, false, "a"}, {128, 64, false, "b"}}, 256),
            "char __p0[4]; a; char __p1[8]; b; char __p2[8]; ");
}

TEST(Layout, FillsPartsOfBytesWithBits) {
  EXPECT_EQ(filled({bits(3, 2), bits(26, 6)}, 40),
            "unsigned char __b0:3; f3; unsigned char __b1:3; char __p2[2]; "
            "unsigned char __b3:2; f26; char __p4[1]; ");
}

TEST(Layout, LeavesAShortRunAlone) {
  EXPECT_EQ(filled({bits(0, 32), bits(32, 32)}, 64), "f0; f32; ");
}

TEST(Layout, BreaksALongRunAtAByte) {
  EXPECT_EQ(filled({bits(0, 32), bits(32, 31), bits(63, 1), bits(64, 8)}, 72),
            "f0; f32; f63; char __z0[0]; f64; ");
  // Bits 60 to 68 are one piece: the break has to come in front of it.
  EXPECT_EQ(filled({bits(0, 32), bits(32, 16), bits(48, 12), bits(60, 8),
                    bits(68, 4)},
                   72),
            "f0; f32; char __z0[0]; f48; f60; f68; ");
}

}  // namespace
}  // namespace tracer::compiler
