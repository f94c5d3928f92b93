// SPDX-License-Identifier: Apache-2.0
#include "format/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "format/text.h"

namespace tracer::format {
namespace {

using events::Kind;

// Above this, a number loses digits in the many readers that use doubles.
constexpr uint64_t kExact = uint64_t{1} << 53;

/// Members that all events have; `len` and `type` are for the reader alone.
bool in_header(const events::Member& member) {
  constexpr std::array kNames = {"ts",  "pid", "tid",  "ppid",
                                 "cpu", "len", "type", "comm"};
  return member.offset < events::kHeaderSize &&
         std::find(kNames.begin(), kNames.end(), member.name) != kNames.end();
}

bool is_char_array(const events::Schema& schema, const events::Type& type) {
  return type.kind == Kind::kArray &&
         schema.types[type.element].kind == Kind::kChar;
}

template <typename T>
uint64_t load_as(const char* at) {
  T value;
  memcpy(&value, at, sizeof value);
  return value;
}

uint64_t load(const char* at, size_t size) {
  switch (size) {
    case 1:
      return load_as<uint8_t>(at);
    case 2:
      return load_as<uint16_t>(at);
    case 4:
      return load_as<uint32_t>(at);
    case 8:
      return load_as<uint64_t>(at);
    default: {
      uint64_t value = 0;
      memcpy(&value, at, std::min<size_t>(size, sizeof value));
      return value;
    }
  }
}

// Literals are short and copied in blocks of this size, whatever their length:
// what is written too much is overwritten next.
constexpr size_t kBlock = 16;

inline char* put_blocks(char* out, const char* text, size_t size) {
  for (size_t i = 0; i < size; i += kBlock) {
    memcpy(out + i, text + i, kBlock);
  }
  return out + size;
}

int64_t sign_extend(uint64_t value, size_t bits) {
  const size_t unused = 64 - bits;
  return static_cast<int64_t>(value << unused) >> unused;
}

char* put_unsigned(char* out, uint64_t value) {
  if (value <= kExact) {
    return std::to_chars(out, out + 20, value).ptr;
  }
  *out++ = '"';
  out = std::to_chars(out, out + 20, value).ptr;
  *out++ = '"';
  return out;
}

char* put_signed(char* out, int64_t value) {
  if (value >= 0) {
    return put_unsigned(out, static_cast<uint64_t>(value));
  }
  const bool exact = value >= -static_cast<int64_t>(kExact);
  if (!exact) {
    *out++ = '"';
  }
  out = std::to_chars(out, out + 21, value).ptr;
  if (!exact) {
    *out++ = '"';
  }
  return out;
}

char* put_float(char* out, const char* at, size_t size) {
  double value = 0;
  if (size == sizeof(float)) {
    float narrow = 0;
    memcpy(&narrow, at, sizeof narrow);
    value = narrow;
  } else {
    memcpy(&value, at, sizeof value);
  }
  if (!std::isfinite(value)) {
    return std::copy_n("null", 4, out);
  }
  return std::to_chars(out, out + 32, value).ptr;
}

std::string quoted(const std::string& name) {
  return "\"" + name + "\":";
}

}  // namespace

JsonPlan::JsonPlan(const events::Schema& schema, const events::EventType& event,
                   const JsonShape& shape) {
  const events::Type& record = schema.types[event.type];
  literal("{" + shape.lead);
  bool first = shape.lead.empty();
  // The header in the order in which it is read, then the rest as declared.
  // What BCC's own C sends may have a field of the same name: it is shown.
  const auto is_hidden = [&](const std::string& name) {
    return std::any_of(record.members.begin(), record.members.end(),
                       [&](const events::Member& member) {
                         return member.name == name && !in_header(member);
                       });
  };
  for (const std::string& name : shape.header) {
    for (const events::Member& member : record.members) {
      if (member.name == name && in_header(member)) {
        if (!is_hidden(name)) {
          literal((first ? "" : ",") + quoted(name));
          first = false;
          value(schema, member.type, member.offset);
        }
        if (member.name == "ts" && !is_hidden("time")) {
          literal((first ? "" : ",") + quoted("time"));
          first = false;
          add({.op = Op::kTime});
          fixed_room_ += Clock::kRoom;
        }
      }
    }
  }
  events::Type own = record;
  std::erase_if(own.members, in_header);
  members(schema, own, 0, first);
  if (!own.members.empty()) {
    const events::Type& last = schema.types[own.members.back().type];
    if (is_char_array(schema, last) && last.count == 0) {
      literal("," + quoted("truncated"));
      add({.op = Op::kCut});
    }
  }
  add({.op = Op::kNothing});
}

void JsonPlan::literal(const std::string& text) {
  pending_ += text;
}

/// The step, with the literal that is due before it.
void JsonPlan::add(Step step) {
  step.text = static_cast<uint32_t>(texts_.size());
  step.length = static_cast<uint32_t>(pending_.size());
  texts_ += pending_;
  texts_.resize((texts_.size() + kBlock - 1) / kBlock * kBlock);
  fixed_room_ += pending_.size() + kBlock;
  pending_.clear();
  steps_.push_back(step);
  if (step.op == Op::kChars || step.op == Op::kPayload) {
    strings_.push_back(step);
  }
}

void JsonPlan::members(const events::Schema& schema, const events::Type& record,
                       uint32_t offset, bool& first) {
  for (const events::Member& member : record.members) {
    const events::Type& type = schema.types[member.type];
    if (member.name.empty()) {
      // The members of an anonymous record are the outer one's.
      members(schema, type, offset + member.offset, first);
      continue;
    }
    literal((first ? "" : ",") + quoted(member.name));
    first = false;
    if (member.bit_size != 0) {
      bit_field(member, type, offset);
    } else {
      value(schema, member.type, offset + member.offset);
    }
  }
}

void JsonPlan::bit_field(const events::Member& member, const events::Type& type,
                         uint32_t offset) {
  fixed_room_ += 24;
  add({.op = type.kind == Kind::kBool ? Op::kFlag : Op::kBits,
       .offset = offset + member.offset,
       .bit = member.bit_offset,
       .bits = member.bit_size,
       .is_signed = type.is_signed});
}

void JsonPlan::value(const events::Schema& schema, uint32_t type_index,
                     uint32_t offset) {
  const events::Type& type = schema.types[type_index];
  const auto step = [&](Op op) {
    fixed_room_ += 32;
    if (op == Op::kChars) {
      // Of its own: in a union the same bytes are written more than once.
      fixed_room_ += TRACER_JSON_ROOM(type.size);
    }
    add({.op = op, .offset = offset, .size = type.size});
  };
  switch (type.kind) {
    case Kind::kInt:
    case Kind::kEnum:
      step(type.is_signed ? Op::kSigned : Op::kUnsigned);
      break;
    case Kind::kPointer:
      step(Op::kUnsigned);
      break;
    case Kind::kBool:
      step(Op::kBool);
      break;
    case Kind::kFloat:
      step(Op::kFloat);
      break;
    case Kind::kChar:
      step(Op::kChars);
      break;
    case Kind::kArray:
      if (is_char_array(schema, type)) {
        step(type.count == 0 ? Op::kPayload : Op::kChars);
        break;
      }
      literal("[");
      for (uint32_t i = 0; i < type.count; ++i) {
        literal(i == 0 ? "" : ",");
        value(schema, type.element,
              offset + i * schema.types[type.element].size);
      }
      literal("]");
      break;
    case Kind::kStruct:
    case Kind::kUnion: {
      bool first = true;
      literal("{");
      members(schema, type, offset, first);
      literal("}");
      break;
    }
  }
}

size_t JsonPlan::format(const events::Header* event, Clock& clock,
                        char* out) const {
  const char* base = reinterpret_cast<const char*>(event);
  char* const start = out;
  const auto text_of = [&](const Step& step) {
    const char* at = base + step.offset;
    // A probe may send less than its event's size.
    return step.op == Op::kPayload
               ? std::string_view(
                     at, event->len - std::min(event->len, step.offset))
               : std::string_view(at, strnlen(at, step.size));
  };
  bool latin1 = false;
  for (const Step& step : strings_) {
    const std::string_view text = text_of(step);
    latin1 |= tracer_utf8_valid(text.data(), text.size()) == 0;
  }
  for (const Step& step : steps_) {
    const char* at = base + step.offset;
    out = put_blocks(out, texts_.data() + step.text, step.length);
    switch (step.op) {
      case Op::kNothing:
        break;
      case Op::kUnsigned:
        out = put_unsigned(out, load(at, step.size));
        break;
      case Op::kSigned:
        out = put_signed(
            out, sign_extend(load(at, step.size), size_t{8} * step.size));
        break;
      case Op::kBits: {
        // Storage of a bit-field may start at any byte and span eight.
        const size_t bytes = (step.bit + step.bits + 7) / 8;
        uint64_t value = load(at, bytes) >> step.bit;
        if (step.bits < 64) {
          value &= (uint64_t{1} << step.bits) - 1;
        }
        out = step.is_signed ? put_signed(out, sign_extend(value, step.bits))
                             : put_unsigned(out, value);
        break;
      }
      case Op::kFlag: {
        const uint64_t bits = load(at, (step.bit + step.bits + 7) / 8);
        out = (bits >> step.bit & 1) != 0 ? std::copy_n("true", 4, out)
                                          : std::copy_n("false", 5, out);
        break;
      }
      case Op::kBool:
        out = *at != 0 ? std::copy_n("true", 4, out)
                       : std::copy_n("false", 5, out);
        break;
      case Op::kFloat:
        out = put_float(out, at, step.size);
        break;
      case Op::kChars:
      case Op::kPayload: {
        const std::string_view text = text_of(step);
        out += tracer_json(text.data(), text.size(), latin1 ? 1 : 0, out);
        break;
      }
      case Op::kTime:
        *out++ = '"';
        out += clock.iso(event->ts, out);
        *out++ = '"';
        break;
      case Op::kCut:
        out = (event->type & events::kCutFlag) != 0
                  ? std::copy_n("true", 4, out)
                  : std::copy_n("false", 5, out);
        break;
    }
  }
  if (latin1) {
    out = std::copy_n(R"(,"enc":"latin1")", 15, out);
  }
  *out++ = '}';
  *out++ = '\n';
  return static_cast<size_t>(out - start);
}

}  // namespace tracer::format
