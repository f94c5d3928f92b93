// SPDX-License-Identifier: Apache-2.0
#include "compiler/outputs.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace tracer::compiler {
namespace {

// What is sent where the type of it cannot be told: bytes, so many at most.
constexpr std::string_view kRawBytes = "4096";

struct Call {
  size_t name = 0;  // index of the token: NAME . method (
  size_t body = 0;  // of the token that opens the calling function's body
};

struct Output {
  const Token* at = nullptr;
  bool is_ring = false;
  std::vector<Call> calls;
  /// As C has it; empty for bytes.
  std::optional<std::string> type;
};

class Finder {
 public:
  Finder(const std::string& file, const std::vector<Token>& tokens,
         Declarations& found)
      : file_(file), tokens_(tokens), found_(found) {}

  Result<std::vector<Edit>> run() {
    find_maps();
    find_calls();
    for (auto& [name, output] : outputs_) {
      if (!output.calls.empty()) {
        TRY(rewrite(std::string(name), output));
      }
    }
    // What goes in front of a token comes before what takes its place.
    std::sort(edits_.begin(), edits_.end(),
              [](const Edit& a, const Edit& b) { return a.token < b.token; });
    return std::move(edits_);
  }

 private:
  [[nodiscard]] const Token& at(size_t i) const {
    static const Token kEnd;
    return i < tokens_.size() ? tokens_[i] : kEnd;
  }

  void find_maps() {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const bool is_ring = at(i).is("BPF_RINGBUF_OUTPUT");
      const Token& name = at(i + 2);
      // tracer_… are tracer's own.
      if ((is_ring || at(i).is("BPF_PERF_OUTPUT")) && !at(i).in_directive &&
          at(i + 1).is("(") && name.is_name() &&
          !name.text.starts_with("tracer_")) {
        outputs_[name.text] = {
            .at = &name, .is_ring = is_ring, .calls = {}, .type = {}};
      }
    }
  }

  void find_calls() {
    constexpr std::array<std::string_view, 5> kMethods = {
        "perf_submit", "ringbuf_output", "ringbuf_reserve", "ringbuf_submit",
        "ringbuf_discard"};
    auto body = found_.bodies.begin();
    for (size_t i = 0; i < tokens_.size(); ++i) {
      while (body != found_.bodies.end() && *body < i) {
        ++body;
      }
      const auto output = outputs_.find(at(i).text);
      if (output != outputs_.end() && body != found_.bodies.begin() &&
          !at(i).in_directive && at(i + 1).is(".") && at(i + 3).is("(") &&
          std::find(kMethods.begin(), kMethods.end(), at(i + 2).text) !=
              kMethods.end()) {
        output->second.calls.push_back({.name = i, .body = *(body - 1)});
      }
    }
  }

  Result<void> rewrite(const std::string& name, Output& output) {
    if (std::find(found_.events.begin(), found_.events.end(), name) !=
        found_.events.end()) {
      return fail(diagnostic(file_, *output.at,
                             "event \"" + name + "\" declared twice"));
    }
    for (const Call& call : output.calls) {
      TRY(find_type(name, output, call));
    }
    size_t last_start = 0;
    for (const Call& call : output.calls) {
      if (const size_t start = head_of(call.body); start != last_start) {
        last_start = start;
        edits_.push_back(
            {.token = start, .count = 0, .text = definition(name, output)});
      }
      TRY(replace(name, call));
    }
    found_.events.push_back(name);
    found_.outputs.push_back(name);
    return {};
  }

  Result<void> replace(const std::string& name, const Call& call) {
    const std::string_view method = at(call.name + 2).text;
    Edit edit{.token = call.name, .count = 3, .text = {}};
    if (method == "perf_submit") {
      edit.text = "tracer_output_" + name;
    } else {
      edit.text = "tracer_" + std::string(method) + "_" + name;
      if (method == "ringbuf_output" || method == "ringbuf_submit") {
        // Rings of tracer's may be perf buffers, which want the context.
        const std::string context = context_of(call.body);
        if (context.empty()) {
          return fail(diagnostic(
              file_, at(call.name),
              "the function that calls " + name + "." + std::string(method) +
                  "() needs a parameter named ctx: the context of its "
                  "program"));
        }
        edit.count = 4;
        edit.text += "(" + context + ", ";
      }
    }
    edits_.push_back(std::move(edit));
    return {};
  }

