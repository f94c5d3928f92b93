// SPDX-License-Identifier: Apache-2.0
#include "format/text.h"

#include <utf8proc.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace {

using Byte = unsigned char;

/// What one byte becomes. In a table, because no branch predictor foresees
/// the bytes of a traced program: copying a ready escape costs 1 ns.
struct Escape {
  char text[6] = {};
  uint8_t length = 0;    // 0: the byte stays
  bool is_high = false;  // from 0x80: for Go, a rune may begin here
};
using Escapes = std::array<Escape, 256>;

/// The escape that ends in the byte's number, "\\x" or "\\u00" before it.
constexpr Escape by_number(std::string_view before, size_t byte) {
  Escape escape{.is_high = byte >= 0x80};
  for (const char c : before) {
    escape.text[escape.length++] = c;
  }
  escape.text[escape.length++] = "0123456789abcdef"[byte >> 4];
  escape.text[escape.length++] = "0123456789abcdef"[byte & 0xf];
  return escape;
}

/// `letters` is a list of pairs, a byte and the letter that stands for it.
constexpr Escapes make_escapes(std::string_view before, bool high_stay,
                               std::string_view letters) {
  Escapes escapes{};
  for (size_t byte = 0; byte < 0x100; ++byte) {
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !high_stay)) {
      escapes[byte] = by_number(before, byte);
    }
  }
  for (size_t i = 0; i < letters.size(); i += 2) {
    escapes[static_cast<Byte>(letters[i])] =
        Escape{.text = {'\\', letters[i + 1]}, .length = 2};
  }
  return escapes;
}

constexpr Escapes kGo =
    make_escapes("\\x", false, "\aa\bb\ff\nn\rr\tt\vv\\\\\"\"");

/// Without quotes around it a quote is a character like others: an escape of
/// one, for whoever looks for bytes to escape stops at it.
constexpr Escapes make_text() {
  Escapes escapes = make_escapes("\\x", false, "\aa\bb\ff\nn\rr\tt\vv\\\\");
  escapes['"'] = Escape{.text = {'"'}, .length = 1};
  return escapes;
}
constexpr Escapes kText = make_text();

constexpr std::string_view kJsonLetters = "\bb\ff\nn\rr\tt\\\\\"\"";
/// In UTF-8 the controls from U+0080 to U+009F are this byte and their number.
constexpr Byte kC1Lead = 0xc2;

constexpr Escapes make_json() {
  Escapes escapes = make_escapes("\\u00", true, kJsonLetters);
  escapes[kC1Lead].length = 1;  // not what it becomes, but that it is looked at
  return escapes;
}
constexpr Escapes kJson = make_json();
constexpr Escapes kJsonLatin1 = make_escapes("\\u00", false, kJsonLetters);

/// The length of the longest escape of a byte.
constexpr size_t longest(const Escapes& escapes) {
  return escapes[0].length;
}

constexpr bool high_bytes_stay(const Escapes& escapes) {
  return escapes[0x80].length == 0;
}

/// The length of the rune at `in`, a byte from 0x80, or 0 if there is none.
/// Go and Unicode agree on what is none, and Go then takes one byte.
inline unsigned decode(const Byte* in, const Byte* end, uint32_t& rune) {
  const auto left = end - in;
  const auto follows = [in](int i) { return (in[i] & 0xc0) == 0x80; };
  const auto bits = [in](int i) { return in[i] & 0x3fu; };
  const uint32_t first = in[0];
  if (first < 0xc2) {
    return 0;  // a continuation, or the overlong form of an ASCII byte
  }
  if (first < 0xe0) {
    if (left < 2 || !follows(1)) {
      return 0;
    }
    rune = (first & 0x1f) << 6 | bits(1);
    return 2;
  }
  if (first < 0xf0) {
    if (left < 3 || !follows(1) || !follows(2)) {
      return 0;
    }
    rune = (first & 0x0f) << 12 | bits(1) << 6 | bits(2);
    const bool surrogate = rune >= 0xd800 && rune < 0xe000;
    return rune >= 0x800 && !surrogate ? 3 : 0;
  }
  if (first > 0xf4 || left < 4 || !follows(1) || !follows(2) || !follows(3)) {
    return 0;
  }
  rune = (first & 0x07) << 18 | bits(1) << 12 | bits(2) << 6 | bits(3);
  return rune >= 0x10000 && rune <= 0x10ffff ? 4 : 0;
}

