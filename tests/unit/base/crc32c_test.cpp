// SPDX-License-Identifier: Apache-2.0
#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tracer {
namespace {

TEST(Crc32c, IsThatOfTheStandard) {
  // The check value of the catalogues, and one of RFC 3720.
  constexpr std::string_view kDigits = "123456789";
  EXPECT_EQ(crc32c(kDigits.data(), kDigits.size()), 0xe3069283);
  EXPECT_EQ(crc32c_plain(kDigits.data(), kDigits.size()), 0xe3069283);
  const std::string zeroes(32, '\0');
  EXPECT_EQ(crc32c(zeroes.data(), zeroes.size()), 0x8a9136aa);
  EXPECT_EQ(crc32c(nullptr, 0), 0);
}

TEST(Crc32c, IsTheSameWithAndWithoutTheProcessorsHelp) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) {
    bytes += static_cast<char>(i * 37);
    for (size_t from = 0; from < bytes.size(); from += 3) {
      const size_t size = bytes.size() - from;
      EXPECT_EQ(crc32c(&bytes[from], size), crc32c_plain(&bytes[from], size));
    }
  }
}

TEST(Crc32c, GoesOnFromTheBytesBefore) {
  constexpr std::string_view kDigits = "123456789";
  for (size_t cut = 0; cut <= kDigits.size(); ++cut) {
    const uint32_t first = crc32c(kDigits.data(), cut);
    EXPECT_EQ(crc32c(kDigits.data() + cut, kDigits.size() - cut, first),
              0xe3069283);
  }
}

}  // namespace
}  // namespace tracer
