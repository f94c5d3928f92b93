// SPDX-License-Identifier: Apache-2.0
#include "format/text.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace {

/// Memory that ends where no byte can be read or written.
class GuardedPages {
 public:
  GuardedPages() {
    void* mapped = mmap(nullptr, kSize + page(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(mapped, MAP_FAILED);
    begin_ = static_cast<char*>(mapped);
    EXPECT_EQ(mprotect(begin_ + kSize, page(), PROT_NONE), 0);
  }
  GuardedPages(const GuardedPages&) = delete;
  GuardedPages& operator=(const GuardedPages&) = delete;
  ~GuardedPages() { munmap(begin_, kSize + page()); }

  /// The last `size` bytes before the guard.
  [[nodiscard]] char* last(size_t size) const { return begin_ + kSize - size; }

 private:
  static constexpr size_t kSize = 1 << 16;
  static size_t page() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }
  char* begin_ = nullptr;
};

/// Runs a formatting function with both its text and its room ending at a
/// guard page.
template <typename Format>
std::string guarded(std::string_view text, size_t room, Format format) {
  static const GuardedPages source, target;
  char* in = source.last(text.size());
  std::copy(text.begin(), text.end(), in);
  char* out = target.last(room);
  const size_t size = format(in, text.size(), out);
  EXPECT_LE(size, room) << "for " << testing::PrintToString(text);
  return {out, size};
}

std::string quote(std::string_view text) {
  return guarded(text, TRACER_QUOTE_ROOM(text.size()), tracer_quote);
}

std::string json(std::string_view text, bool latin1) {
  return guarded(text, TRACER_JSON_ROOM(text.size()),
                 [latin1](const char* in, size_t size, char* out) {
                   return tracer_json(in, size, latin1, out);
                 });
}

bool valid(std::string_view text) {
  bool result = false;
  guarded(text, 0, [&result](const char* in, size_t size, char*) {
    result = tracer_utf8_valid(in, size) != 0;
    return size_t{0};
  });
  return result;
}

std::string encode(uint32_t rune) {
  std::string text;
  const auto tail = [&text, rune](int shift) {
    text += static_cast<char>(0x80 | (rune >> shift & 0x3f));
  };
  if (rune < 0x80) {
    text += static_cast<char>(rune);
  } else if (rune < 0x800) {
    text += static_cast<char>(0xc0 | rune >> 6);
    tail(0);
  } else if (rune < 0x10000) {
    text += static_cast<char>(0xe0 | rune >> 12);
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xf0 | rune >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
  return text;
}

uint32_t hex(std::string_view& text, size_t digits) {
  uint32_t value = 0;
  digits = std::min(digits, text.size());
  const auto done =
      std::from_chars(text.data(), text.data() + digits, value, 16);
  EXPECT_EQ(done.ptr, text.data() + digits);
  text.remove_prefix(digits);
  return value;
}

/// The short escapes: a byte and the letter that stands for it.
struct Letter {
  char byte;
  char letter;
};
using Letters = std::span<const Letter>;

constexpr Letter kGoLetters[] = {{'\a', 'a'}, {'\b', 'b'},  {'\f', 'f'},
                                 {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'},
                                 {'\v', 'v'}, {'\\', '\\'}, {'"', '"'}};
constexpr Letter kJsonLetters[] = {{'\b', 'b'}, {'\f', 'f'}, {'\n', 'n'},
                                   {'\r', 'r'}, {'\t', 't'}, {'\\', '\\'},
                                   {'"', '"'}};

/// What a text of one byte becomes: itself, a letter, or `by_number`.
std::string expected_escape(char byte, Letters letters,
                            const std::string& by_number) {
  for (const Letter& pair : letters) {
    if (pair.byte == byte) {
      return std::string("\"\\") + pair.letter + '"';
    }
  }
  const bool plain = byte >= 0x20 && byte < 0x7f;
  return plain ? std::string("\"") + byte + '"' : by_number;
}

/// Reads a string in double quotes back. `bytes_of` gives the bytes of an
/// escape by number, from its letter; none for a letter that is no escape.
template <typename BytesOf>
std::optional<std::string> read_back(std::string_view text, Letters letters,
                                     BytesOf bytes_of) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') {
    return {};
  }
  text = text.substr(1, text.size() - 2);
  std::string result;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '"') {
      return {};
    }
    if (c != '\\') {
      result += c;
      continue;
    }
    if (text.empty()) {
      return {};
    }
    const char letter = text.front();
    text.remove_prefix(1);
    const auto known =
        std::find_if(letters.begin(), letters.end(),
                     [letter](Letter pair) { return pair.letter == letter; });
    if (known != letters.end()) {
      result += known->byte;
    } else if (const std::optional<std::string> bytes =
                   bytes_of(letter, text)) {
      result += *bytes;
    } else {
      return {};
    }
  }
  return result;
}

