// SPDX-License-Identifier: Apache-2.0
#include "compiler/names.h"

namespace tracer::compiler {
namespace {

class Collector {
 public:
  Collector(const std::vector<Token>& tokens, Names& names)
      : tokens_(tokens), names_(names) {}

  void run() {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const Token& token = tokens_[i];
      if (!token.in_directive) {
        track_depth(i);
      }
      if (!token.is_name()) {
        continue;
      }
      names_.all.insert(token.text);
      if (token.in_directive && token.is("define")) {
        names_.own_macros.insert(at(i + 1).text);
      }
      if (token.is("struct") || token.is("union")) {
        record(i);
      } else if (token.is("enum") && at(i + 1).is_name()) {
        names_.enums.insert(at(i + 1).text);
        if (at(i + 2).is("{")) {
          names_.own_tags.insert(at(i + 1).text);
        }
      } else if (token.is("EVENT") && at(i + 1).is("(")) {
        names_.own_tags.insert(at(i + 2).text);
      } else if (token.is("BPF_ITER") && at(i + 1).is("(")) {
        names_.iterators.insert(at(i + 2).text);
      } else if (token.is("typedef") && !token.in_directive) {
        typedefs(i);
      } else if (depth_ == 0 && !token.in_directive && at(i + 1).is("(")) {
        names_.own_names.insert(token.text);
        if (token.text.starts_with("BPF_")) {
          map_names(i + 1);
        }
      }
    }
  }

 private:
  [[nodiscard]] const Token& at(size_t i) const {
    static const Token kEnd;
    return i < tokens_.size() ? tokens_[i] : kEnd;
  }

  void track_depth(size_t i) {
    if (at(i).is("{")) {
      in_enum_ =
          in_enum_ || at(i - 1).is("enum") || (i > 1 && at(i - 2).is("enum"));
      ++depth_;
    } else if (at(i).is("}")) {
      in_enum_ = false;
      depth_ -= depth_ > 0 ? 1 : 0;
    } else if (in_enum_ && at(i).is_name() &&
               (at(i - 1).is("{") || at(i - 1).is(","))) {
      names_.own_names.insert(at(i).text);
    }
  }

  void record(size_t i) {
    if (!at(i + 1).is_name()) {
      return;
    }
    const std::string_view tag = at(i + 1).text;
    if (at(i + 2).is("{")) {
      names_.own_tags.insert(tag);
      return;
    }
    // "struct x;" only says that there is one.
    const bool by_value = !at(i + 2).is("*") && !at(i + 2).is(";");
    bool& value = names_.records[tag];
    value = value || by_value;
  }

  // "typedef … X;": the last name before the semicolon that ends it.
  void typedefs(size_t i) {
    int depth = 0;
    for (std::string_view last; i < tokens_.size(); ++i) {
      if (at(i).is("{")) {
        ++depth;
      } else if (at(i).is("}")) {
        --depth;
      } else if (at(i).is("[")) {
        names_.own_names.insert(last);
      } else if (at(i).is(";") && depth == 0) {
        names_.own_names.insert(last);
        return;
      } else if (at(i).is_name()) {
        last = at(i).text;
      }
    }
  }

  // The arguments of a map's declaration: names in small letters are the
  // map's and those of types, names in capitals are sizes and flags, which
  // may well be enumerators of the kernel.
  void map_names(size_t open) {
    for (size_t i = open + 1; i < tokens_.size() && !at(i).is(")"); ++i) {
      if (at(i).is_name() && at(i).text.front() >= 'a' &&
          at(i).text.front() <= 'z') {
        names_.own_maps.insert(at(i).text);
      }
    }
  }

  const std::vector<Token>& tokens_;
  Names& names_;
  int depth_ = 0;
  bool in_enum_ = false;
};

}  // namespace

void collect_names(const std::vector<Token>& tokens, Names& names) {
  Collector(tokens, names).run();
}

}  // namespace tracer::compiler
