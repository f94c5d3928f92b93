// SPDX-License-Identifier: Apache-2.0
//
// The members of a struct as lines of C, with nothing left for the compiler to
// decide: gaps become arrays of char, and a run of bit-fields longer than 64
// bits is broken by a member of no size (types.h says why).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tracer::compiler {

struct Item {
  uint64_t begin = 0;  // bits from the start of the struct
  uint64_t width = 0;  // bits
  bool is_bit_field = false;
  std::string text;  // the declaration, without a semicolon
};

/// `members` in order of their places, not overlapping. Names of what is put
/// in between are numbered with `next_unique`, for the members of an anonymous
/// struct share the names of the one around it.
std::vector<Item> fill_gaps(const std::vector<Item>& members,
                            uint64_t size_bits, unsigned& next_unique);

/// "__p7", and counts.
std::string unique_name(char letter, unsigned& next_unique);

}  // namespace tracer::compiler
