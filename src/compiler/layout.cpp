// SPDX-License-Identifier: Apache-2.0
#include "compiler/layout.h"

#include <algorithm>
#include <cstddef>

namespace tracer::compiler {
namespace {

// BCC lays out a longer run of bit-fields in two ways: see types.h.
constexpr uint64_t kLongestRun = 64;

// Fills the bits between two members: bytes where there are whole ones.
void add_gap(std::vector<Item>& items, uint64_t from, uint64_t to,
             unsigned& next_unique) {
  const auto bits = [&](uint64_t end) {
    items.push_back({from, end - from, true,
                     "unsigned char " + unique_name('b', next_unique) + ":" +
                         std::to_string(end - from)});
    from = end;
  };
  if (from < to && from % 8 != 0) {
    bits(std::min(to, from / 8 * 8 + 8));
  }
  if (from < to && to / 8 > from / 8) {
    const uint64_t bytes = to / 8 - from / 8;
    items.push_back({from, bytes * 8, false,
                     "char " + unique_name('p', next_unique) + "[" +
                         std::to_string(bytes) + "]"});
    from += bytes * 8;
  }
  if (from < to) {
    bits(to);
  }
}

// A run is broken at the last place where a field starts on a byte: elsewhere
// the layout would change.
std::vector<Item> break_runs(const std::vector<Item>& items,
                             unsigned& next_unique) {
  std::vector<Item> out;
  uint64_t run = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    if (item.is_bit_field && (i == 0 || !items[i - 1].is_bit_field)) {
      run = item.begin;
    } else if (item.is_bit_field && item.begin % 8 == 0) {
      size_t last = i;
      while (last + 1 < items.size() && items[last + 1].is_bit_field &&
             items[last + 1].begin % 8 != 0) {
        ++last;
      }
      if (items[last].begin + items[last].width - run > kLongestRun) {
        run = item.begin;
        out.push_back(
            {run, 0, false, "char " + unique_name('z', next_unique) + "[0]"});
      }
    }
    out.push_back(item);
  }
  return out;
}

}  // namespace

std::string unique_name(char letter, unsigned& next_unique) {
  return std::string("__") + letter + std::to_string(next_unique++);
}

std::vector<Item> fill_gaps(const std::vector<Item>& members,
                            uint64_t size_bits, unsigned& next_unique) {
  std::vector<Item> items;
  uint64_t end = 0;
  for (const Item& member : members) {
    add_gap(items, end, member.begin, next_unique);
    items.push_back(member);
    end = member.begin + member.width;
  }
  add_gap(items, end, size_bits, next_unique);
  return break_runs(items, next_unique);
}

}  // namespace tracer::compiler
