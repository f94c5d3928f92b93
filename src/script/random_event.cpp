// SPDX-License-Identifier: Apache-2.0
#include "script/random_event.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace tracer::script {
namespace {

using events::Kind;
using events::Member;
using events::Schema;
using events::Type;

// What texts are like: a path, a line, UTF-8, quotes, and bytes that are none.
constexpr std::array<std::string_view, 7> kTexts = {
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "hello\n",
    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac",
    "a \"b\" 'c' \\ %s %d",
    "\x00\x01\x1b[31m\xff\xfe\x80",
    " \t\r\n",
    "x"};

class Maker {
 public:
  Maker(const Schema& schema, std::mt19937_64& random)
      : schema_(schema), random_(random) {}

  std::string bytes;

  /// A number below `end`.
  size_t below(size_t end) { return end == 0 ? 0 : random_() % end; }

  void put(const Member& member, uint32_t base) {
    const Type& type = schema_.types[member.type];
    const uint32_t at = base + member.offset;
    if (member.bit_size == 0) {
      put(type, at);
      return;
    }
    const uint64_t bits = number(type);
    for (uint32_t i = 0; i < member.bit_size; ++i) {
      const uint32_t bit = member.bit_offset + i;
      bytes[at + bit / 8] =
          static_cast<char>(static_cast<unsigned char>(bytes[at + bit / 8]) |
                            (bits >> i & 1) << (bit % 8));
    }
  }

  /// The payload: of text any bytes, otherwise whole elements.
  void put_payload(const Member& member, size_t most) {
    const Type& element = schema_.types[schema_.types[member.type].element];
    bytes.resize(member.offset);
    if (element.kind == Kind::kChar) {
      bytes += text(most);
      return;
    }
    const size_t fit = element.size == 0 ? 0 : most / element.size;
    const size_t count = below(std::min<size_t>(fit, 8) + 1);
    bytes.resize(member.offset + count * element.size);
    for (size_t i = 0; i < count; ++i) {
      put(element, member.offset + static_cast<uint32_t>(i) * element.size);
    }
  }

  void store(uint32_t at, uint32_t size, uint64_t value) {
    memcpy(bytes.data() + at, &value, std::min<size_t>(size, sizeof value));
  }

 private:
  void put(const Type& type, uint32_t at) {
    switch (type.kind) {
      case Kind::kArray:
        put_array(type, at);
        break;
      case Kind::kStruct:
        for (const Member& member : type.members) {
          put(member, at);
        }
        break;
      case Kind::kUnion:
        if (!type.members.empty()) {
          put(type.members[below(type.members.size())], at);
        }
        break;
      case Kind::kFloat:
        put_float(type, at);
        break;
      default:
        store(at, type.size, number(type));
    }
  }

  void put_array(const Type& type, uint32_t at) {
    const Type& element = schema_.types[type.element];
    if (element.kind == Kind::kChar) {
      const std::string word = text(type.count);
      bytes.replace(at, word.size(), word);
      return;
    }
    for (uint32_t i = 0; i < type.count; ++i) {
      put(element, at + i * element.size);
    }
  }

  void put_float(const Type& type, uint32_t at) {
    constexpr std::array kValues = {0.0, 1.5, -1e300, 1e9};
    const double value = kValues[below(kValues.size())];
    const auto single = static_cast<float>(std::clamp(value, -1e30, 1e30));
    memcpy(bytes.data() + at,
           type.size == sizeof single ? static_cast<const void*>(&single)
                                      : static_cast<const void*>(&value),
           std::min<size_t>(type.size, sizeof value));
  }

  uint64_t number(const Type& type) {
    if (type.kind == Kind::kBool) {
      return below(2);
    }
    if (!type.enumerators.empty() && below(8) != 0) {
      return static_cast<uint64_t>(
          type.enumerators[below(type.enumerators.size())].value);
    }
    const uint64_t top =
        type.size >= 8 ? UINT64_MAX : (uint64_t{1} << type.size * 8) - 1;
    switch (below(8)) {
      case 0:
        return 0;
      case 1:
        return type.is_signed ? top >> 1 : top;
      case 2:  // the least, of those with a sign
        return type.is_signed ? (top >> 1) + 1 : top;
      case 3:  // an errno
        return type.is_signed ? ~uint64_t{0} - below(133) : random_() & top;
      case 4:
        return random_() & top;
      default:
        return below(4096);
    }
  }

  std::string text(size_t most) {
    std::string text;
    switch (below(4)) {
      case 0:
        break;
      case 1:
        while (text.size() < most) {
          text += kTexts[below(kTexts.size())];
        }
        break;
      default:
        text = kTexts[below(kTexts.size())];
    }
    text.resize(std::min(text.size(), most));
    return text;
  }

  const Schema& schema_;
  std::mt19937_64& random_;
};

/// The member that is the payload, if the struct has one.
const Member* payload_of(const Schema& schema, const Type& record) {
  const Member& last = record.members.back();
  const Type& type = schema.types[last.type];
  return type.kind == Kind::kArray && type.count == 0 ? &last : nullptr;
}

}  // namespace

std::string random_event(const Schema& schema, const events::EventType& event,
                         const events::Header& header, size_t most,
                         std::mt19937_64& random) {
  const Type& record = schema.types[event.type];
  Maker maker(schema, random);
  maker.bytes.assign(record.size, '\0');
  const Member* payload = payload_of(schema, record);
  for (const Member& member : record.members) {
    if (member.offset >= events::kHeaderSize && &member != payload) {
      maker.put(member, 0);
    }
  }
  events::Header head = header;
  if (payload != nullptr) {
    maker.put_payload(*payload, most);
    const size_t size = maker.bytes.size() - payload->offset;
    for (const Member& member : record.members) {
      if ((member.name == "ret" || member.name == "size") &&
          member.bit_size == 0 && maker.below(4) != 0) {
        maker.store(member.offset, schema.types[member.type].size, size);
      }
    }
    if (maker.below(4) == 0) {
      head.type |= events::kCutFlag;
    }
  }
  head.len = static_cast<uint32_t>(maker.bytes.size());
  memcpy(maker.bytes.data(), &head, events::kHeaderSize);
  return std::move(maker.bytes);
}

}  // namespace tracer::script