/// Letters, marks, numbers, punctuation and symbols. The categories of
/// libutf8proc stand in this order between "unassigned" and the separators.
inline bool is_printable(uint32_t rune) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(rune));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_SO;
}

inline char* put_number(char* out, char letter, uint32_t value, int digits) {
  *out++ = '\\';
  *out++ = letter;
  for (int i = digits - 1; i >= 0; --i) {
    *out++ = "0123456789abcdef"[value >> (4 * i) & 0xf];
  }
  return out;
}

#ifdef __SSE2__

inline __m128i equals(__m128i block, char byte) {
  return _mm_cmpeq_epi8(block, _mm_set1_epi8(byte));
}

/// A bit for each byte of the block that does not stay.
template <const Escapes& kEscapes>
inline unsigned escaped_bytes(__m128i block) {
  // As signed numbers, the bytes from 0x80 are below 0x20 as well. Where they
  // stay, an unsigned minimum leaves them out.
  const __m128i low =
      high_bytes_stay(kEscapes)
          ? _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block)
          : _mm_cmplt_epi8(block, _mm_set1_epi8(0x20));
  const __m128i named = _mm_or_si128(equals(block, '"'), equals(block, '\\'));
  __m128i rest = _mm_or_si128(low, equals(block, 0x7f));
  if (kEscapes[kC1Lead].length == 1) {
    rest = _mm_or_si128(rest, equals(block, static_cast<char>(kC1Lead)));
  }
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(named, rest)));
}

/// How many of a short block's first `size` bytes stay.
template <const Escapes& kEscapes>
inline int plain_length(__m128i block, int size) {
  return std::countr_zero(escaped_bytes<kEscapes>(block) | 1u << size);
}

#endif

/// Copies what stays, up to the first byte that does not. Blocks are written
/// before they are judged: there is room for each byte that is left.
template <const Escapes& kEscapes>
inline void copy_plain(const Byte*& in, const Byte* end, char*& out) {
#ifdef __SSE2__
  while (end - in >= 16) {
    const auto block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), block);
    // A branch, not plain_length: the next block need not wait for this one.
    if (const unsigned escaped = escaped_bytes<kEscapes>(block)) {
      in += std::countr_zero(escaped);
      out += std::countr_zero(escaped);
      return;
    }
    in += 16;
    out += 16;
  }
  if (end - in >= 8) {
    const auto block = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(in));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), block);
    const int length = plain_length<kEscapes>(block, 8);
    in += length;
    out += length;
    if (length < 8) {
      return;
    }
  }
  if (end - in >= 4) {
    int word;
    memcpy(&word, in, 4);
    memcpy(out, &word, 4);
    const int length = plain_length<kEscapes>(_mm_cvtsi32_si128(word), 4);
    in += length;
    out += length;
    if (length < 4) {
      return;
    }
  }
#endif
  while (in != end && kEscapes[*in].length == 0) {
    *out++ = static_cast<char>(*in++);
  }
}

/// Puts the rune at `in` and moves `in` behind it. False if there is none.
inline bool put_rune(const Byte*& in, const Byte* end, char*& out) {
  uint32_t rune = 0;
  const unsigned length = decode(in, end, rune);
  if (length == 0) {
    return false;
  }
  if (is_printable(rune)) {
    memcpy(out, in, length);
    out += length;
  } else if (rune < 0x10000) {
    out = put_number(out, 'u', rune, 4);
  } else {
    out = put_number(out, 'U', rune, 8);
  }
  in += length;
  return true;
}

/// Puts the character at `in`, which begins with kC1Lead, and moves `in` behind
/// it: as it is, or escaped if it is a control.
inline void put_c2(const Byte*& in, const Byte* end, char*& out) {
  const Byte second = end - in > 1 ? in[1] : 0xff;
  if (second >= 0x80 && second < 0xa0) {
    out = put_number(out, 'u', second, 4);
    in += 2;
  } else {
    *out++ = static_cast<char>(*in++);
  }
}

