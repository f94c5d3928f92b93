// SPDX-License-Identifier: Apache-2.0
#include "compiler/source.h"

#include <algorithm>
#include <climits>

#include "base/fd.h"
#include "base/words.h"
#include "compiler/declarations.h"
#include "compiler/outputs.h"

namespace tracer::compiler {
namespace {

using artifact::ParameterValue;
using artifact::Request;

// A name for a #line directive.
std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + "\"";
}

std::string line_directive(unsigned line, std::string_view file) {
  return "#line " + std::to_string(line) + " " + quoted(file) + "\n";
}

class Assembler {
 public:
  explicit Assembler(const Request& request) : request_(request) {}

  Result<Source> run() {
    std::string author;
    TRY(paste(request_.file, request_.text, author));
    TRY(add_shared_header(author));
    TRY(check_parameters());
    std::string& out = source_.text;
    out.append(kTextBegin).append("\n").append(prelude());
    out.append(kAuthorBegin).append("\n").append(author);
    out.append("\n").append(kAuthorEnd).append("\n").append(schema_tail());
    out.append(kTextEnd).append("\n");
    source_.events = std::move(declared_.events);
    source_.outputs = std::move(declared_.outputs);
    source_.records = std::move(declared_.records);
    source_.tail_calls = std::move(declared_.tail_calls);
    source_.attachments = std::move(declared_.attachments);
    return std::move(source_);
  }

 private:
  Result<void> paste(const std::string& file, std::string text,
                     std::string& out) {
    const std::string& piece =
        source_.pieces.emplace_back(Piece{file, std::move(text)}).text;
    const std::vector<Token> tokens = tokenize(piece);
    TRY(find_declarations(file, tokens, declared_));
    const std::vector<size_t> bodies = declared_.bodies;
    const std::vector<Edit> edits = TRY(find_outputs(file, tokens, declared_));
    auto edit = edits.begin();
    auto body = bodies.begin();
    out += line_directive(1, file);
    // The tokens of a pasted file go where its text goes.
    size_t copied = 0;
    const auto end_of = [&](const Token& token) {
      return static_cast<size_t>(token.text.data() - piece.data()) +
             token.text.size();
    };
    for (size_t i = 0; i < tokens.size(); ++i) {
      const Token& token = tokens[i];
      source_.tokens.push_back(token);
      for (; edit != edits.end() && edit->token == i; ++edit) {
        const size_t begin = end_of(token) - token.text.size();
        out.append(piece, copied, begin - copied).append(edit->text);
        copied = edit->count == 0 ? begin : end_of(tokens[i + edit->count - 1]);
        if (edit->count == 0) {
          out += line_directive(token.line, file);
          out.append(token.column - 1, ' ');
        }
      }
      if (body != bodies.end() && *body == i) {
        // BCC puts lines of its own in front of a function and at the start
        // of its body, so the count begins anew behind them. What follows on
        // the same line keeps its column.
        out.append(piece, copied, end_of(token) - copied);
        out += "\n" + line_directive(token.line, file);
        out.append(token.column, ' ');
        copied = end_of(token);
        ++body;
        continue;
      }
      if (!token.is("#") || !token.in_directive || i + 2 >= tokens.size() ||
          !tokens[i + 1].is("include")) {
        continue;
      }
      const Token& name = tokens[i + 2];
      if (name.is("<")) {
        note_system_include(piece, name);
      } else if (name.kind == TokenKind::kString) {
        out.append(piece, copied, end_of(token) - 1 - copied);
        if (!out.ends_with('\n')) {
          out += '\n';
        }
        TRY(include(file, name, out));
        // What follows on the line, a comment perhaps, is kept as well.
        out += line_directive(name.line, file);
        copied = end_of(name);
        i += 2;
      }
    }
    out.append(piece, copied);
    if (!out.ends_with('\n')) {
      out += '\n';
    }
    return {};
  }

  void note_system_include(const std::string& piece, const Token& bracket) {
    const auto begin =
        static_cast<size_t>(bracket.text.data() - piece.data()) + 1;
    const size_t end = piece.find_first_of(">\n", begin);
    if (end != std::string::npos && piece[end] == '>') {
      source_.system_includes.insert(piece.substr(begin, end - begin));
    }
  }

  Result<void> include(const std::string& file, const Token& token,
                       std::string& out) {
    const std::string name(token.text.substr(1, token.text.size() - 2));
    if (!included_.insert(name).second) {
      return {};
    }
    const std::string path = request_.include_dir + "/" + name;
    Result<std::string> text = read_file(path);
    if (!text) {
      return fail(
          diagnostic(file, token, "cannot read " + text.error().message));
    }
    return paste(path, *std::move(text), out);
  }

  /// A text of BCC's own does not include what every probe begins with.
  /// Whoever asks for that header's parameters wants it all the same.
  Result<void> add_shared_header(std::string& author) {
    constexpr const char* kHeader = "tracer.bpf.h";
    if (!request_.parameters.contains("tracer_select") ||
        included_.contains(kHeader)) {
      return {};
    }
    const std::string path = request_.include_dir + "/" + kHeader;
    std::string header;
    TRY(paste(path, TRY(read_file(path)), header));
    author = header + author;
    return {};
  }

