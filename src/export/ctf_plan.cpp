// SPDX-License-Identifier: Apache-2.0
#include "export/ctf_plan.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"

namespace tracer::exporting {
namespace {

using events::Kind;
using events::Member;
using events::Type;

std::string integer(uint32_t size, bool is_signed) {
  return (is_signed ? "int" : "uint") + std::to_string(size * 8) + "_t";
}

bool is_name(const std::string& text) {
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_part);
}

/// Is `value` one of an integer of this type?
bool fits(int64_t value, const Type& type) {
  const uint32_t bits = type.size * 8;
  if (bits >= 64) {
    return true;
  }
  const int64_t most = (int64_t{1} << (type.is_signed ? bits - 1 : bits)) - 1;
  return value <= most && value >= (type.is_signed ? -most - 1 : 0);
}

/// An enum, or the integer that it is where it names no value.
std::string enumeration(const Type& type) {
  std::string rows;
  for (const events::Enumerator& each : type.enumerators) {
    // Others are no compiler's.
    if (is_name(each.name) && fits(each.value, type)) {
      rows +=
          (rows.empty() ? " \"" : ", \"") + each.name + "\" = " +
          (type.is_signed ? std::to_string(each.value)
                          : std::to_string(static_cast<uint64_t>(each.value)));
    }
  }
  const std::string base = integer(type.size, type.is_signed);
  return rows.empty() ? base : "enum : " + base + " {" + rows + " }";
}

/// What stands before the name of a field that is no record.
std::string plain(const Type& type) {
  switch (type.kind) {
    case Kind::kEnum:
      return enumeration(type);
    case Kind::kPointer:
      return "pointer_t";
    case Kind::kFloat:
      return type.size == sizeof(float) ? "float32_t" : "float64_t";
    default:
      return integer(type.size, type.is_signed);
  }
}

/// The name, or a longer one that is not taken. babeltrace2 takes x, which is
/// declared as _x, for a duplicate of an _x before it.
std::string unique(std::set<std::string>& scope, std::string name) {
  while (scope.count(name) > 0 || scope.count("_" + name) > 0) {
    name += '_';
  }
  scope.insert(name);
  return name;
}

std::string indent(size_t depth) {
  return std::string(2 * depth, ' ');
}

bool is_own(const Member& member) {
  return member.offset >= events::kHeaderSize;
}

}  // namespace

std::string tsdl_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : log::printable(text)) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + "\"";
}

const char* CtfPlan::types() {
  return R"(typealias integer { size = 8; align = 8; signed = false; } := uint8_t;
typealias integer { size = 16; align = 8; signed = false; } := uint16_t;
typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
typealias integer { size = 8; align = 8; signed = true; } := int8_t;
typealias integer { size = 16; align = 8; signed = true; } := int16_t;
typealias integer { size = 32; align = 8; signed = true; } := int32_t;
typealias integer { size = 64; align = 8; signed = true; } := int64_t;
typealias integer { size = 64; align = 8; signed = false; base = 16; } := pointer_t;
typealias integer { size = 8; align = 8; signed = false; base = 16; } := byte_t;
typealias integer { size = 8; align = 8; signed = false; encoding = UTF8; } := char_t;
typealias floating_point { exp_dig = 8; mant_dig = 24; align = 8; } := float32_t;
typealias floating_point { exp_dig = 11; mant_dig = 53; align = 8; } := float64_t;
)";
}

CtfPlan::CtfPlan(const events::Schema& schema, const events::EventType& event)
    : schema_(&schema) {
  Type own = schema.types[event.type];
  std::erase_if(own.members,
                [](const Member& member) { return !is_own(member); });
  Scope scope;
  constexpr size_t kDepth = 2;
  declare(own, kDepth, scope);
  add_steps(own, 0);
  if (!own.members.empty()) {
    const Type& last = schema.types[own.members.back().type];
    if (is_text(last) && last.count == 0) {
      fields_ +=
          indent(kDepth) + "uint8_t _" + unique(scope, "truncated") + ";\n";
      steps_.push_back({.op = Op::kCut});
    }
  }
  schema_ = nullptr;
}

bool CtfPlan::is_text(const Type& type) const {
  return type.kind == Kind::kArray &&
         schema_->types[type.element].kind == Kind::kChar;
}

/// Has an element of a sequence no padding, so that it can be copied?
bool CtfPlan::is_whole_element(const Type& type) const {
  return type.size > 0 && type.kind != Kind::kArray &&
         type.kind != Kind::kStruct && type.kind != Kind::kUnion &&
         type.kind != Kind::kChar;
}

// --- Declarations ------------------------------------------------------------

