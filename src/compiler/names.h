// SPDX-License-Identifier: Apache-2.0
//
// What a text asks of the kernel's types: the identifiers in it, which records
// it names and how, and what it defines itself and must not be given twice.
// The header generator (types.h) works from this alone.
//
// Views point into the texts that tokens were cut from.
#pragma once

#include <map>
#include <set>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "compiler/tokens.h"

namespace tracer::compiler {

struct Names {
  /// Every identifier.
  std::unordered_set<std::string_view> all;
  /// X of "struct X", "union X"; true where it is used by value at least once
  /// (not followed by a star): such a record is given in full.
  std::map<std::string_view, bool> records;
  /// X of "enum X".
  std::set<std::string_view> enums;
  /// X of each BPF_ITER(X).
  std::set<std::string_view> iterators;
  /// What the text defines: tags of records and enums,
  std::unordered_set<std::string_view> own_tags;
  /// typedefs, enumerators and functions,
  std::unordered_set<std::string_view> own_names;
  /// maps (which an enumerator of the same name would clash with),
  std::unordered_set<std::string_view> own_maps;
  /// and macros.
  std::unordered_set<std::string_view> own_macros;
};

/// Adds what `tokens` name to `names`.
void collect_names(const std::vector<Token>& tokens, Names& names);

}  // namespace tracer::compiler
