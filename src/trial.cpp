// SPDX-License-Identifier: Apache-2.0
#include "trial.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "artifact/worker.h"
#include "base/bytes.h"
#include "base/fd.h"
#include "base/log.h"
#include "made_recording.h"
#include "probe_request.h"
#include "recording/reader.h"
#include "replay.h"

namespace tracer {
namespace {

using script::Value;

constexpr std::chrono::seconds kCompileTimeout{60};

/// How the process of a trial ended, in its own words.
enum class Ending : uint8_t { kDone, kScriptFailed, kSpecIsWrong };

Result<Fd> open_recording(const std::string& file) {
  Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return fail("no recording " + file + ": " + strerror(errno));
  }
  return fd;
}

/// What happens in the process of a trial.
class Trial {
 public:
  Trial(const Paths& paths, const artifact::Cache& cache,
        const RunCommand& command, const Value& request)
      : paths_(paths), cache_(cache), command_(command), request_(request) {}

  /// Runs the script; the status for the process. What is to be known of it
  /// is written to `answer`.
  int run(int answer) {
    Replay replay(paths_, command_, [this](const script::Declared& declared) {
      return recording_for(declared);
    });
    const Result<int> status = replay.run();
    const Error error = status ? Error{.status = *status} : status.error();
    if (!status && !is_spec_wrong_) {
      log::error(error.message + (error.hint.empty() ? "" : "; " + error.hint));
    }
    ByteWriter out;
    out.number(status           ? Ending::kDone
               : is_spec_wrong_ ? Ending::kSpecIsWrong
                                : Ending::kScriptFailed);
    out.text(error.message);
    out.text(error.hint);
    out.text(error.detail);
    const Replay::Counts counts = replay.counts();
    out.number(counts.shown);
    out.number(counts.filtered);
    out.number(counts.left_out);
    return write_all(answer, out.bytes()) ? error.status : kFailed;
  }

 private:
  Result<Fd> recording_for(const script::Declared& declared) {
    if (request_.field("events") == nullptr && !command_.recording.empty()) {
      return spec(open_recording(command_.recording));
    }
    std::vector<recording::Probe> probes = TRY(
        command_.recording.empty() ? compiled(declared) : recorded(declared));
    return spec(make_recording(std::move(probes), request_));
  }

  /// An Error that comes by here is the spec's fault, not the script's.
  template <typename T>
  Result<T> spec(Result<T> result) {
    is_spec_wrong_ = !result;
    return result;
  }

  /// The probes with the layouts that the compiler finds.
  Result<std::vector<recording::Probe>> compiled(
      const script::Declared& declared) {
    std::vector<recording::Probe> probes;
    for (const script::DeclaredProbe& probe : declared.probes) {
      artifact::Request request =
          TRY(probe_request(paths_, probe, command_.bytes));
      request.without_kernel = true;
      std::optional<artifact::Artifact> found = cache_.find(request);
      if (!found) {
        Result<artifact::Artifact> made =
            artifact::compile(paths_.worker, request, kCompileTimeout);
        if (!made) {
          return tl::unexpected(not_compiled(probe, std::move(made).error()));
        }
        cache_.store(request, *made);
        found = std::move(*made);
      }
      probes.push_back({.name = probe.name,
                        .parameters = {},
                        .schema = std::move(found->schema)});
    }
    return probes;
  }

  static Error not_compiled(const script::DeclaredProbe& probe, Error error) {
    if (error.status == kScriptError) {
      error.context(probe.place);
    } else {
      error.context(probe.place + ": the layout of events is not known");
    }
    // The kernel shows the fields of tracepoints to root alone.
    error.hint += std::string(error.hint.empty() ? "" : "; ") +
                  (geteuid() == 0 ? "" : "root can compile more; ") +
                  "a recording has the layout as well: t.run(script, "
                  "{ recording = \"FILE.trc\", … })";
    return error;
  }

  /// The probes with the layouts that they have in a recording.
  Result<std::vector<recording::Probe>> recorded(
      const script::Declared& declared) {
    Result<std::unique_ptr<recording::Reader>> reader =
        recording::Reader::open(TRY(spec(open_recording(command_.recording))));
    if (!reader) {
      is_spec_wrong_ = true;
      return tl::unexpected(
          std::move(reader).error().context(command_.recording));
    }
    std::vector<recording::Probe> probes;
    for (const script::DeclaredProbe& probe : declared.probes) {
      const recording::Probe* found = nullptr;
      for (const recording::Probe& each : (*reader)->probes()) {
        found = each.name == probe.name ? &each : found;
      }
      if (found == nullptr) {
        is_spec_wrong_ = true;
        return fail(command_.recording + ": has no events of the probe " +
                    probe.name + " (" + probe.place + ")");
      }
      probes.push_back(
          {.name = probe.name, .parameters = {}, .schema = found->schema});
    }
    return probes;
  }

