// SPDX-License-Identifier: Apache-2.0
//
// What the real worker makes of small probes, end to end.
#include "compiler/compile.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "compiler/source.h"
#include "probe.h"

namespace tracer::compiler {
namespace {

using artifact::Artifact;
using artifact::AttachKind;
using artifact::Map;
using artifact::Program;
using artifact::Request;
using events::Kind;
using events::Type;

constexpr const char* kProgram = "int f(void *ctx) { return 0; }\n";

std::vector<bpf_insn> code_of(const Program& program) {
  std::vector<bpf_insn> code(program.instructions.size() / sizeof(bpf_insn));
  memcpy(code.data(), program.instructions.data(), program.instructions.size());
  return code;
}

const Program& program_in(const Artifact& artifact, const std::string& name) {
  const auto found =
      std::find_if(artifact.programs.begin(), artifact.programs.end(),
                   [&](const Program& each) { return each.name == name; });
  EXPECT_NE(found, artifact.programs.end()) << name;
  return *found;
}

const Map& map_in(const Artifact& artifact, const std::string& name) {
  const auto found =
      std::find_if(artifact.maps.begin(), artifact.maps.end(),
                   [&](const Map& each) { return each.name == name; });
  EXPECT_NE(found, artifact.maps.end()) << name;
  return *found;
}

Error failure_of(const std::string& text) {
  const auto artifact = compile_probe(text);
  EXPECT_FALSE(artifact);
  return artifact ? Error{} : artifact.error();
}

// BCC's tools have functions of this name.
TEST(Compile, TakesAFunctionNamedEnter) {
  const auto artifact = compile_probe(
      "BPF_HASH(seen, u64, u64);\n"
      "static int enter(u64 *v) { u64 k = 7; seen.update(&k, v); return 3; }\n"
      "int f(void *ctx) { u64 v = 1; return enter(&v); }\n");
  ASSERT_TRUE(artifact) << why(artifact);
  const std::vector<bpf_insn> code = code_of(program_in(*artifact, "f"));
  EXPECT_TRUE(std::any_of(code.begin(), code.end(), [](const bpf_insn& each) {
    return each.code == (BPF_JMP | BPF_CALL) &&
           each.imm == BPF_FUNC_map_update_elem;
  }));
}

TEST(Compile, GivesAnOutputTheFieldsOfItsStruct) {
  artifact::Request request = request_for(
      "struct data_t { u32 pid; u64 ts; unsigned __int128 address; };\n"
      "BPF_PERF_OUTPUT(events);\n"
      "int f(void *ctx) {\n"
      "  struct data_t data = {};\n"
      "  events.perf_submit(ctx, &data, sizeof(data));\n"
      "  return 0;\n"
      "}\n");
  request.include_dir = TRACER_CHECKOUT "/probes/include";
  request.parameters = {{"tracer_select", {0}}};
  const auto artifact = compile_probe(request);
  ASSERT_TRUE(artifact) << why(artifact);
  ASSERT_EQ(artifact->schema.events.size(), 1U);
  EXPECT_EQ(artifact->schema.events[0].name, "events");
  EXPECT_TRUE(events::check_events(artifact->schema));
  const Type& type = artifact->schema.types[artifact->schema.events[0].type];
  ASSERT_EQ(type.members.size(), 11U);
  EXPECT_EQ(type.members[0].name, "ts");
  EXPECT_EQ(type.members[8].name, "pid");
  EXPECT_EQ(type.members[8].offset, 48U);
  EXPECT_EQ(type.members[9].name, "ts");
  EXPECT_EQ(type.members[9].offset, 56U);
  const Type& address = artifact->schema.types[type.members[10].type];
  EXPECT_EQ(address.kind, Kind::kArray);
  EXPECT_EQ(address.count, 16U);
}

TEST(Compile, TellsProgramsByTheirNames) {
  const auto artifact = compile_probe(
      "BPF_PROG_ARRAY(steps, 4);\n"
      "TAIL_CALL(steps, 2, next);\n"
      "TRACEPOINT_PROBE(syscalls, sys_exit_write) {\n"
      "  steps.call(args, 2);\n  return 0;\n}\n"
      "RAW_TRACEPOINT_PROBE(sched_switch) { return 0; }\n"
      "int next(void *ctx) { return 0; }\n"
      "int other(void *ctx) { return 0; }\n");
  ASSERT_TRUE(artifact) << why(artifact);
  ASSERT_EQ(artifact->programs.size(), 4U);
  const Program& exit =
      program_in(*artifact, "tracepoint__syscalls__sys_exit_write");
  EXPECT_EQ(exit.type, BPF_PROG_TYPE_TRACEPOINT);
  ASSERT_EQ(exit.attach.size(), 1U);
  EXPECT_EQ(exit.attach[0].kind, AttachKind::kTracepoint);
  EXPECT_EQ(exit.attach[0].target, "syscalls:sys_exit_write");
  const Program& raw = program_in(*artifact, "raw_tracepoint__sched_switch");
  EXPECT_EQ(raw.type, BPF_PROG_TYPE_RAW_TRACEPOINT);
  ASSERT_EQ(raw.attach.size(), 1U);
  EXPECT_EQ(raw.attach[0].kind, AttachKind::kRawTracepoint);
  EXPECT_EQ(raw.attach[0].target, "sched_switch");
  EXPECT_EQ(program_in(*artifact, "other").type, BPF_PROG_TYPE_KPROBE);
  EXPECT_TRUE(program_in(*artifact, "other").attach.empty());
  ASSERT_EQ(artifact->tail_calls.size(), 1U);
  const auto& call = artifact->tail_calls[0];
  EXPECT_EQ(artifact->maps.at(call.map).name, "steps");
  EXPECT_EQ(artifact->programs.at(call.program).name, "next");
  EXPECT_EQ(call.slot, 2U);
  EXPECT_EQ(artifact->license, "GPL");
}

TEST(Compile, TailCalledProgramsHaveTheirCallersType) {
  const auto artifact = compile_probe(
      "BPF_PROG_ARRAY(steps, 1);\nTAIL_CALL(steps, 0, next);\n"
      "int next(void *ctx) { return 0; }\n"
      "RAW_TRACEPOINT_PROBE(sys_exit) { steps.call(ctx, 0); return 0; }\n");
  ASSERT_TRUE(artifact) << why(artifact);
  EXPECT_EQ(program_in(*artifact, "next").type, BPF_PROG_TYPE_RAW_TRACEPOINT);
}

TEST(Compile, ChecksTailCalls) {
  EXPECT_EQ(failure_of(std::string("BPF_PROG_ARRAY(a, 1);\n") + kProgram +
                       "TAIL_CALL(a, 0, nowhere);\n")
                .message,
            "probe.bpf.c:3:1: error: no program \"nowhere\"");
  EXPECT_EQ(failure_of(std::string(kProgram) + "TAIL_CALL(a, 0, f);\n").message,
            "probe.bpf.c:2:1: error: no BPF_PROG_ARRAY \"a\"");
  EXPECT_EQ(failure_of(std::string("BPF_PROG_ARRAY(a, 1);\n") + kProgram +
                       "TAIL_CALL(a, 1, f);\n")
                .message,
            "probe.bpf.c:3:1: error: \"a\" has 1 slots");
}

TEST(Compile, KeepsMapsWithFlagsAndTypes) {
  const auto artifact = compile_probe(
      "struct value { u64 count; char name[8]; };\n"
      "BPF_F_TABLE(\"array\", u32, struct value, shared, 3, "
      "BPF_F_MMAPABLE);\n"
      "BPF_HASH(seen, u32, u64, 77);\nBPF_PERF_OUTPUT(out);\n"
      "int f(void *ctx) {\n  u32 key = 1;\n  struct value *v = "
      "shared.lookup(&key);\n  u64 *n = seen.lookup(&key);\n"
      "  return v && n ? v->count + *n : 0;\n}\n");
  ASSERT_TRUE(artifact) << why(artifact);
  const Map& shared = map_in(*artifact, "shared");
  EXPECT_EQ(shared.type, BPF_MAP_TYPE_ARRAY);
  EXPECT_EQ(shared.flags, BPF_F_MMAPABLE);
  EXPECT_EQ(shared.max_entries, 3U);
  EXPECT_EQ(shared.value_size, 16U);
  EXPECT_EQ(artifact->schema.types.at(shared.value_type).name, "value");
  EXPECT_EQ(artifact->schema.types.at(shared.key_type).name, "u32");
  EXPECT_EQ(map_in(*artifact, "seen").max_entries, 77U);
  EXPECT_EQ(map_in(*artifact, "out").type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  EXPECT_EQ(map_in(*artifact, "out").value_type, artifact::kNoType);
  // Instructions name maps by their index.
  std::vector<std::string> used;
  for (const bpf_insn& each : code_of(artifact->programs.at(0))) {
    if (each.code == (BPF_LD | BPF_DW | BPF_IMM)) {
      EXPECT_EQ(each.src_reg, BPF_PSEUDO_MAP_FD);
      used.push_back(artifact->maps.at(static_cast<size_t>(each.imm)).name);
    }
  }
  EXPECT_EQ(used, (std::vector<std::string>{"shared", "seen"}));
}

TEST(Compile, KeepsAMarkerAsOneImmediate) {
  const auto artifact = compile_probe(
      "int f(void *ctx) {\n  u64 v;\n"
      "  asm(\"%0 = 0x7472616365720001 ll\" : \"=r\"(v));\n"
      "  return (bpf_get_current_pid_tgid() >> 32) == v;\n}\n");
  ASSERT_TRUE(artifact) << why(artifact);
  const auto code = code_of(artifact->programs.at(0));
  size_t found = 0;
  for (size_t i = 0; i + 1 < code.size(); ++i) {
    if (code[i].code == (BPF_LD | BPF_DW | BPF_IMM)) {
      EXPECT_EQ(code[i].src_reg, 0);
      EXPECT_EQ(static_cast<uint32_t>(code[i].imm), 0x65720001U);
      EXPECT_EQ(static_cast<uint32_t>(code[i + 1].imm), 0x74726163U);
      ++found;
    }
  }
  EXPECT_EQ(found, 1U);
}

TEST(Compile, PutsParametersIntoTheCode) {
  Request request = request_for(
      "PARAM(answer, 1)\nPARAM_SET(fd)\n"
      "int f(void *ctx) { return P_answer + (P_fd(7) ? 100 : 0); }\n");
  const auto result = [&] {
    const auto artifact = compile_probe(request);
    EXPECT_TRUE(artifact) << why(artifact);
    return artifact ? code_of(artifact->programs.at(0)).at(0).imm : -1;
  };
  EXPECT_EQ(result(), 101);
  request.parameters = {{"answer", {42}}, {"fd", {1, 2}}};
  EXPECT_EQ(result(), 42);
  request.parameters = {{"answer", {42}}, {"fd", {1, 7}}};
  EXPECT_EQ(result(), 142);
}

// Offsets as the schema has them, by path.
void flatten(const Artifact& artifact, uint32_t index, const std::string& path,
             uint32_t offset, std::map<std::string, uint32_t>& out) {
  const Type& type = artifact.schema.types.at(index);
  for (const auto& member : type.members) {
    const std::string name = member.name.empty() ? path
                             : path.empty()      ? member.name
                                                 : path + "." + member.name;
    if (member.bit_size == 0 && !member.name.empty()) {
      out[name] = offset + member.offset;
    }
    flatten(artifact, member.type, name, offset + member.offset, out);
  }
}

TEST(Compile, DescribesEventsAsTheyAreLaidOut) {
  const std::string declarations =
      "enum colour { RED = 1, GREEN, MINUS = -3 };\n"
      "typedef u32 level_t;\n"
      "struct point { u8 kind; u64 x; u16 y[3]; };\n"
      "EVENT(all) {\n  u8 first;\n  struct point where;\n"
      "  struct point path[2];\n  enum colour colour;\n"
      "  union { u32 word; u8 bytes[4]; };\n"
      "  union { u64 wide; struct { u16 low; u32 high; } parts; } u;\n"
      "  u32 a:3;\n  u32 b:7;\n  s32 c:5;\n  bool yes;\n"
      "  void *address;\n  level_t level;\n  s16 minus;\n  char comm[16];\n"
      "  char data[];\n};\n"
      "EVENT(packed) { u8 a; u64 b; } __attribute__((packed));\n";
  const auto artifact = compile_probe(declarations + kProgram);
  ASSERT_TRUE(artifact) << why(artifact);
  ASSERT_EQ(artifact->schema.events.size(), 2U);
  EXPECT_EQ(artifact->schema.events[0].name, "all");
  EXPECT_EQ(artifact->schema.events[1].name, "packed");

  // BCC itself is asked for each offset: a program that counts differences.
  std::string sums;
  size_t count = 0;
  for (const auto& event : artifact->schema.events) {
    std::map<std::string, uint32_t> offsets;
    flatten(*artifact, event.type, "", 0, offsets);
    for (const auto& [path, offset] : offsets) {
      // An element of an array has its type's members: take the first.
      std::string c_path = path;
      if (const size_t at = c_path.find("path."); at == 0) {
        continue;
      }
      sums += "  wrong += offsetof(struct " + event.name + ", " + c_path +
              ") != " + std::to_string(offset) + ";\n";
      ++count;
    }
    const Type& type = artifact->schema.types.at(event.type);
    sums += "  wrong += sizeof(struct " + event.name +
            ") != " + std::to_string(type.size) + ";\n";
  }
  EXPECT_GE(count, 20U);
  const auto check =
      compile_probe(declarations + "int f(void *ctx) {\n  u64 wrong = 0;\n" +
                    sums + "  return wrong;\n}\n");
  ASSERT_TRUE(check) << why(check);
  const auto code = code_of(check->programs.at(0));
  ASSERT_EQ(code.size(), 2U);
  EXPECT_EQ(code[0].imm, 0);
}

TEST(Compile, DescribesTheKindsOfMembers) {
  const auto artifact = compile_probe(
      "enum colour { RED = 1, MINUS = -3 };\ntypedef u32 level_t;\n"
      "EVENT(e) {\n  char c;\n  u8 byte;\n  bool yes;\n  level_t level;\n"
      "  s16 minus;\n  enum colour colour;\n  void *address;\n"
      "  u32 a:3;\n  s32 b:7;\n  char data[];\n};\n" +
      std::string(kProgram));
  ASSERT_TRUE(artifact) << why(artifact);
  const auto& types = artifact->schema.types;
  const Type& event = types.at(artifact->schema.events.at(0).type);
  const auto type_of = [&](size_t member) -> const Type& {
    return types.at(event.members.at(member).type);
  };
  EXPECT_EQ(type_of(0).kind, Kind::kChar);
  EXPECT_EQ(type_of(1).kind, Kind::kInt);
  EXPECT_FALSE(type_of(1).is_signed);
  EXPECT_EQ(type_of(2).kind, Kind::kBool);
  EXPECT_EQ(type_of(3).name, "level_t");
  EXPECT_TRUE(type_of(4).is_signed);
  EXPECT_EQ(type_of(5).kind, Kind::kEnum);
  EXPECT_EQ(type_of(5).enumerators.at(1).name, "MINUS");
  EXPECT_EQ(type_of(5).enumerators.at(1).value, -3);
  EXPECT_EQ(type_of(6).kind, Kind::kPointer);
  EXPECT_EQ(type_of(6).size, 8U);
  EXPECT_EQ(event.members.at(7).bit_size, 3);
  EXPECT_EQ(event.members.at(8).bit_offset, 3);
  EXPECT_EQ(event.members.at(8).bit_size, 7);
  EXPECT_EQ(event.members.at(8).offset, event.members.at(7).offset);
  EXPECT_EQ(type_of(9).kind, Kind::kArray);
  EXPECT_EQ(type_of(9).count, 0U);
}

TEST(Compile, NamesTheAuthorsLineAndColumn) {
  // Behind a tracepoint's program, in front of which BCC puts ten lines.
  const Error error = failure_of(
      "TRACEPOINT_PROBE(syscalls, sys_exit_write) { return 0; }\n"
      "static int g(void) { return 0; }\n\n"
      "TRACEPOINT_PROBE(syscalls, sys_exit_read) {\n"
      "  int x = g();\n"
      "  return x + missing;\n}\n");
  EXPECT_EQ(error.message,
            "probe.bpf.c:6:14: error: use of undeclared identifier 'missing'");
  EXPECT_NE(error.detail.find("  return x + missing;"), std::string::npos);
  EXPECT_EQ(error.detail.find("BPF_LICENSE"), std::string::npos);
  EXPECT_EQ(failure_of("int f(void *ctx) { return missing; }\n").message,
            "probe.bpf.c:1:27: error: use of undeclared identifier 'missing'");
}

TEST(Compile, NamesTheIncludedFilesLine) {
  const TestDirectory includes;
  includes.write("helper.h", "\nstatic int g(void) {\n  return missing;\n}\n");
  Request request =
      request_for("#include \"helper.h\"\n" + std::string(kProgram));
  request.include_dir = includes.path();
  const auto artifact = compile_probe(request);
  ASSERT_FALSE(artifact);
  EXPECT_EQ(artifact.error().message,
            includes.path() +
                "/helper.h:3:10: error: use of undeclared identifier "
                "'missing'");
}

TEST(Compile, ReportsUnknownFunctionsAndTracepoints) {
  EXPECT_TRUE(failure_of("int f(void *ctx) { return nowhere(1); }\n")
                  .message.starts_with("probe.bpf.c:1:27: error: implicit "
                                       "declaration of function 'nowhere'"));
  EXPECT_NE(
      failure_of("TRACEPOINT_PROBE(no, such) { return args->x; }\n").message,
      "");
}

TEST(Compile, ReportsWhatLlvmEndsTheProcessFor) {
  const Error error = failure_of(
      "int f(void *ctx) {\n  char x[800];\n"
      "  bpf_probe_read_user(x, sizeof(x), ctx);\n"
      "  return x[799];\n}\n");
  EXPECT_TRUE(error.message.starts_with(
      "probe.bpf.c: error: in function f: Looks like the BPF stack limit"))
      << error.message;
  EXPECT_EQ(error.detail.find("BPF_LICENSE"), std::string::npos)
      << error.detail;
}

TEST(Compile, ShowsTheTextAsBccRewroteIt) {
  const auto artifact = compile_probe(
      "BPF_HASH(seen, u32, u64);\n"
      "int f(void *ctx) {\n  u32 key = 0;\n  return !seen.lookup(&key);\n}\n");
  ASSERT_TRUE(artifact) << why(artifact);
  const std::string& text = artifact->rewritten_source;
  EXPECT_TRUE(text.starts_with("BPF_HASH(seen, u32, u64);\n")) << text;
  EXPECT_NE(text.find("bpf_map_lookup_elem"), std::string::npos) << text;
  EXPECT_EQ(text.find("#line"), std::string::npos) << text;
  EXPECT_EQ(text.find(kSchemaFunction), std::string::npos) << text;
}

TEST(Explain, GivesTheVerifiersLogWithTheAuthorsLines) {
  mount_tracefs();
  Request request = request_for(
      "TRACEPOINT_PROBE(syscalls, sys_exit_write) {\n"
      "  u64 *wild = (u64 *)bpf_ktime_get_ns();\n"
      "  return *wild;\n}\n");
  request.explain = "tracepoint__syscalls__sys_exit_write";
  const auto log =
      artifact::explain(worker_path(), request, std::chrono::seconds(60));
  ASSERT_TRUE(log) << why(log);
  EXPECT_NE(log->find("invalid mem access"), std::string::npos) << *log;
  EXPECT_NE(log->find("; u64 *wild = (u64 *)bpf_ktime_get_ns();"),
            std::string::npos)
      << *log;
  request.explain = "nowhere";
  EXPECT_FALSE(
      artifact::explain(worker_path(), request, std::chrono::seconds(60)));
}

TEST(Explain, IsEmptyWhereTheVerifierAgrees) {
  Request request = request_for(kProgram);
  request.explain = "f";
  const auto log =
      artifact::explain(worker_path(), request, std::chrono::seconds(60));
  ASSERT_TRUE(log) << why(log);
  EXPECT_EQ(*log, "");
}

// Directories that a worker without mounts of its own left behind.
size_t left_behind() {
  size_t count = 0;
  for (const auto& each : std::filesystem::directory_iterator("/tmp")) {
    count += each.path().filename().string().starts_with("tracer-bcc.");
  }
  return count;
}

TEST(Sandbox, IsNotNeeded) {
  const TestDirectory folder;
  // Root that may do anything but mount.
  folder.write("worker",
               "#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
               "exec setpriv --bounding-set -sys_admin --inh-caps "
               "-sys_admin " +
                   worker_path() + " \"$@\"\n");
  std::filesystem::permissions(folder.path() + "/worker",
                               std::filesystem::perms::owner_all);
  const std::string worker = folder.path() + "/worker";
  mount_tracefs();
  const size_t before = left_behind();
  const auto good = artifact::compile(worker, request_for(kProgram),
                                      std::chrono::seconds(60));
  EXPECT_TRUE(good) << why(good);
  // LLVM ends the process itself here.
  const auto bad = artifact::compile(
      worker,
      request_for("int f(void *ctx) {\n  char x[800];\n"
                  "  bpf_probe_read_user(x, sizeof(x), ctx);\n"
                  "  return x[799];\n}\n"),
      std::chrono::seconds(60));
  EXPECT_FALSE(bad);
  EXPECT_EQ(left_behind(), before);
}

TEST(Worker, IsOfNoUseWithoutItsParent) {
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDERR_FILENO);
    execl(worker_path().c_str(), "tracer-bcc", "1", nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

}  // namespace
}  // namespace tracer::compiler