void CtfPlan::declare(const Type& record, size_t depth, Scope& scope) {
  for (const Member& member : record.members) {
    const Type& type = schema_->types[member.type];
    if (type.kind == Kind::kArray && type.count == 0) {
      const Type& element = schema_->types[type.element];
      const std::string length = unique(scope, member.name + "_length");
      const std::string name = unique(scope, member.name);
      fields_ += indent(depth) + "uint32_t _" + length + ";\n";
      fields_ += indent(depth) +
                 (is_whole_element(element) ? plain(element) : "byte_t") +
                 " _" + name + "[_" + length + "];\n";
    } else if (type.size == 0 && type.kind != Kind::kStruct) {
      continue;  // nothing of it is in the event
    } else if (member.name.empty() && type.kind == Kind::kStruct) {
      declare(type, depth, scope);
    } else {
      const std::string name =
          member.name.empty() ? "anonymous_union" : member.name;
      declare(type, "_" + unique(scope, name), depth);
    }
  }
}

void CtfPlan::declare(const Type& type, const std::string& name, size_t depth) {
  // In C the first dimension is the outermost.
  std::string dimensions;
  const Type* leaf = &type;
  while (leaf->kind == Kind::kArray) {
    const Type* element = &schema_->types[leaf->element];
    dimensions += "[" + std::to_string(leaf->count) + "]";
    leaf = element;
  }
  fields_ += indent(depth);
  if (leaf->kind == Kind::kStruct) {
    Scope scope;
    fields_ += "struct {\n";
    declare(*leaf, depth + 1, scope);
    fields_ += indent(depth) + "}";
  } else if (leaf->kind == Kind::kUnion) {
    fields_ += "byte_t";
    dimensions += "[" + std::to_string(leaf->size) + "]";
  } else if (leaf->kind == Kind::kChar && leaf != &type) {
    fields_ += "char_t";
  } else {
    fields_ += plain(*leaf);
  }
  fields_ += " " + name + dimensions + ";\n";
}

// --- Packing -----------------------------------------------------------------

void CtfPlan::copy(uint32_t offset, uint32_t size) {
  if (!steps_.empty() && steps_.back().op == Op::kCopy &&
      steps_.back().offset + steps_.back().size == offset) {
    steps_.back().size += size;
    return;
  }
  steps_.push_back({.op = Op::kCopy, .offset = offset, .size = size});
}

void CtfPlan::add_steps(const Type& record, uint32_t offset) {
  for (const Member& member : record.members) {
    const Type& type = schema_->types[member.type];
    const uint32_t at = offset + member.offset;
    if (member.bit_size != 0) {
      steps_.push_back({.op = Op::kBits,
                        .offset = at,
                        .size = type.size,
                        .bit = member.bit_offset,
                        .bits = member.bit_size,
                        .is_signed = type.is_signed});
    } else if (type.kind == Kind::kArray && type.count == 0) {
      const Type& element = schema_->types[type.element];
      steps_.push_back({.op = Op::kSequence,
                        .offset = at,
                        .size = is_whole_element(element) ? element.size : 1});
    } else {
      add_value(type, at);
    }
  }
}

void CtfPlan::add_value(const Type& type, uint32_t offset) {
  if (type.kind == Kind::kStruct) {
    add_steps(type, offset);
  } else if (type.kind == Kind::kArray && !is_text(type)) {
    const Type& element = schema_->types[type.element];
    for (uint32_t i = 0; i < type.count; ++i) {
      add_value(element, offset + i * element.size);
    }
  } else if (type.size > 0) {
    copy(offset, type.size);
  }
}

void CtfPlan::pack(const events::Header* event, std::string& out) const {
  const char* base = reinterpret_cast<const char*>(event);
  for (const Step& step : steps_) {
    const char* at = base + step.offset;
    switch (step.op) {
      case Op::kCopy:
        out.append(at, step.size);
        break;
      case Op::kBits: {
        // Storage of a bit-field may start at any byte and span eight.
        uint64_t value = 0;
        memcpy(&value, at, (step.bit + step.bits + 7) / 8);
        const uint32_t unused = 64 - step.bits;
        value = value >> step.bit << unused;
        value =
            step.is_signed
                ? static_cast<uint64_t>(static_cast<int64_t>(value) >> unused)
                : value >> unused;
        out.append(reinterpret_cast<const char*>(&value), step.size);
        break;
      }
      case Op::kSequence: {
        // A probe may send less than its event's size.
        const uint32_t bytes = event->len - std::min(event->len, step.offset);
        const uint32_t count = bytes / step.size;
        out.append(reinterpret_cast<const char*>(&count), sizeof count);
        out.append(at, size_t{count} * step.size);
        break;
      }
      case Op::kCut:
        out += (event->type & events::kCutFlag) != 0 ? '\1' : '\0';
        break;
    }
  }
}

}  // namespace tracer::exporting
