// SPDX-License-Identifier: Apache-2.0
#include "compiler/compile.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "compiler/attach_points.h"
#include "compiler/dependencies.h"
#include "compiler/headers.h"
#include "compiler/module.h"
#include "compiler/outputs.h"
#include "compiler/sandbox.h"
#include "compiler/schema.h"
#include "compiler/source.h"
#include "compiler/stand_in.h"

namespace tracer::compiler {
namespace {

using artifact::Artifact;
using artifact::Request;

// True if `fd` is one for BTF.
bool is_btf(const char* fd) {
  std::array<char, 64> target{};
  const std::string path = std::string("/proc/self/fd/") + fd;
  return readlink(path.c_str(), target.data(), target.size() - 1) > 0 &&
         std::string_view(target.data()).find("btf") != std::string_view::npos;
}

// The bytes of the BTF behind a descriptor.
Result<std::string> btf_bytes(int fd) {
  bpf_btf_info about{};
  uint32_t size = sizeof about;
  if (bpf_obj_get_info_by_fd(fd, &about, &size) != 0) {
    return fail_errno("cannot read the program's types", errno);
  }
  std::string bytes(about.btf_size, '\0');
  about = {.btf = reinterpret_cast<uintptr_t>(bytes.data()),
           .btf_size = static_cast<uint32_t>(bytes.size())};
  size = sizeof about;
  if (bpf_obj_get_info_by_fd(fd, &about, &size) != 0) {
    return fail_errno("cannot read the program's types", errno);
  }
  return bytes;
}

// The BTF of the compiled text. libbcc has given it to the kernel and holds a
// descriptor for it as long as the module lives, but has no call to ask for
// it. The other way, loading a function and asking for the BTF by its number,
// needs CAP_SYS_ADMIN on top of CAP_BPF.
Result<Btf> module_btf() {
  const std::unique_ptr<DIR, int (*)(DIR*)> fds(opendir("/proc/self/fd"),
                                                closedir);
  while (const dirent* each = fds ? readdir(fds.get()) : nullptr) {
    if (!is_btf(each->d_name)) {
      continue;
    }
    const int fd = static_cast<int>(strtol(each->d_name, nullptr, 10));
    Btf btf = TRY(Btf::from_bytes(TRY(btf_bytes(fd))));
    if (find_type(btf, kSchemaUnion) != 0) {
      return btf;
    }
  }
  return fail("the kernel did not take the program's types (BTF)",
              "compiling a probe needs root, or CAP_BPF and CAP_PERFMON");
}

// Enters the types that BCC noted for the map, if they have its sizes.
void add_map_types(const Btf& btf, SchemaBuilder& builder, artifact::Map& map) {
  const uint32_t note = find_type(btf, "____btf_map_" + map.name);
  for (const btf_member& member : btf.members(note)) {
    const std::string_view name = btf.text(member.name_off);
    const uint64_t size = btf.size(member.type);
    if (name == "key" && size == map.key_size) {
      map.key_type = builder.add(member.type);
    } else if (name == "value" && size == map.value_size) {
      map.value_type = builder.add(member.type);
    }
  }
}

bool is_output(const Source& source, const std::string& event) {
  return std::find(source.outputs.begin(), source.outputs.end(), event) !=
         source.outputs.end();
}

void add_events(const Btf& btf, const Source& source, SchemaBuilder& builder,
                events::Schema& schema) {
  for (const btf_member& member : btf.members(find_type(btf, kSchemaUnion))) {
    if (btf.text(member.name_off) == kNoRecord) {
      continue;
    }
    const std::string_view tag = btf.name(btf.resolved(member.type));
    const auto event = std::find_if(
        source.events.begin(), source.events.end(),
        [&](const std::string& name) {
          return tag == (is_output(source, name) ? output_tag(name) : name);
        });
    if (event == source.events.end()) {
      builder.add(member.type);
      continue;
    }
    schema.events[static_cast<size_t>(event - source.events.begin())] = {
        .name = *event,
        .type = is_output(source, *event)
                    ? builder.add_flat(member.type, *event)
                    : builder.add(member.type)};
  }
  for (size_t i = 0; i < source.events.size(); ++i) {
    if (schema.events[i].name.empty() && is_output(source, source.events[i])) {
      // Left out by #if: nothing is sent, but it has its number.
      schema.events[i] = {.name = source.events[i],
                          .type = builder.add(find_type(btf, "tracer_header"))};
    }
  }
}

// The function's instructions with the index of each map in place of our
// descriptor for it.
Result<std::string> portable(const Module& module, size_t function) {
  const std::span<const bpf_insn> original = module.instructions(function);
  std::vector<bpf_insn> code(original.begin(), original.end());
  for (size_t i = 0; i < code.size(); ++i) {
    if (code[i].code != (BPF_LD | BPF_DW | BPF_IMM)) {
      continue;
    }
    if (code[i].src_reg == BPF_PSEUDO_MAP_FD) {
      size_t map = 0;
      while (map < module.map_count() && module.map_fd(map) != code[i].imm) {
        ++map;
      }
      if (map == module.map_count()) {
        return fail(module.function_name(function) +
                    " uses a map that is not in the text");
      }
      code[i].imm = static_cast<int32_t>(map);
    }
    ++i;  // the second half holds the upper 32 bits
  }
  return std::string(reinterpret_cast<const char*>(code.data()),
                     code.size() * sizeof(bpf_insn));
}

bool uses_map(const Module& module, size_t function, int map_fd) {
  const std::span<const bpf_insn> code = module.instructions(function);
  return std::any_of(code.begin(), code.end(), [&](const bpf_insn& each) {
    return each.code == (BPF_LD | BPF_DW | BPF_IMM) &&
           each.src_reg == BPF_PSEUDO_MAP_FD && each.imm == map_fd;
  });
}

// The type that the function's name or an ATTACH gives it, if one does.
std::optional<uint32_t> own_type(const Source& source,
                                 const std::string& function) {
  if (const auto purpose = purpose_of_function(function)) {
    return purpose->program_type;
  }
  for (const AttachDeclaration& each : source.attachments) {
    if (each.function == function) {
      if (const auto purpose = purpose_of_place(each.where)) {
        return purpose->program_type;
      }
    }
  }
  return std::nullopt;
}

// Whoever calls through an array and whoever is in it must be of one type:
// that of the attached programs which use the function's array.
std::optional<uint32_t> tail_call_type(const Module& module,
                                       const Source& source,
                                       const std::string& function) {
  for (const TailCallDeclaration& call : source.tail_calls) {
    if (call.function != function) {
      continue;
    }
    for (size_t map = 0; map < module.map_count(); ++map) {
      if (module.map(map).name != call.map) {
        continue;
      }
      for (size_t i = 0; i < module.function_count(); ++i) {
        const auto type = own_type(source, module.function_name(i));
        if (type && uses_map(module, i, module.map_fd(map))) {
          return type;
        }
      }
    }
    return BPF_PROG_TYPE_TRACEPOINT;
  }
  return std::nullopt;
}

uint32_t program_type(const Module& module, const Source& source,
                      const std::string& function) {
  if (const auto type = own_type(source, function)) {
    return *type;
  }
  return tail_call_type(module, source, function)
      .value_or(BPF_PROG_TYPE_KPROBE);
}

Result<void> add_programs(const Module& module, const Source& source,
                          Artifact& out) {
  for (size_t i = 0; i < module.function_count(); ++i) {
    const std::string name = module.function_name(i);
    if (name == kSchemaFunction) {
      continue;
    }
    artifact::Program& program = out.programs.emplace_back();
    program.name = name;
    program.type = program_type(module, source, name);
    program.instructions = TRY(portable(module, i));
    const auto purpose = purpose_of_function(name);
    if (purpose && purpose->point) {
      program.attach.push_back(*purpose->point);
    }
  }
  return {};
}

Result<void> add_attachments(const Source& source, Artifact& out) {
  for (const AttachDeclaration& each : source.attachments) {
    const auto purpose = purpose_of_place(each.where);
    if (!purpose) {
      return fail(
          each.place + ": error: cannot attach to \"" + each.where + "\"",
          "write \"tracepoint:category:event\" or "
          "\"raw_tracepoint:event\"");
    }
    const auto program = std::find_if(
        out.programs.begin(), out.programs.end(),
        [&](const auto& other) { return other.name == each.function; });
    if (program == out.programs.end() && each.may_miss) {
      continue;
    }
    if (program == out.programs.end()) {
      return fail(each.place + ": error: no program \"" + each.function + "\"");
    }
    if (program->type != purpose->program_type) {
      return fail(each.place + ": error: \"" + each.function +
                  "\" is a program of another kind already");
    }
    program->attach.push_back(*purpose->point);
  }
  return {};
}

Result<void> add_tail_calls(const Source& source, Artifact& out) {
  for (const TailCallDeclaration& call : source.tail_calls) {
    const auto map =
        std::find_if(out.maps.begin(), out.maps.end(),
                     [&](const auto& each) { return each.name == call.map; });
    const auto program = std::find_if(
        out.programs.begin(), out.programs.end(),
        [&](const auto& each) { return each.name == call.function; });
    if (map == out.maps.end() || map->type != BPF_MAP_TYPE_PROG_ARRAY) {
      return fail(call.place + ": error: no BPF_PROG_ARRAY \"" + call.map +
                  "\"");
    }
    if (program == out.programs.end()) {
      return fail(call.place + ": error: no program \"" + call.function + "\"");
    }
    if (call.slot >= map->max_entries) {
      return fail(call.place + ": error: \"" + call.map + "\" has " +
                  std::to_string(map->max_entries) + " slots");
    }
    out.tail_calls.push_back(
        {.map = static_cast<uint32_t>(map - out.maps.begin()),
         .slot = call.slot,
         .program = static_cast<uint32_t>(program - out.programs.begin())});
  }
  return {};
}

struct Built {
  Source source;
  Module module;
};

Result<Built> build(const Request& request, const std::string& btf_path) {
  Source source = TRY(assemble(request));
  Files files = TRY(make_headers(source, btf_path));
  if (!request.explain.empty()) {
    // LLVM looks for the text of each line here, to put it into the BTF, from
    // where the verifier takes it for its log.
    for (const Piece& piece : source.pieces) {
      files.emplace_back(piece.name, piece.text);
    }
  }
  const Sandbox sandbox = TRY(Sandbox::enter(files));
  if (request.without_kernel) {
    TRY(stand_in_for_kernel());
  }
  Module module = TRY(Module::compile(source.text));
  return Built{std::move(source), std::move(module)};
}

}  // namespace

Result<Artifact> compile(const Request& request, const std::string& btf_path) {
  auto [source, module] = TRY(build(request, btf_path));
  const Btf btf = TRY(module_btf());
  Artifact out;
  out.license = module.license();
  out.kernel_version = module.kernel_version();
  out.rewritten_source = module.rewritten_source();
  SchemaBuilder builder(btf, out.schema);
  out.schema.events.resize(source.events.size());
  add_events(btf, source, builder, out.schema);
  for (size_t i = 0; i < module.map_count(); ++i) {
    add_map_types(btf, builder, out.maps.emplace_back(module.map(i)));
  }
  TRY(add_programs(module, source, out));
  TRY(add_attachments(source, out));
  TRY(add_tail_calls(source, out));
  out.dependencies = find_dependencies(out);
  return out;
}

Result<std::string> explain(const Request& request,
                            const std::string& btf_path) {
  auto [source, module] = TRY(build(request, btf_path));
  for (size_t i = 0; i < module.function_count(); ++i) {
    const std::string name = module.function_name(i);
    if (name != request.explain) {
      continue;
    }
    std::string log;
    const Result<Fd> program =
        module.load(i, program_type(module, source, name), &log);
    return program ? std::string() : log;
  }
  return fail(request.file + ": no program \"" + request.explain + "\"");
}

}  // namespace tracer::compiler