using Bytes = std::optional<std::string>;

Bytes unquote(std::string_view text) {
  return read_back(text, kGoLetters,
                   [](char letter, std::string_view& rest) -> Bytes {
                     switch (letter) {
                       case 'x':
                         return std::string(1, static_cast<char>(hex(rest, 2)));
                       case 'u':
                         return encode(hex(rest, 4));
                       case 'U':
                         return encode(hex(rest, 8));
                       default:
                         return {};
                     }
                   });
}

Bytes parse_json(std::string_view text) {
  return read_back(text, kJsonLetters,
                   [](char letter, std::string_view& rest) -> Bytes {
                     if (letter != 'u') {
                       return {};
                     }
                     return encode(hex(rest, 4));
                   });
}

std::string as_latin1(std::string_view text) {
  std::string runes;
  for (const char c : text) {
    runes += encode(static_cast<unsigned char>(c));
  }
  return runes;
}

/// Text in which each kind of byte comes often enough to stand beside each
/// other kind, whole or cut.
std::string any_text(std::mt19937& random) {
  static constexpr std::string_view kParts[] = {"plain words of text",
                                                "\n",
                                                "\x1b[0m",
                                                "\"",
                                                "\\",
                                                "\x7f",
                                                "\xc3\xa9",
                                                "\xe2\x82\xac",
                                                "\xf0\x9f\x98\x80",
                                                "\xc2\xad",
                                                "\xe2\x80\xa8",
                                                "\xf3\xa0\x80\x81",
                                                "\xff",
                                                "\xc3",
                                                "\xe2\x82",
                                                "\xed\xa0\x80"};
  std::string text;
  for (unsigned parts = random() % 8; parts > 0; --parts) {
    const std::string_view part = kParts[random() % std::size(kParts)];
    text += part.substr(0, 1 + random() % part.size());
  }
  return text;
}

constexpr std::string_view kInvalid[] = {
    "\x80",  // a continuation alone
    "\xbf",
    "\xc0\x80",  // overlong NUL
    "\xc1\xbf",  // overlong DEL
    "\xe0\x80\x80",
    "\xe0\x9f\xbf",  // overlong U+07FF
    "\xf0\x80\x80\x80",
    "\xf0\x8f\xbf\xbf",  // overlong U+FFFF
    "\xed\xa0\x80",      // the first surrogate
    "\xed\xbf\xbf",      // the last one
    "\xf4\x90\x80\x80",  // U+110000
    "\xf5\x80\x80\x80",
    "\xf8\x88\x80\x80",
    "\xfe",
    "\xff",
    "\xc3",  // cut
    "\xe2\x82",
    "\xf0\x9f\x98",
};

std::string each_byte_in_hex(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    char escaped[8];
    snprintf(escaped, sizeof escaped, "\\x%02x",
             static_cast<unsigned>(static_cast<unsigned char>(c)));
    result += escaped;
  }
  return result + '"';
}

TEST(Quote, WritesEachSingleByteAsGoDoes) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    EXPECT_EQ(quote(text),
              expected_escape(text[0], kGoLetters, each_byte_in_hex(text)));
  }
}

