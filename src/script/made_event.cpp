// SPDX-License-Identifier: Apache-2.0
#include "script/made_event.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <vector>

#include "base/words.h"

namespace tracer::script {
namespace {

using events::Kind;
using events::Member;
using events::Schema;
using events::Type;

std::string type_name(const Value& value) {
  constexpr std::array kNames = {"nil", "boolean", "number", "string", "table"};
  const auto* other = value.get<Value::Other>();
  return other != nullptr ? other->type : kNames[value.data.index()];
}

tl::unexpected<Error> expected(const std::string& label,
                               const std::string& what, const Value& value) {
  return fail(label + ": " + what + " expected, got a " + type_name(value));
}

bool is_text(const Schema& schema, const Type& type) {
  return type.kind == Kind::kArray &&
         schema.types[type.element].kind == Kind::kChar;
}

/// Is it a member that a script does not see, either?
bool is_hidden(const Member& member) {
  return member.name.empty() ||
         (member.offset < events::kHeaderSize &&
          (member.name == "len" || member.name == "type"));
}

/// Puts bytes of structs together, by their types.
class Maker {
 public:
  Maker(const Schema& schema, std::string& bytes)
      : schema_(schema), bytes_(bytes) {}

  Result<void> put(const std::string& label, const Member& member,
                   uint32_t base, const Value& value) {
    const Type& type = schema_.types[member.type];
    if (member.bit_size == 0) {
      return put(label, type, base + member.offset, value);
    }
    const uint64_t bits = TRY(integer(label, type, member.bit_size, value));
    put_bits(base + member.offset, member.bit_offset, member.bit_size, bits);
    return {};
  }

 private:
  Result<void> put(const std::string& label, const Type& type, uint32_t at,
                   const Value& value) {
    switch (type.kind) {
      case Kind::kArray:
        return is_text(schema_, type) ? put_text(label, type, at, value)
                                      : put_list(label, type, at, value);
      case Kind::kStruct:
      case Kind::kUnion:
        return put_record(label, type, at, value);
      case Kind::kFloat:
        return put_float(label, type, at, value);
      case Kind::kChar:
        if (const auto* text = value.get<std::string>();
            text != nullptr && text->size() == 1) {
          bytes_[at] = text->front();
          return {};
        }
        break;
      default:
        break;
    }
    const uint64_t bits = TRY(integer(label, type, type.size * 8, value));
    memcpy(bytes_.data() + at, &bits, std::min<size_t>(type.size, sizeof bits));
    return {};
  }

  Result<void> put_text(const std::string& label, const Type& type, uint32_t at,
                        const Value& value) {
    const auto* text = value.get<std::string>();
    if (text == nullptr) {
      return expected(label, "a string", value);
    }
    if (type.count == 0) {
      make_room(at + text->size());
    } else if (text->size() > type.count) {
      return fail(label + ": at most " + std::to_string(type.count) +
                  " bytes have room, not " + std::to_string(text->size()));
    }
    bytes_.replace(at, text->size(), *text);
    return {};
  }

  Result<void> put_list(const std::string& label, const Type& type, uint32_t at,
                        const Value& value) {
    const auto* table = value.get<Value::Table>();
    if (table == nullptr || !table->fields.empty()) {
      return expected(label, "a list", value);
    }
    const Type& element = schema_.types[type.element];
    const size_t count = table->items.size();
    if (type.count == 0) {
      make_room(at + count * element.size);
    } else if (count > type.count) {
      return fail(label + ": at most " + std::to_string(type.count) +
                  " elements have room, not " + std::to_string(count));
    }
    for (size_t i = 0; i < count; ++i) {
      TRY(put(label + "[" + std::to_string(i + 1) + "]", element,
              at + static_cast<uint32_t>(i) * element.size, table->items[i]));
    }
    return {};
  }

  Result<void> put_record(const std::string& label, const Type& type,
                          uint32_t at, const Value& value) {
    const auto* table = value.get<Value::Table>();
    if (table == nullptr || !table->items.empty()) {
      return expected(label, "a table of fields", value);
    }
    for (const Value::Field& field : table->fields) {
      const std::string& name = field.name;
      const auto member =
          std::find_if(type.members.begin(), type.members.end(),
                       [&](const Member& each) { return each.name == name; });
      if (member == type.members.end()) {
        return fail(label + ": no field \"" + name + "\"");
      }
      TRY(put(label + "." + name, *member, at, field.value));
    }
    return {};
  }

  Result<void> put_float(const std::string& label, const Type& type,
                         uint32_t at, const Value& value) {
    const auto* number = value.get<double>();
    if (number == nullptr) {
      return expected(label, "a number", value);
    }
    const auto single = static_cast<float>(*number);
    memcpy(bytes_.data() + at,
           type.size == sizeof single ? static_cast<const void*>(&single)
                                      : static_cast<const void*>(number),
           type.size);
    return {};
  }

  /// The value as `width` bits.
  static Result<uint64_t> integer(const std::string& label, const Type& type,
                                  uint32_t width, const Value& value) {
    if (const auto* flag = value.get<bool>();
        flag != nullptr && (type.kind == Kind::kBool || width == 1)) {
      return *flag ? 1 : 0;
    }
    if (const auto* text = value.get<std::string>()) {
      return from_text(label, type, width, *text);
    }
    const auto* number = value.get<double>();
    if (number == nullptr) {
      return expected(
          label, type.kind == Kind::kBool ? "a boolean" : "a number", value);
    }
    const auto bits = static_cast<int>(width);
    const double low = type.is_signed ? -std::ldexp(1, bits - 1) : 0;
    const double high = std::ldexp(1, type.is_signed ? bits - 1 : bits);
    if (std::floor(*number) != *number || !(*number >= low) ||
        !(*number < high)) {
      std::array<char, 32> shown{};
      snprintf(shown.data(), shown.size(), "%.17g", *number);
      return out_of_range(label, type, width, shown.data());
    }
    return *number < 0 ? static_cast<uint64_t>(static_cast<int64_t>(*number))
                       : static_cast<uint64_t>(*number);
  }