  /// The first token of the function whose body opens at `body`.
  [[nodiscard]] size_t head_of(size_t body) const {
    size_t i = body;
    while (i > 0 && !at(i - 1).is(";") && !at(i - 1).is("}") &&
           !at(i - 1).in_directive) {
      --i;
    }
    return i;
  }

  [[nodiscard]] std::string context_of(size_t body) const {
    for (size_t i = head_of(body); i < body; ++i) {
      if (at(i).is("TRACEPOINT_PROBE")) {
        return "args";
      }
      if (at(i).is("ctx") || at(i).is("RAW_TRACEPOINT_PROBE")) {
        return "ctx";
      }
    }
    return {};
  }

  Result<void> find_type(const std::string& name, Output& output,
                         const Call& call) {
    const std::string_view method = at(call.name + 2).text;
    size_t argument = call.name + 4;
    if (method == "ringbuf_reserve" || method == "ringbuf_discard") {
      return {};
    }
    if (method == "perf_submit") {
      argument = behind_comma(argument);
    }
    const std::string type = type_behind(argument, call.body);
    if (output.type && *output.type != type) {
      const auto said = [](const std::string& each) {
        return each.empty() ? std::string("bytes") : each;
      };
      return fail(diagnostic(file_, at(call.name),
                             "\"" + name + "\" sends " + said(type) +
                                 " here and " + said(*output.type) +
                                 " elsewhere: give each an output of its own"));
    }
    output.type = type;
    return {};
  }

  [[nodiscard]] size_t behind_comma(size_t i) const {
    int depth = 0;
    for (; i < tokens_.size(); ++i) {
      if (at(i).is("(") || at(i).is("[")) {
        ++depth;
      } else if (at(i).is(")") || at(i).is("]")) {
        --depth;
      } else if (at(i).is(",") && depth == 0) {
        return i + 1;
      }
    }
    return i;
  }

  /// The type of what the argument at `i` points at, if that is a variable or
  /// the address of one; empty if it cannot be told.
  [[nodiscard]] std::string type_behind(size_t i, size_t body) const {
    if (at(i).is("(")) {  // a cast
      while (i < tokens_.size() && !at(i).is(")")) {
        ++i;
      }
      ++i;
    }
    const bool is_address = at(i).is("&");
    i += is_address ? 1 : 0;
    if (!at(i).is_name() || !(at(i + 1).is(",") || at(i + 1).is(")"))) {
      return {};
    }
    const size_t head = head_of(body);
    for (size_t j = i - 1; j > head; --j) {
      if (at(j).text == at(i).text) {
        if (auto type = declared_type(j, is_address ? 0 : 1)) {
          return *type;
        }
      }
    }
    return {};
  }

  /// The type in front of the variable at `i`, if it is declared there with so
  /// many stars; empty for arrays, which are no one thing.
  [[nodiscard]] std::optional<std::string> declared_type(size_t i,
                                                         int stars) const {
    const Token& next = at(i + 1);
    if (!next.is("=") && !next.is(";") && !next.is(",") && !next.is(")") &&
        !next.is("[")) {
      return std::nullopt;
    }
    size_t type = i - 1;
    int found = 0;
    for (; at(type).is("*"); --type) {
      ++found;
    }
    if (!at(type).is_name() || at(type).is("return")) {
      return std::nullopt;
    }
    size_t before = type - 1;
    const bool is_tagged = at(before).is("struct") || at(before).is("union") ||
                           at(before).is("enum") || at(before).is("unsigned");
    before -= is_tagged ? 1 : 0;
    while (at(before).is("const") || at(before).is("static")) {
      --before;
    }
    if (!at(before).is(";") && !at(before).is("{") && !at(before).is("}") &&
        !at(before).is("(") && !at(before).is(",") && !at(before).is(")") &&
        !at(before).in_directive) {
      return std::nullopt;
    }
    if (found != stars || next.is("[") || at(type).is("void") ||
        at(type).is("char")) {
      return "";
    }
    return (is_tagged ? std::string(at(type - 1).text) + " " : "") +
           std::string(at(type).text);
  }