TEST(Quote, TakesEmptyText) {
  EXPECT_EQ(quote(""), "\"\"");
  char out[2];
  EXPECT_EQ(tracer_quote(nullptr, 0, out), 2u);
}

TEST(Quote, KeepsPrintableRunes) {
  for (const std::string_view text :
       {"caf\u00e9", "\u041f\u0440\u0438\u0432\u0435\u0442", "\u65e5\u672c",
        "\u20ac 5", "\U0001f600", "e\u0301", "\u00bd", "\u00ab\u00bb"}) {
    EXPECT_EQ(quote(text), '"' + std::string(text) + '"');
  }
}

TEST(Quote, EscapesRunesThatDoNotPrint) {
  const std::pair<uint32_t, const char*> cases[] = {
      {0x80, R"("\u0080")"},          // control
      {0xa0, R"("\u00a0")"},          // no-break space
      {0xad, R"("\u00ad")"},          // soft hyphen, a format character
      {0x200b, R"("\u200b")"},        // zero width space
      {0x202e, R"("\u202e")"},        // turns the direction of writing
      {0x2028, R"("\u2028")"},        // line separator
      {0x2029, R"("\u2029")"},        // paragraph separator
      {0x3000, R"("\u3000")"},        // ideographic space
      {0xd7ff, R"("\ud7ff")"},        // unassigned, before the surrogates
      {0xe000, R"("\ue000")"},        // private use
      {0xfeff, R"("\ufeff")"},        // byte order mark
      {0xffff, R"("\uffff")"},        // never a character
      {0xe0001, R"("\U000e0001")"},   // language tag
      {0x10ffff, R"("\U0010ffff")"},  // the last one
  };
  for (const auto& [rune, expected] : cases) {
    EXPECT_EQ(quote(encode(rune)), expected);
  }
}

TEST(Quote, KeepsAReplacementCharacterThatIsThere) {
  EXPECT_EQ(quote("\xef\xbf\xbd"), "\"\xef\xbf\xbd\"");
}

TEST(Quote, WritesEachByteThatIsNotUtf8) {
  for (const std::string_view text : kInvalid) {
    EXPECT_EQ(quote(text), each_byte_in_hex(text));
    const std::string before = "\"\u00e9" + each_byte_in_hex(text).substr(1);
    EXPECT_EQ(quote("\u00e9" + std::string(text)), before);
  }
  EXPECT_EQ(quote("\xe2\x82x"), R"("\xe2\x82x")");
  EXPECT_EQ(quote("\xe2\xc3\xa9"), "\"\\xe2\u00e9\"");
}

TEST(Quote, CanBeReadBackForEachRune) {
  for (uint32_t rune = 0; rune <= 0x10ffff; ++rune) {
    if (rune >= 0xd800 && rune < 0xe000) {
      continue;
    }
    const std::string text = encode(rune);
    ASSERT_EQ(unquote(quote(text)), text) << rune;
  }
}

TEST(Quote, NeedsNoMoreRoomThanPromised) {
  // Rooms end at a guard page, so these would fault.
  for (const uint32_t rune : {0x1bu, 0xadu, 0x200bu, 0xe0001u}) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      EXPECT_LE(quote(text).size(), TRACER_QUOTE_ROOM(text.size()));
      text += encode(rune);
    }
  }
  const std::string controls(100, '\x1b');
  EXPECT_EQ(quote(controls).size(), TRACER_QUOTE_ROOM(controls.size()));
}

TEST(Json, WritesEachSingleByte) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    char number[16];
    snprintf(number, sizeof number, "\"\\u%04x\"", byte);
    const std::string expected = expected_escape(text[0], kJsonLetters, number);
    EXPECT_EQ(json(text, true), expected);
    if (byte < 0x80) {
      EXPECT_EQ(json(text, false), expected);
    }
  }
}

TEST(Json, KeepsUtf8) {
  const std::string text = "\u00e9 \u20ac \U0001f600 \u2028";
  EXPECT_EQ(json(text, false), '"' + text + '"');
}

