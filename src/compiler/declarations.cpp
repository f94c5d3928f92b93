// SPDX-License-Identifier: Apache-2.0
#include "compiler/declarations.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace tracer::compiler {
namespace {

class Finder {
 public:
  Finder(const std::string& file, const std::vector<Token>& tokens,
         Declarations& found)
      : file_(file), tokens_(tokens), found_(found) {}

  Result<void> run() {
    found_.bodies.clear();
    for (at_ = 0; at_ < tokens_.size(); ++at_) {
      if (token().in_directive) {
        follow_conditional();
        continue;
      }
      if (token().is("{")) {
        ++depth_;
      } else if (token().is("}")) {
        depth_ = std::max(0, depth_ - 1);
      } else if (depth_ == 0 && token().is_name()) {
        TRY(name_at_file_scope());
      }
    }
    return {};
  }

 private:
  [[nodiscard]] const Token& token(size_t ahead = 0) const {
    static const Token kEnd;
    return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead] : kEnd;
  }

  tl::unexpected<Error> error(const Token& at, std::string_view text) const {
    return fail(diagnostic(file_, at, text));
  }

  // A record inside #if may not exist after preprocessing, so it is not put
  // into the schema; an include guard (#ifndef) does not count.
  void follow_conditional() {
    if (!token().is("#") || !token(1).in_directive) {
      return;
    }
    const std::string_view word = token(1).text;
    if (word == "if" || word == "ifdef" || word == "ifndef") {
      conditionals_.push_back({.is_real = word != "ifndef", .depth = depth_});
    } else if (conditionals_.empty()) {
      return;
    } else if (word == "else" || word == "elif") {
      // One of two openings of a block is left after preprocessing.
      depth_ = conditionals_.back().depth;
    } else if (word == "endif") {
      conditionals_.pop_back();
    }
  }

  [[nodiscard]] bool is_conditional() const {
    return std::any_of(conditionals_.begin(), conditionals_.end(),
                       [](const Conditional& each) { return each.is_real; });
  }

  Result<void> name_at_file_scope() {
    if (token(1).is("(")) {
      if (token().is("PARAM") || token().is("PARAM_SET")) {
        return parameter();
      }
      if (token().is("EVENT")) {
        return event();
      }
      if (token().is("TAIL_CALL")) {
        return tail_call();
      }
      if (token().is("ATTACH")) {
        return attachment();
      }
      return function();
    }
    if ((token().is("struct") || token().is("union")) && token(1).is_name() &&
        token(2).is("{")) {
      record(std::string(token().text) + " " + std::string(token(1).text));
    } else if (token().is("typedef") &&
               (token(1).is("struct") || token(1).is("union")) &&
               token(2).is("{")) {
      if (const Token* name = after_block(at_ + 2); name != nullptr) {
        record(std::string(name->text));
      }
    }
    return {};
  }

  void record(std::string name) {
    if (!is_conditional()) {
      found_.records.push_back(std::move(name));
    }
  }

  // The token behind the block that opens at `open`, if it is a name.
  [[nodiscard]] const Token* after_block(size_t open) const {
    const size_t close = matching(open, "{", "}");
    return close + 1 < tokens_.size() && tokens_[close + 1].is_name()
               ? &tokens_[close + 1]
               : nullptr;
  }

  // Index of the token that closes what opens at `open`, or past the end.
  [[nodiscard]] size_t matching(size_t open, std::string_view opening,
                                std::string_view closing) const {
    int depth = 0;
    for (size_t i = open; i < tokens_.size(); ++i) {
      if (tokens_[i].is(opening)) {
        ++depth;
      } else if (tokens_[i].is(closing) && --depth == 0) {
        return i;
      }
    }
    return tokens_.size();
  }

