// SPDX-License-Identifier: Apache-2.0
#include "artifact/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/bytes.h"
#include "base/fd.h"

namespace tracer::artifact {
namespace {

constexpr uint32_t kRequestMagic = 0x72637274;  // "trcr"

// A worker that must remove files gets this long to do so.
constexpr std::chrono::milliseconds kGrace{200};

// A memfd whose number is above those that the worker's will have, so that
// handing them over in any order overwrites none.
Result<Fd> make_memory(const char* name) {
  const Fd low(memfd_create(name, MFD_CLOEXEC));
  Fd fd(low ? fcntl(low.get(), F_DUPFD_CLOEXEC, kArtifactFd + 1) : -1);
  if (!fd) {
    return fail_errno("memfd_create", errno);
  }
  return fd;
}

struct Outcome {
  int status = 0;  // as of waitpid(2)
  bool timed_out = false;
  std::string printed;
  std::string answer;
};

bool ended_within(int pidfd, std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - Clock::now());
    pollfd ended{.fd = pidfd, .events = POLLIN, .revents = 0};
    const int ready =
        poll(&ended, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready > 0) {
      return true;
    }
    if (ready == 0 || errno != EINTR) {
      return false;
    }
  }
}

// The worker with these descriptors, nothing else of ours, and default
// signals: the tracer blocks some to read them from a descriptor.
Result<pid_t> spawn(const std::string& path, int request, int output,
                    int answer) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, request, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&files, answer, kArtifactFd);
  posix_spawn_file_actions_addclosefrom_np(&files, kArtifactFd + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);

  std::string program = path;
  std::string parent = std::to_string(getpid());
  std::array<char*, 3> arguments = {program.data(), parent.data(), nullptr};
  // An empty environment: what libbcc reads from it would change the result.
  std::array<char*, 1> environment = {nullptr};
  pid_t pid = -1;
  const int problem = posix_spawn(&pid, path.c_str(), &files, &attributes,
                                  arguments.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (problem != 0) {
    return fail("cannot start the compiler " + path + ": " + strerror(problem),
                "tracer-bcc belongs beside tracer: reinstall or rebuild it");
  }
  return pid;
}

Result<Outcome> run(const std::string& worker_path, const Request& request,
                    std::chrono::milliseconds timeout) {
  const Fd input = TRY(make_memory("tracer request"));
  const Fd output = TRY(make_memory("tracer compiler output"));
  const Fd answer = TRY(make_memory("tracer artifact"));
  // stdout and stderr are one file: each write goes to its end.
  fcntl(output.get(), F_SETFL, O_APPEND);
  if (auto sent = write_all(input.get(), encode(request)); !sent) {
    return tl::unexpected(std::move(sent).error());
  }
  lseek(input.get(), 0, SEEK_SET);

  const pid_t pid =
      TRY(spawn(worker_path, input.get(), output.get(), answer.get()));
  // Not through glibc 2.36, whose <sys/pidfd.h> does not link from C++.
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  Outcome outcome;
  if (!ended_within(pidfd.get(), timeout)) {
    outcome.timed_out = true;
    kill(pid, SIGTERM);
    if (!ended_within(pidfd.get(), kGrace)) {
      kill(pid, SIGKILL);
    }
  }
  while (waitpid(pid, &outcome.status, 0) < 0 && errno == EINTR) {
  }
  outcome.printed = TRY(read_whole(output.get()));
  outcome.answer = TRY(read_whole(answer.get()));
  return outcome;
}

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

// LLVM's own form for what its back end refuses, put into clang's:
// "error: FILE:LINE:COLUMN: in function NAME TYPE: TEXT".
std::string in_clang_form(std::string_view line) {
  constexpr std::string_view kError = "error: ";
  constexpr std::string_view kFunction = ": in function ";
  const size_t function = line.find(kFunction);
  if (!line.starts_with(kError) || function == line.npos) {
    return std::string(line);
  }
  std::string_view place = line.substr(kError.size(), function - kError.size());
  std::string_view rest = line.substr(function + kFunction.size());
  const std::string name(rest.substr(0, rest.find(' ')));
  // The type has colons in no case: what follows the first is the text.
  if (const size_t text = rest.find(": "); text != rest.npos) {
    rest.remove_prefix(text + 2);
  }
  // "FILE:0:0" where it does not know the line.
  if (constexpr std::string_view kNowhere = ":0:0"; place.ends_with(kNowhere)) {
    place.remove_suffix(kNowhere.size());
  }
  std::string out;
  if (!place.starts_with("<unknown>")) {
    out.append(place).append(": ");
  }
  return out.append(kError) + "in function " + name + ": " + std::string(rest);
}