TEST(Json, GivesEachByteItsNumberInLatin1) {
  EXPECT_EQ(json("caf\xe9\xff\n", true), R"("caf\u00e9\u00ff\n")");
}

TEST(Json, IsReadBackAsItWas) {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = any_text(random);
    ASSERT_EQ(parse_json(json(text, true)), as_latin1(text));
    if (valid(text)) {
      ASSERT_EQ(parse_json(json(text, false)), text);
    }
    ASSERT_EQ(unquote(quote(text)), text);
  }
}

// Blocks of 16, 8 and 4 bytes are read at once, so what stands at each place
// of texts of each length, at each alignment, must be seen, and nothing else.
TEST(Text, FindsAnEscapeAtEachPlaceOfEachLength) {
  for (size_t size = 0; size <= 80; ++size) {
    const std::string plain(size, 'a');
    EXPECT_EQ(quote(plain), '"' + plain + '"');
    EXPECT_EQ(json(plain, false), '"' + plain + '"');
    EXPECT_EQ(json(plain, true), '"' + plain + '"');
    EXPECT_TRUE(valid(plain));
    for (size_t at = 0; at < size; ++at) {
      const std::string before = '"' + plain.substr(0, at);
      const std::string after = plain.substr(at + 1) + '"';
      for (const auto& [byte, go, latin1] :
           {std::tuple{'\x01', R"(\x01)", R"(\u0001)"},
            {'"', R"(\")", R"(\")"},
            {'\\', R"(\\)", R"(\\)"},
            {'\x7f', R"(\x7f)", R"(\u007f)"},
            {'\x80', R"(\x80)", R"(\u0080)"},
            {'\xff', R"(\xff)", R"(\u00ff)"}}) {
        std::string text = plain;
        text[at] = byte;
        ASSERT_EQ(quote(text), before + go + after);
        ASSERT_EQ(json(text, true), before + latin1 + after);
        ASSERT_EQ(valid(text), static_cast<signed char>(byte) > 0);
      }
    }
  }
}

TEST(Text, IsTheSameAtEachAlignment) {
  const std::string text = "some words, \x1b and \u00e9, some more of them\n";
  const std::string expected = quote(text);
  for (size_t shift = 0; shift < 32; ++shift) {
    std::string moved = std::string(shift, '-') + text;
    std::vector<char> out(shift + TRACER_QUOTE_ROOM(text.size()));
    const size_t size =
        tracer_quote(moved.data() + shift, text.size(), out.data() + shift);
    EXPECT_EQ(std::string(out.data() + shift, size), expected);
  }
}

TEST(Utf8, KnowsWhatIsValid) {
  EXPECT_TRUE(valid(""));
  EXPECT_TRUE(valid(std::string_view("\0", 1)));
  for (const uint32_t rune : {0x7fu, 0x80u, 0x7ffu, 0x800u, 0xd7ffu, 0xe000u,
                              0xfffdu, 0xffffu, 0x10000u, 0x10ffffu}) {
    EXPECT_TRUE(valid(encode(rune))) << rune;
    EXPECT_TRUE(valid("some words and " + encode(rune) + " at last")) << rune;
  }
}

TEST(Utf8, KnowsWhatIsNot) {
  for (const std::string_view text : kInvalid) {
    EXPECT_FALSE(valid(text));
    EXPECT_FALSE(valid("some words and " + std::string(text)));
    EXPECT_FALSE(valid("\u00e9" + std::string(text) + " and more"));
  }
}

TEST(Integer, IsWrittenToItsLastDigit) {
  char out[TRACER_INTEGER_ROOM];
  const auto i64 = [&out](int64_t value) {
    return std::string(out, tracer_i64(value, out));
  };
  const auto u64 = [&out](uint64_t value) {
    return std::string(out, tracer_u64(value, out));
  };
  EXPECT_EQ(i64(0), "0");
  EXPECT_EQ(i64(-1), "-1");
  EXPECT_EQ(i64(1769000000123456789), "1769000000123456789");
  EXPECT_EQ(i64(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(u64(0), "0");
  EXPECT_EQ(u64(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
}

}  // namespace
