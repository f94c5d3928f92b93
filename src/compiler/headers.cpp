// SPDX-License-Identifier: Apache-2.0
#include "compiler/headers.h"

#include <sys/utsname.h>

#include <deque>

#include "base/fd.h"
#include "compiler/btf.h"
#include "compiler/kfuncs.h"
#include "compiler/libbcc_headers.h"
#include "compiler/macros.h"
#include "compiler/names.h"
#include "compiler/types.h"

namespace tracer::compiler {
namespace {

constexpr std::string_view kTracepointPrefix = "tracepoint__";
constexpr const char* kFormatRoots[] = {"/sys/kernel/tracing/events/",
                                        "/sys/kernel/debug/tracing/events/"};

// "category/event" of each tracepoint that the text has a program for or
// names the arguments of: BCC declares those from the tracepoint's format.
std::set<std::string> find_tracepoints(const std::vector<Token>& tokens) {
  std::set<std::string> found;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].is("TRACEPOINT_PROBE") && i + 4 < tokens.size()) {
      found.insert(std::string(tokens[i + 2].text) + "/" +
                   std::string(tokens[i + 4].text));
    } else if (tokens[i].text.starts_with(kTracepointPrefix)) {
      const std::string_view rest =
          tokens[i].text.substr(kTracepointPrefix.size());
      if (const size_t split = rest.find("__"); split != rest.npos) {
        found.insert(std::string(rest.substr(0, split)) + "/" +
                     std::string(rest.substr(split + 2)));
      }
    }
  }
  return found;
}

// The types of a tracepoint's fields, as C text. Their names are left out, or
// each "flags" and "name" would keep members of that name everywhere.
std::string field_types(const std::string& format) {
  constexpr std::string_view kField = "\tfield:";
  std::string out;
  for (size_t at = format.find(kField); at != std::string::npos;
       at = format.find(kField, at + 1)) {
    const size_t begin = at + kField.size();
    std::string field = format.substr(begin, format.find(';', begin) - begin);
    field.resize(std::min(field.size(), field.find('[')));
    out.append(field, 0, field.find_last_of(" *") + 1).append(";\n");
  }
  return out;
}

// A tracepoint that is not there is left for BCC to complain about.
std::string tracepoint_types(const std::vector<Token>& tokens) {
  std::string out;
  for (const std::string& tracepoint : find_tracepoints(tokens)) {
    for (const char* root : kFormatRoots) {
      if (const auto format = read_file(root + tracepoint + "/format")) {
        out += field_types(*format);
        break;
      }
    }
  }
  return out;
}

}  // namespace

Result<Files> make_headers(const Source& source, const std::string& btf_path) {
  Result<Btf> btf = Btf::from_file(btf_path);
  if (!btf) {
    return fail("no kernel types: " + btf.error().message,
                "the kernel must be built with CONFIG_DEBUG_INFO_BTF=y");
  }
  const std::string_view libbcc_header = TRY(find_libbcc_bpf_header());
  const Reserved reserved = find_reserved(libbcc_header);

  const std::string formats = tracepoint_types(source.tokens);
  Names names;
  collect_names(source.tokens, names);
  collect_names(tokenize(formats), names);
  add_macro_names(names);
  // PT_REGS_PARM1 and its like are libbcc's and name members of this.
  names.records.emplace("pt_regs", true);

  const Types types = write_types(*btf, names, reserved);
  utsname system{};
  uname(&system);

  Files files;
  // libbcc includes kconfig.h in front of all else, then its own bpf.h, then
  // its helpers, which begin with uapi/linux/bpf.h. So that is the place for
  // the types: behind what they must not clash with, in front of what uses
  // them.
  files.emplace_back("include/linux/kconfig.h",
                     base_definitions(system.release));
  files.emplace_back("include/uapi/linux/bpf.h",
                     "#pragma once\n" + types.text +
                         used_macros(names, types.enumerators) +
                         kfunc_macros(*btf, source.tokens));
  std::set<std::string> empty = source.system_includes;
  for (const char* each : {"linux/types.h", "linux/bpf_common.h",
                           "uapi/linux/if_packet.h", "uapi/linux/if_ether.h",
                           "linux/version.h", "linux/log2.h", "asm/page.h"}) {
    empty.insert(each);
  }
  for (const std::string& each : empty) {
    // bcc/… are libbcc's own, in its memory.
    const bool is_ours =
        each == "linux/kconfig.h" || each == "uapi/linux/bpf.h";
    const bool leaves_tree =
        each.starts_with('/') || each.find("..") != std::string::npos;
    if (!is_ours && !leaves_tree && !each.starts_with("bcc/")) {
      files.emplace_back("include/" + each, "#pragma once\n");
    }
  }
  return files;
}

}  // namespace tracer::compiler
