// SPDX-License-Identifier: Apache-2.0
//
// The client against workers that misbehave: small shell scripts. What a real
// worker answers is tested in tests/unit/compiler.
#include "artifact/worker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace tracer::artifact {
namespace {

using std::chrono::seconds;

// A worker made of shell, removed at the end.
class FakeWorker {
 public:
  explicit FakeWorker(const std::string& script) {
    std::string path = "/tmp/fake-worker.XXXXXX";
    const int fd = mkstemp(path.data());
    const std::string text = "#!/bin/sh\n" + script + "\n";
    EXPECT_EQ(write(fd, text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
    fchmod(fd, 0700);
    close(fd);
    path_ = path;
  }
  ~FakeWorker() { unlink(path_.c_str()); }
  FakeWorker(const FakeWorker&) = delete;
  FakeWorker& operator=(const FakeWorker&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Request sample() {
  return {.file = "write.bpf.c",
          .text = "int x;\n",
          .include_dir = "/usr/share/tracer/probes/include",
          .parameters = {{"bytes", {256}}, {"fd", {1, -2}}, {"none", {}}},
          .explain = "tracepoint__a__b",
          .without_kernel = true};
}

Error failure_of(const std::string& script, seconds timeout = seconds(10)) {
  const FakeWorker worker(script);
  const Result<Artifact> result = compile(worker.path(), sample(), timeout);
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

TEST(Request, ComesBackAsItWas) {
  const std::string bytes = encode(sample());
  const Result<Request> back = decode_request(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), bytes);
  EXPECT_EQ(back->parameters, sample().parameters);
  EXPECT_EQ(back->explain, sample().explain);
  EXPECT_TRUE(back->without_kernel);
}

TEST(Request, IsRejectedWhereverItIsCut) {
  const std::string bytes = encode(sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_request(std::string_view(bytes).substr(0, size)))
        << size;
  }
  EXPECT_FALSE(decode_request(bytes + '\0'));
}

TEST(Worker, ThatIsNotThereIsAnErrorWithAHint) {
  const auto result = compile("/nonexistent/tracer-bcc", sample(), seconds(1));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "cannot start the compiler /nonexistent/tracer-bcc: No such file "
            "or directory");
  EXPECT_NE(result.error().hint, "");
}

TEST(Worker, ThatHangsIsEnded) {
  const auto start = std::chrono::steady_clock::now();
  const Error error = failure_of("exec /bin/sleep 100", seconds(1));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
  EXPECT_EQ(error.message, "write.bpf.c: the compiler did not end within 1 s");
}

TEST(Worker, ThatHangsAndIgnoresSignalsIsKilled) {
  const auto start = std::chrono::steady_clock::now();
  failure_of("trap '' TERM INT HUP; while :; do :; done", seconds(1));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
}

TEST(Worker, ThatCrashesIsAnError) {
  const Error error = failure_of("echo last words >&2; kill -SEGV $$");
  EXPECT_EQ(error.message,
            "write.bpf.c: the compiler crashed (Segmentation fault)");
  EXPECT_EQ(error.detail, "last words\n");
}

TEST(Worker, ThatSaysNothingIsAnError) {
  EXPECT_EQ(failure_of("exit 7").message,
            "write.bpf.c: the compiler ended with status 7 and said nothing");
}

TEST(Worker, ThatAnswersWithGarbageIsAnError) {
  EXPECT_EQ(failure_of("echo garbage >&3").message,
            "write.bpf.c: the compiler's answer: not a compiled probe of this "
            "version");
  EXPECT_NE(failure_of("exit 0").message, "");
}

TEST(Worker, ShowsTheFirstErrorAndKeepsAllThatWasSaid) {
  const Error error = failure_of(
      "echo 'w.c:1:2: warning: odd'\n"
      "echo 'w.c:3:4: error: bad' >&2\n"
      "echo 'w.c:5:6: error: worse' >&2\n"
      "echo 'hint: do better' >&2\n"
      "exit 1");
  EXPECT_EQ(error.message, "w.c:3:4: error: bad");
  EXPECT_EQ(error.hint, "do better");
  EXPECT_EQ(error.detail,
            "w.c:1:2: warning: odd\nw.c:3:4: error: bad\n"
            "w.c:5:6: error: worse\nhint: do better\n");
}

TEST(Worker, PutsTheBackEndsErrorsIntoTheSameForm) {
  EXPECT_EQ(failure_of("echo 'error: w.c:0:0: in function f i32 (i8*): too "
                       "big'; exit 1")
                .message,
            "w.c: error: in function f: too big");
  EXPECT_EQ(failure_of("echo 'error: <unknown>:0:0: in function f i32 (i8*): "
                       "too big'; exit 1")
                .message,
            "error: in function f: too big");
}

TEST(Worker, IsGivenTheRequestAndNothingElse) {
  // The open descriptors besides the shell's own for its script, and the
  // environment besides what the shell puts there.
  const int ours = open("/dev/null", O_RDONLY);
  const Error error = failure_of(
      "for fd in 4 5 6 7 8 9; do\n"
      "  if [ -e /proc/self/fd/$fd ] && [ $fd != 10 ]; then\n"
      "    case $(/bin/readlink /proc/$$/fd/$fd) in\n"
      "      /dev/null) echo leaked $fd;;\n"
      "    esac\n"
      "  fi\n"
      "done\n"
      "echo home=$HOME\n"
      "/usr/bin/head -c 4\n"
      "exit 1");
  close(ours);
  EXPECT_EQ(error.detail, "home=\ntrcr");
}

TEST(Worker, IsFreeOfTheSignalsThatTheCallerBlocks) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  const Error error = failure_of("/bin/grep SigBlk /proc/self/status; exit 1");
  sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(error.message, "SigBlk:\t0000000000000000");
}

TEST(Worker, ExplainsWithWhatItPrints) {
  const FakeWorker worker("echo '0: R1=ctx()'");
  const auto log = explain(worker.path(), sample(), seconds(10));
  ASSERT_TRUE(log);
  EXPECT_EQ(*log, "0: R1=ctx()\n");
}

}  // namespace
}  // namespace tracer::artifact