  Result<void> parameter() {
    const Token& keyword = token();
    const Token& name = token(2);
    const size_t close = matching(at_ + 1, "(", ")");
    const bool is_set = keyword.is("PARAM_SET");
    if (!name.is_name() || close == tokens_.size() ||
        (is_set ? close != at_ + 3 : !token(3).is(",") || close == at_ + 4)) {
      return error(keyword, is_set ? "expected PARAM_SET(name)"
                                   : "expected PARAM(name, default)");
    }
    for (const ParameterDeclaration& other : found_.parameters) {
      if (other.name == name.text) {
        return error(name, "parameter \"" + other.name + "\" declared twice");
      }
    }
    std::string value;
    for (size_t i = at_ + 4; i < close && !is_set; ++i) {
      value.append(value.empty() ? "" : " ").append(tokens_[i].text);
    }
    found_.parameters.push_back({.name = std::string(name.text),
                                 .is_set = is_set,
                                 .default_value = std::move(value)});
    at_ = close;
    return {};
  }

  Result<void> event() {
    const Token& name = token(2);
    if (!name.is_name() || !token(3).is(")") || !token(4).is("{")) {
      return error(token(), "expected EVENT(name) { members };");
    }
    const std::string text(name.text);
    if (std::find(found_.events.begin(), found_.events.end(), text) !=
        found_.events.end()) {
      return error(name, "event \"" + text + "\" declared twice");
    }
    found_.events.push_back(text);
    found_.records.push_back("struct " + text);
    at_ += 3;
    return {};
  }

  Result<void> tail_call() {
    const Token& keyword = token();
    const Token& slot = token(4);
    if (!token(2).is_name() || !token(3).is(",") || !token(5).is(",") ||
        !token(6).is_name() || !token(7).is(")")) {
      return error(keyword, "expected TAIL_CALL(map, slot, function)");
    }
    uint32_t number = 0;
    const bool is_hex = slot.text.starts_with("0x");
    const std::string_view digits = slot.text.substr(is_hex ? 2 : 0);
    const auto [end, problem] = std::from_chars(
        digits.data(), digits.data() + digits.size(), number, is_hex ? 16 : 10);
    if (problem != std::errc() || end != digits.data() + digits.size()) {
      return error(slot, "the slot of TAIL_CALL must be a number");
    }
    found_.tail_calls.push_back({.map = std::string(token(2).text),
                                 .slot = number,
                                 .function = std::string(token(6).text),
                                 .place = place_of(keyword)});
    at_ += 7;
    return {};
  }

  Result<void> attachment() {
    const Token& keyword = token();
    const std::string_view where = token(4).text;
    if (!token(2).is_name() || !token(3).is(",") ||
        token(4).kind != TokenKind::kString || where.size() < 3 ||
        !token(5).is(")")) {
      return error(keyword, "expected ATTACH(function, \"kind:target\")");
    }
    found_.attachments.push_back(
        {.function = std::string(token(2).text),
         .where = std::string(where.substr(1, where.size() - 2)),
         .may_miss = is_conditional(),
         .place = place_of(keyword)});
    at_ += 5;
    return {};
  }

  [[nodiscard]] std::string place_of(const Token& token) const {
    return file_ + ":" + std::to_string(token.line) + ":" +
           std::to_string(token.column);
  }

  // Clang knows some library functions by name and takes them not to return
  // or to do something else: the program would come out empty.
  Result<void> function() {
    constexpr std::array<std::string_view, 4> kTaken = {"exit", "_exit",
                                                        "abort", "_Exit"};
    const size_t close = matching(at_ + 1, "(", ")");
    const bool defines =
        close + 1 < tokens_.size() && tokens_[close + 1].is("{");
    if (defines &&
        std::find(kTaken.begin(), kTaken.end(), token().text) != kTaken.end()) {
      return error(token(), "a function cannot be named \"" +
                                std::string(token().text) +
                                "\": the compiler takes it for the C "
                                "library's own");
    }
    if (defines) {
      found_.bodies.push_back(close + 1);
    }
    at_ = close;
    return {};
  }

  const std::string& file_;
  const std::vector<Token>& tokens_;
  Declarations& found_;
  struct Conditional {
    bool is_real;  // no include guard
    int depth;     // of blocks, where it began
  };
  std::vector<Conditional> conditionals_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<void> find_declarations(const std::string& file,
                               const std::vector<Token>& tokens,
                               Declarations& found) {
  return Finder(file, tokens, found).run();
}

std::string diagnostic(const std::string& file, const Token& at,
                       std::string_view text) {
  return file + ":" + std::to_string(at.line) + ":" +
         std::to_string(at.column) + ": error: " + std::string(text);
}

}  // namespace tracer::compiler