  /// The functions that take the place of the map's methods. More than once in
  /// a text, for #if may leave the first out.
  [[nodiscard]] std::string definition(const std::string& name,
                                       const Output& output) const {
    const bool is_raw = !output.type || output.type->empty();
    const std::string record = "struct " + output_tag(name);
    const std::string scratch =
        is_raw ? "struct tracer_scratch_" + name : record;
    std::string out =
        "\n#line 1 \"<tracer>\"\n#ifndef " + output_guard(name) + "\n#define " +
        output_guard(name) + "\n" + record + " { EVENT_HEADER " +
        (is_raw ? "char data[];" : *output.type + " data;") + " };\n";
    if (is_raw) {
      out += scratch + " { EVENT_HEADER char data[" + std::string(kRawBytes) +
             "]; };\n";
    }
    out += "BPF_PERCPU_ARRAY(output_" + name + ", " + scratch +
           ", 1);\n"
           "static inline int tracer_output_" +
           name +
           "(void *ctx, const void *data, u64 size) {\n"
           "  u32 zero = 0;\n  " +
           scratch + " *event = output_" + name +
           ".lookup(&zero);\n"
           "  if (!event || !tracer_traced()) {\n"
           "    return 0;\n"
           "  }\n"
           "  tracer_begin(event, EVENT_ID_" +
           name + ");\n";
    out += is_raw
               ? std::string(
                     "  if (size > sizeof(event->data)) {\n"
                     "    event->type |= TRACER_CUT;\n"
                     "  }\n"
                     "  size = CLAMP(size, sizeof(event->data));\n"
                     "  bpf_probe_read_kernel(event->data, size, data);\n"
                     "  size += __builtin_offsetof(") +
                     scratch + ", data);\n"
               : std::string(
                     "  if (size >= sizeof(event->data)) {\n"
                     "    bpf_probe_read_kernel(&event->data,\n"
                     "                          sizeof(event->data), data);\n"
                     "  } else {\n"
                     // Reading nowhere fills with zeros.
                     "    bpf_probe_read_kernel(&event->data,\n"
                     "                          sizeof(event->data), 0);\n"
                     "    size = CLAMP(size, sizeof(event->data));\n"
                     "    bpf_probe_read_kernel(&event->data, size, data);\n"
                     "  }\n"
                     "  size = sizeof(*event);\n");
    out +=
        "  tracer_submit(ctx, event, size);\n"
        "  tracer_end();\n"
        "  return 0;\n"
        "}\n";
    if (output.is_ring) {
      out += ring_definition(name, scratch);
    }
    return out + "#endif\n";
  }

  // What is reserved is the place that output copies to, and the copy onto
  // itself costs little.
  static std::string ring_definition(const std::string& name,
                                     const std::string& scratch) {
    return "static inline int tracer_ringbuf_output_" + name +
           "(void *ctx, const void *data, u64 size, u64 flags) {\n"
           "  return tracer_output_" +
           name +
           "(ctx, data, size);\n"
           "}\n"
           "static inline void *tracer_ringbuf_reserve_" +
           name +
           "(u64 size) {\n"
           "  u32 zero = 0;\n  " +
           scratch + " *event = output_" + name +
           ".lookup(&zero);\n"
           "  return event ? &event->data : 0;\n"
           "}\n"
           "static inline void tracer_ringbuf_submit_" +
           name +
           "(void *ctx, const void *data, u64 flags) {\n"
           "  tracer_output_" +
           name + "(ctx, data, sizeof(((" + scratch +
           " *)0)->data));\n"
           "}\n"
           "static inline void tracer_ringbuf_discard_" +
           name + "(void *data, u64 flags) {}\n";
  }

  const std::string& file_;
  const std::vector<Token>& tokens_;
  Declarations& found_;
  std::map<std::string_view, Output> outputs_;
  std::vector<Edit> edits_;
};

}  // namespace

Result<std::vector<Edit>> find_outputs(const std::string& file,
                                       const std::vector<Token>& tokens,
                                       Declarations& found) {
  return Finder(file, tokens, found).run();
}

std::string output_tag(const std::string& output) {
  return "tracer_output_" + output;
}

std::string output_guard(const std::string& output) {
  return "TRACER_OUTPUT_" + output;
}

}  // namespace tracer::compiler