  static Result<uint64_t> from_text(const std::string& label, const Type& type,
                                    uint32_t width, const std::string& text) {
    for (const events::Enumerator& each : type.enumerators) {
      if (each.name == text) {
        return static_cast<uint64_t>(each.value);
      }
    }
    const char* end = text.data() + text.size();
    int64_t with_sign = 0;
    uint64_t without = 0;
    const auto read = type.is_signed
                          ? std::from_chars(text.data(), end, with_sign)
                          : std::from_chars(text.data(), end, without);
    if (read.ec != std::errc() || read.ptr != end || width != 64) {
      return fail(label + ": not a number" +
                  (type.enumerators.empty() ? "" : " or a name of its enum") +
                  ": \"" + text + "\"");
    }
    return type.is_signed ? static_cast<uint64_t>(with_sign) : without;
  }

  static tl::unexpected<Error> out_of_range(const std::string& label,
                                            const Type& type, uint32_t width,
                                            const std::string& shown) {
    return fail(label + ": a whole number of " + std::to_string(width) +
                " bits " + (type.is_signed ? "with" : "without") +
                " a sign expected, got " + shown);
  }

  void put_bits(uint32_t at, uint32_t first, uint32_t count, uint64_t bits) {
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t bit = first + i;
      char& byte = bytes_[at + bit / 8];
      const auto mask = static_cast<unsigned char>(1U << (bit % 8));
      const bool is_set = (bits >> i & 1) != 0;
      byte = static_cast<char>(is_set ? byte | mask : byte & ~mask);
    }
  }

  void make_room(size_t size) {
    if (bytes_.size() < size) {
      bytes_.resize(size);
    }
  }

  const Schema& schema_;
  std::string& bytes_;
};

/// The member that is the payload, if the struct has one.
const Member* payload_of(const Schema& schema, const Type& record) {
  if (record.members.empty()) {
    return nullptr;
  }
  const Member& last = record.members.back();
  const Type& type = schema.types[last.type];
  return type.kind == Kind::kArray && type.count == 0 ? &last : nullptr;
}

/// The bytes that a payload takes.
size_t payload_size(const Schema& schema, const Member& payload,
                    const Value* said) {
  if (said == nullptr) {
    return 0;
  }
  if (const auto* text = said->get<std::string>()) {
    return text->size();
  }
  const Type& element = schema.types[schema.types[payload.type].element];
  const auto* list = said->get<Value::Table>();
  return list == nullptr ? 0 : list->items.size() * element.size;
}

/// The names that may be said of an event.
std::vector<std::string> field_names(const Schema& schema,
                                     const events::EventType& event) {
  std::vector<std::string> names;
  for (const Member& member : schema.types[event.type].members) {
    if (!is_hidden(member)) {
      names.push_back(member.name);
    }
  }
  return names;
}

tl::unexpected<Error> no_field(const Schema& schema,
                               const events::EventType& event,
                               const std::string& name) {
  const std::vector<std::string> names = field_names(schema, event);
  std::string list;
  for (const std::string& each : names) {
    list += (list.empty() ? "" : ", ") + each;
  }
  const std::optional<std::string> near = nearest(name, names);
  return fail("no field \"" + name + "\" in the event " + event.name +
              (near ? "; did you mean \"" + *near + "\"?" : "") +
              " (it has: " + list + ")");
}

Result<const Member*> find_field(const Schema& schema,
                                 const events::EventType& event,
                                 const std::string& name) {
  for (const Member& member : schema.types[event.type].members) {
    if (member.name == name && !is_hidden(member)) {
      return &member;
    }
  }
  return no_field(schema, event, name);
}

/// Says of an event with `size` bytes of payload what was not said.
Result<void> put_sizes(Maker& maker, const Schema& schema, const Type& record,
                       const Value& said, size_t size) {
  for (const Member& member : record.members) {
    const bool is_size = member.name == "ret" || member.name == "size";
    if (is_size && member.bit_size == 0 &&
        schema.types[member.type].kind == Kind::kInt &&
        said.field(member.name) == nullptr) {
      TRY(maker.put(member.name, member, 0, Value{static_cast<double>(size)}));
    }
  }
  return {};
}

}  // namespace

Result<std::string> make_event(const Schema& schema,
                               const events::EventType& event,
                               const Value& said,
                               const events::Header& defaults) {
  const auto* table = said.get<Value::Table>();
  if (table == nullptr || !table->items.empty()) {
    return expected("an event", "a table of fields", said);
  }
  const Type& record = schema.types[event.type];
  std::string bytes(record.size, '\0');
  memcpy(bytes.data(), &defaults, events::kHeaderSize);
  Maker maker(schema, bytes);
  for (const auto& [name, value] : table->fields) {
    const Member* member = TRY(find_field(schema, event, name));
    if (name == "comm") {  // or the rest of the default would stay behind it
      memset(bytes.data() + offsetof(events::Header, comm), 0,
             sizeof defaults.comm);
    }
    TRY(maker.put(name, *member, 0, value));
  }
  uint32_t len = record.size;
  if (const Member* payload = payload_of(schema, record)) {
    const size_t size =
        payload_size(schema, *payload, said.field(payload->name));
    TRY(put_sizes(maker, schema, record, said, size));
    len = payload->offset + static_cast<uint32_t>(size);
  }
  memcpy(bytes.data() + offsetof(events::Header, len), &len, sizeof len);
  return bytes;
}

}  // namespace tracer::script
