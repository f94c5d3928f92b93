// SPDX-License-Identifier: Apache-2.0
//
// tracer-bcc, the compile worker. Started by artifact/worker.cpp, which says
// in its header what is on which descriptor; of no use by itself.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "artifact/worker.h"
#include "base/fd.h"
#include "compiler/compile.h"
#include "compiler/headers.h"

namespace {

using tracer::Error;
using tracer::Result;

int report(const Error& error) {
  fprintf(stderr, "%s\n", error.message.c_str());
  if (!error.hint.empty()) {
    fprintf(stderr, "%s%s\n", tracer::artifact::kHintPrefix,
            error.hint.c_str());
  }
  return error.status;
}

Result<void> run() {
  const std::string bytes = TRY(tracer::read_whole(STDIN_FILENO));
  const auto request = TRY(tracer::artifact::decode_request(bytes));
  if (!request.explain.empty()) {
    const std::string log =
        TRY(tracer::compiler::explain(request, tracer::compiler::kKernelBtf));
    return tracer::write_all(STDOUT_FILENO, log);
  }
  const auto artifact =
      TRY(tracer::compiler::compile(request, tracer::compiler::kKernelBtf));
  return tracer::write_all(tracer::artifact::kArtifactFd,
                           tracer::artifact::encode(artifact));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "tracer-bcc is started by tracer\n");
    return 2;
  }
  // We die with the tracer; it may have died before we could ask for that.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != static_cast<pid_t>(strtol(argv[1], nullptr, 10))) {
    return 1;
  }
  // A crash of LLVM is an answer, and not worth a core file of 100 MB.
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);
  const Result<void> done = run();
  fflush(stdout);
  const int status = done ? 0 : report(done.error());
  fflush(stderr);
  // Without destructors and atexit: LLVM takes 3 ms to tidy up.
  _exit(status);
}