  const Paths& paths_;
  const artifact::Cache& cache_;
  const RunCommand& command_;
  const Value& request_;
  bool is_spec_wrong_ = false;
};

/// The files of a trial's process: what it prints, and its answer.
struct Outputs {
  Fd out;
  Fd err;
  Fd answer;
};

Result<Outputs> make_outputs() {
  std::array<Fd, 3> fds;
  for (Fd& fd : fds) {
    const Fd low(memfd_create("trial", MFD_CLOEXEC));
    fd = Fd(low ? fcntl(low.get(), F_DUPFD_CLOEXEC, 3) : -1);
    if (!fd) {
      return fail_errno("memfd_create", errno);
    }
  }
  return Outputs{std::move(fds[0]), std::move(fds[1]), std::move(fds[2])};
}

/// The process of a trial. It goes with us, also if its script never ends.
[[noreturn]] void run_child(pid_t parent, const Outputs& outputs,
                            Trial& trial) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const Fd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const bool ready = getppid() == parent && dup2(nothing.get(), 0) == 0 &&
                     dup2(outputs.out.get(), 1) == 1 &&
                     dup2(outputs.err.get(), 2) == 2;
  _exit(ready ? trial.run(outputs.answer.get()) : kFailed);
}

std::string end_of_process(int status) {
  return WIFSIGNALED(status)
             ? std::string("the script's process was killed: ") +
                   strsignal(WTERMSIG(status))
             : "the script ended its process with status " +
                   std::to_string(WEXITSTATUS(status));
}

/// The answer for the spec.
Result<Value> answer_of(int status, const Outputs& outputs) {
  const std::string bytes = TRY(read_whole(outputs.answer.get()));
  ByteReader in(bytes);
  const Ending ending =
      bytes.empty() ? Ending::kScriptFailed : in.number<Ending>();
  Error error{.message = in.text()};
  error.hint = in.text();
  error.detail = in.text();
  if (ending == Ending::kSpecIsWrong) {
    return tl::unexpected(std::move(error));
  }
  Value::Table answer;
  const auto put = [&answer](const char* name, Value value) {
    answer.fields.push_back({name, std::move(value)});
  };
  put("stdout", {TRY(read_whole(outputs.out.get()))});
  put("stderr", {TRY(read_whole(outputs.err.get()))});
  put("status",
      {static_cast<double>(WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                               : WEXITSTATUS(status))});
  for (const char* count : {"shown", "filtered", "left_out"}) {
    put(count, {static_cast<double>(in.number<uint64_t>())});
  }
  if (ending == Ending::kScriptFailed) {
    put("error",
        {bytes.empty()
             ? end_of_process(status)
             : error.message + (error.hint.empty() ? "" : "; " + error.hint)});
    put("traceback", {error.detail});
  }
  return Value{std::move(answer)};
}

}  // namespace

Result<Trials> Trials::create(Paths paths) {
  std::string why;
  if (auto cache = artifact::Cache::open(why)) {
    return Trials(std::move(paths), std::move(*cache), {});
  }
  // Somebody without a home: one that lasts as long as the specs do.
  std::error_code error;
  std::string folder =
      std::filesystem::temp_directory_path(error) / "tracer-test.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return fail_errno(folder, errno);
  }
  auto cache = artifact::Cache::open_at(folder, why);
  if (!cache) {
    return fail("no place for compiled probes: " + why);
  }
  return Trials(std::move(paths), std::move(*cache), std::move(folder));
}

Trials::Trials(Trials&& other) noexcept
    : paths_(std::move(other.paths_)),
      cache_(std::move(other.cache_)),
      own_folder_(std::exchange(other.own_folder_, {})) {}

Trials::~Trials() {
  std::error_code ignored;
  if (!own_folder_.empty()) {
    std::filesystem::remove_all(own_folder_, ignored);
  }
}

Result<Value> Trials::run(const RunCommand& command, const Value& request) {
  const Outputs outputs = TRY(make_outputs());
  Trial trial(paths_, cache_, command, request);
  const pid_t parent = getpid();
  fflush(nullptr);  // or a script that calls os.exit() writes it once more
  const pid_t child = fork();
  if (child < 0) {
    return fail_errno("fork", errno);
  }
  if (child == 0) {
    run_child(parent, outputs, trial);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      return fail_errno("waitpid", errno);
    }
  }
  return answer_of(status, outputs);
}

}  // namespace tracer