template <const Escapes& kEscapes>
inline char* escape(const char* text, size_t size, char* at) {
  const auto* in = reinterpret_cast<const Byte*>(text);
  const Byte* const end = in + size;
  for (;;) {
    copy_plain<kEscapes>(in, end, at);
    if (in == end) {
      break;
    }
    // What needs an escape seldom comes alone: binary data, other alphabets.
    const Escape* escape = &kEscapes[*in];
    do {
      if constexpr (&kEscapes == &kGo || &kEscapes == &kText) {
        if (escape->is_high && put_rune(in, end, at)) {
          continue;
        }
      }
      if constexpr (&kEscapes == &kJson) {
        if (*in == kC1Lead) {
          put_c2(in, end, at);
          continue;
        }
      }
      memcpy(at, escape->text, longest(kEscapes));
      at += escape->length;
      ++in;
    } while (in != end && (escape = &kEscapes[*in])->length != 0);
  }
  return at;
}

template <const Escapes& kEscapes>
inline size_t quote_all(const char* text, size_t size, char* const out) {
  *out = '"';
  char* const end = escape<kEscapes>(text, size, out + 1);
  *end = '"';
  return static_cast<size_t>(end + 1 - out);
}

template <typename Integer>
size_t decimal(Integer value, char* out) {
  const auto done = std::to_chars(out, out + TRACER_INTEGER_ROOM, value);
  return static_cast<size_t>(done.ptr - out);
}

}  // namespace

size_t tracer_quote(const char* text, size_t size, char* out) noexcept {
  return quote_all<kGo>(text, size, out);
}

size_t tracer_json(const char* text, size_t size, int latin1,
                   char* out) noexcept {
  return latin1 != 0 ? quote_all<kJsonLatin1>(text, size, out)
                     : quote_all<kJson>(text, size, out);
}

size_t tracer_text(const char* text, size_t size, char* out) noexcept {
  return static_cast<size_t>(escape<kText>(text, size, out) - out);
}

size_t tracer_hex(const char* bytes, size_t size, char* out) noexcept {
  char* at = out;
  for (size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<Byte>(bytes[i]);
    *at++ = "0123456789abcdef"[byte >> 4];
    *at++ = "0123456789abcdef"[byte & 0xf];
    *at++ = ' ';
  }
  return static_cast<size_t>(at - out);
}

size_t tracer_width(const char* text, size_t size) noexcept {
  const auto* in = reinterpret_cast<const Byte*>(text);
  const Byte* const end = in + size;
  size_t width = 0;
  while (in != end) {
    uint32_t rune = 0;
    const unsigned length = *in < 0x80 ? 0 : decode(in, end, rune);
    if (length == 0) {
      ++width;
      ++in;
      continue;
    }
    width += static_cast<size_t>(
        utf8proc_charwidth(static_cast<utf8proc_int32_t>(rune)));
    in += length;
  }
  return width;
}

size_t tracer_cell(const char* text, size_t size, int width,
                   char* out) noexcept {
  const size_t length = tracer_text(text, size, out);
  const size_t taken = tracer_width(out, length);
  const auto wanted = static_cast<size_t>(width < 0 ? -width : width);
  if (taken >= wanted) {
    return length;
  }
  const size_t gap = wanted - taken;
  if (width < 0) {
    memmove(out + gap, out, length);
    memset(out, ' ', gap);
  } else {
    memset(out + length, ' ', gap);
  }
  return length + gap;
}

int tracer_utf8_valid(const char* text, size_t size) noexcept {
  const auto* in = reinterpret_cast<const Byte*>(text);
  const Byte* const end = in + size;
  while (in != end) {
    if (*in < 0x80) {
      for (uint64_t word; end - in >= 8; in += 8) {
        memcpy(&word, in, 8);
        if ((word & 0x8080808080808080) != 0) {
          break;
        }
      }
      while (in != end && *in < 0x80) {
        ++in;
      }
      continue;
    }
    uint32_t rune = 0;
    const unsigned length = decode(in, end, rune);
    if (length == 0) {
      return 0;
    }
    in += length;
  }
  return 1;
}

size_t tracer_i64(int64_t value, char* out) noexcept {
  return decimal(value, out);
}

size_t tracer_u64(uint64_t value, char* out) noexcept {
  return decimal(value, out);
}