  Result<void> check_parameters() const;
  [[nodiscard]] tl::unexpected<Error> fail_request(
      const std::string& what) const;
  [[nodiscard]] std::string prelude() const;
  [[nodiscard]] std::string schema_tail() const;

  const Request& request_;
  Source source_;
  Declarations declared_;
  std::set<std::string> included_;
};

/// A failure of whoever asked for the probe, not of its text.
tl::unexpected<Error> Assembler::fail_request(const std::string& what) const {
  return tl::unexpected(
      Error{.message = request_.file + ": " + what, .status = kScriptError});
}

Result<void> Assembler::check_parameters() const {
  for (const auto& given : request_.parameters) {
    // Not a structured binding: clang 14 lets no lambda capture one.
    const std::string& name = given.first;
    const ParameterValue& value = given.second;
    const auto found =
        std::find_if(declared_.parameters.begin(), declared_.parameters.end(),
                     [&](const auto& each) { return each.name == name; });
    if (found != declared_.parameters.end()) {
      if (!found->is_set && value.size() != 1) {
        return fail_request("parameter \"" + name + "\" takes one value, not " +
                            std::to_string(value.size()));
      }
      continue;
    }
    std::vector<std::string> known;
    for (const ParameterDeclaration& each : declared_.parameters) {
      // Those of the tracer itself are not the script's to set.
      if (!each.name.starts_with("tracer_")) {
        known.push_back(each.name);
      }
    }
    std::sort(known.begin(), known.end());
    std::string message = "no parameter \"" + name + "\"";
    if (const auto meant = nearest(name, known)) {
      message += "; did you mean \"" + *meant + "\"?";
    }
    std::string list;
    for (const std::string& each : known) {
      list.append(list.empty() ? "" : ", ").append(each);
    }
    message += list.empty() ? " (it has none)" : " (it has: " + list + ")";
    return fail_request(message);
  }
  return {};
}

// A constant that means the same number wherever it is pasted.
std::string literal(int64_t value) {
  if (value == INT64_MIN) {
    return "(-9223372036854775807LL - 1)";
  }
  const bool is_int = value >= INT_MIN + 1LL && value <= INT_MAX;
  return "(" + std::to_string(value) + (is_int ? ")" : "LL)");
}

std::string Assembler::prelude() const {
  std::string out = line_directive(1, "<tracer>");
  out +=
      "#define PARAM(name, value)\n"
      "#define PARAM_SET(name)\n"
      "#define EVENT(name) struct name\n"
      "#define TAIL_CALL(map, slot, function)\n"
      "#define ATTACH(function, where)\n";
  for (size_t i = 0; i < declared_.events.size(); ++i) {
    out += "#define EVENT_ID_" + declared_.events[i] + " " + std::to_string(i) +
           "\n";
  }
  for (const ParameterDeclaration& each : declared_.parameters) {
    const auto given = request_.parameters.find(each.name);
    const bool is_given = given != request_.parameters.end();
    if (!each.is_set) {
      out += "#define P_" + each.name + " (" +
             (is_given ? literal(given->second[0]) : each.default_value) +
             ")\n";
      continue;
    }
    // A function and not a macro: the argument is evaluated once, and BCC
    // does not rewrite kernel reads inside macro arguments.
    out += "static inline __attribute__((always_inline)) int P_" + each.name +
           "(long long x) { return ";
    if (!is_given || given->second.empty()) {
      out += "1";
    } else {
      for (size_t i = 0; i < given->second.size(); ++i) {
        out += (i == 0 ? "x == " : " || x == ") + literal(given->second[i]);
      }
    }
    out += "; }\n";
  }
  return out;
}

// LLVM 14 writes into the BTF only what map annotations, globals and function
// signatures reach, so an event type that lives on the stack or in a ring
// would be missing. By value: behind pointers members are left out.
std::string Assembler::schema_tail() const {
  std::string out = line_directive(1, "<tracer>");
  out += "union " + std::string(kSchemaUnion) + " { char " +
         std::string(kNoRecord) + ";";
  for (size_t i = 0; i < declared_.records.size(); ++i) {
    out += " " + declared_.records[i] + " r" + std::to_string(i) + ";";
  }
  for (const std::string& each : declared_.outputs) {
    out.append("\n#ifdef ").append(output_guard(each)).append("\nstruct ");
    out.append(output_tag(each))
        .append(" o_")
        .append(each)
        .append(";\n#endif\n");
  }
  return out + " };\nint " + std::string(kSchemaFunction) + "(union " +
         std::string(kSchemaUnion) + " *s) { return 0; }\n";
}

}  // namespace

Result<Source> assemble(const Request& request) {
  return Assembler(request).run();
}

}  // namespace tracer::compiler
