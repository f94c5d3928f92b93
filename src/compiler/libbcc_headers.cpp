// SPDX-License-Identifier: Apache-2.0
#include "compiler/libbcc_headers.h"

#include <link.h>

#include <cstring>
#include <string>

#include "compiler/tokens.h"

namespace tracer::compiler {
namespace {

// Its include guard. Put together here, so that the search cannot find this
// program's own copy of the words.
std::string guard_line() {
  return std::string("\n#ifndef ") + "_UAPI__LINUX_" + "BPF_H__\n";
}

struct Search {
  bool in_program = false;  // libbcc may be linked into it
  std::string guard = guard_line();
  std::string_view found;
};

int search_object(dl_phdr_info* object, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  // The program itself has no name.
  const std::string_view name(object->dlpi_name);
  if (search.in_program ? !name.empty()
                        : name.find("bcc") == std::string_view::npos) {
    return 0;
  }
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0 ||
        (segment.p_flags & PF_R) == 0) {
      continue;
    }
    const auto* begin =
        reinterpret_cast<const char*>(object->dlpi_addr + segment.p_vaddr);
    const auto* end = begin + segment.p_filesz;
    const auto* at = static_cast<const char*>(memmem(
        begin, segment.p_filesz, search.guard.data(), search.guard.size()));
    if (at == nullptr) {
      continue;
    }
    const auto* stop = static_cast<const char*>(
        memchr(at, '\0', static_cast<size_t>(end - at)));
    search.found = {at,
                    static_cast<size_t>((stop != nullptr ? stop : end) - at)};
    return 1;
  }
  return 0;
}

}  // namespace

Result<std::string_view> find_libbcc_bpf_header() {
  Search search;
  if (dl_iterate_phdr(search_object, &search) == 0) {
    search.in_program = true;
    dl_iterate_phdr(search_object, &search);
  }
  if (search.found.empty()) {
    return fail("this libbcc carries no <linux/bpf.h> that can be found");
  }
  return search.found;
}

Reserved find_reserved(std::string_view header) {
  Reserved reserved;
  const std::vector<Token> tokens = tokenize(header);
  const auto at = [&](size_t i) -> const Token& {
    static const Token kEnd;
    return i < tokens.size() ? tokens[i] : kEnd;
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view word = tokens[i].text;
    if ((word == "struct" || word == "union" || word == "enum") &&
        at(i + 2).is("{")) {
      reserved.tags.insert(at(i + 1).text);
    }
    // All names and not just those defined here: an enumerator of the kernel
    // that this text so much as mentions has to be left to it.
    if (tokens[i].is_name()) {
      reserved.names.insert(word);
    }
  }
  for (std::string_view basic : {"true", "false", "NULL", "bool"}) {
    reserved.names.insert(basic);
  }
  return reserved;
}

}  // namespace tracer::compiler