// The line to show if only one can be shown: the first error, or else the
// first thing that was said.
std::string first_diagnostic(std::string_view printed) {
  std::string_view first;
  for (std::string_view rest = printed; !rest.empty();) {
    const std::string_view line = first_line(rest);
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.find(": error: ") != line.npos ||
        line.find(": fatal error: ") != line.npos ||
        line.starts_with("error: ")) {
      return in_clang_form(line);
    }
    if (first.empty()) {
      first = line;
    }
  }
  return std::string(first);
}

std::string hint_in(std::string_view printed) {
  const size_t at = printed.rfind(std::string("\n") + kHintPrefix);
  return at == printed.npos
             ? std::string()
             : std::string(
                   first_line(printed.substr(at + 1 + strlen(kHintPrefix))));
}

// The Error for an outcome that is not a success.
Error failure(const Request& request, const Outcome& outcome,
              std::chrono::seconds timeout) {
  Error error;
  error.detail = outcome.printed;
  if (outcome.timed_out) {
    error.message = request.file + ": the compiler did not end within " +
                    std::to_string(timeout.count()) + " s";
  } else if (WIFSIGNALED(outcome.status)) {
    error.message = request.file + ": the compiler crashed (" +
                    strsignal(WTERMSIG(outcome.status)) + ")";
    error.hint = "this is a bug in libbcc or LLVM; -v shows what it printed";
  } else {
    error.message = first_diagnostic(outcome.printed);
    error.hint = hint_in(outcome.printed);
    // What tracer puts around the text is at fault where the text does not end.
    if (const size_t text = error.message.find(": error: ");
        error.message.starts_with("<tracer>:") && text != error.message.npos) {
      error.message.erase(0, text + 2);
      error.hint = "is a } missing at the end of a function?";
    }
    if (WEXITSTATUS(outcome.status) == kScriptError) {
      error.status = kScriptError;  // what was asked for, not the text
    }
    if (error.message.empty()) {
      error.message = request.file + ": the compiler ended with status " +
                      std::to_string(WEXITSTATUS(outcome.status)) +
                      " and said nothing";
    }
  }
  return error;
}

bool succeeded(const Outcome& outcome) {
  return !outcome.timed_out && WIFEXITED(outcome.status) &&
         WEXITSTATUS(outcome.status) == 0;
}

}  // namespace

std::string encode(const Request& request) {
  ByteWriter out;
  out.number(kRequestMagic);
  out.number(kFormatVersion);
  out.text(request.file);
  out.text(request.text);
  out.text(request.include_dir);
  out.list(request.parameters, [&](const auto& parameter) {
    out.text(parameter.first);
    out.list(parameter.second, [&](int64_t value) { out.number(value); });
  });
  out.text(request.explain);
  out.number(request.without_kernel);
  return out.bytes();
}

Result<Request> decode_request(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.number<uint32_t>() != kRequestMagic ||
      in.number<uint32_t>() != kFormatVersion) {
    return fail("not a request of this version");
  }
  Request request;
  request.file = in.text();
  request.text = in.text();
  request.include_dir = in.text();
  in.list([&] {
    ParameterValue& values = request.parameters[in.text()];
    in.list([&] { in.number(values.emplace_back()); });
  });
  request.explain = in.text();
  in.number(request.without_kernel);
  if (!in.ok() || !in.at_end()) {
    return fail("a damaged request");
  }
  return request;
}

Result<Artifact> compile(const std::string& worker_path, const Request& request,
                         std::chrono::seconds timeout) {
  const Outcome outcome = TRY(run(worker_path, request, timeout));
  if (!succeeded(outcome)) {
    return tl::unexpected(failure(request, outcome, timeout));
  }
  Result<Artifact> artifact = decode(outcome.answer);
  if (!artifact) {
    Error error = std::move(artifact).error();
    error.context("the compiler's answer").context(request.file);
    error.hint = "tracer and tracer-bcc must be of one build: reinstall them";
    error.detail = outcome.printed;
    return tl::unexpected(std::move(error));
  }
  return artifact;
}

Result<std::string> explain(const std::string& worker_path,
                            const Request& request,
                            std::chrono::seconds timeout) {
  Outcome outcome = TRY(run(worker_path, request, timeout));
  if (!succeeded(outcome)) {
    return tl::unexpected(failure(request, outcome, timeout));
  }
  return std::move(outcome.printed);
}

}  // namespace tracer::artifact
