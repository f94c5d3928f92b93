// SPDX-License-Identifier: Apache-2.0
//
// What the user names, and how that selects. Putting it into the map needs a
// kernel and is tested live.
#include "targets.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <thread>

#include "kernel/procfs.h"
#include "temporary.h"

namespace tracer {
namespace {

using Words = std::vector<std::string>;
using Pids = std::set<pid_t>;

Targets parsed(const Words& words, bool follow = true) {
  Result<Targets> targets = Targets::parse(words, follow);
  EXPECT_TRUE(targets) << targets.error().message;
  return targets ? std::move(*targets) : Targets();
}

Error refused(const std::string& word) {
  const Result<Targets> targets = Targets::parse({word}, true);
  EXPECT_FALSE(targets) << word;
  return targets ? Error{} : targets.error();
}

/// A child that runs `body` and is killed at the end of the test.
class Child {
 public:
  template <typename F>
  explicit Child(F body) : pid_(fork()) {
    if (pid_ == 0) {
      body();
      _exit(0);
    }
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string word() const { return std::to_string(pid_); }
  /// Waits for its end without taking the zombie away.
  void wait_for_end() const {
    siginfo_t info{};
    EXPECT_EQ(waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT),
              0);
  }

 private:
  pid_t pid_;
};

TEST(Targets, AreTheProcessesThatWereNamed) {
  const Child child([] { pause(); });
  const std::string self = std::to_string(getpid());
  EXPECT_EQ(parsed({self, child.word(), self}).roots(),
            (Pids{getpid(), child.pid()}));
}

TEST(Targets, AreAllProcessesWhereNoneWasNamed) {
  const Targets targets = parsed({});
  EXPECT_EQ(targets.mode(), Targets::Mode::kAllButTree);
  EXPECT_FALSE(targets.follow()) << "there is no tree";
  EXPECT_EQ(targets.describe(), "all processes");
}

TEST(Targets, SelectByTreeUnlessItIsOneProcessAlone) {
  const Child child([] { pause(); });
  const std::string self = std::to_string(getpid());
  EXPECT_EQ(parsed({self}).mode(), Targets::Mode::kTree);
  EXPECT_TRUE(parsed({self}).follow());
  EXPECT_EQ(parsed({self}, false).mode(), Targets::Mode::kOneProcess);
  EXPECT_FALSE(parsed({self}, false).follow());
  EXPECT_EQ(parsed({self, child.word()}, false).mode(), Targets::Mode::kTree);
}

TEST(Targets, IncludeTheCommand) {
  Targets targets = parsed({});
  targets.add_command(4711);
  EXPECT_EQ(targets.roots(), Pids{4711});
  EXPECT_EQ(targets.mode(), Targets::Mode::kTree);
}

TEST(Targets, MustBeNumbers) {
  for (const char* word : {"", "x", "1x", "1.5", "0", "-1", "2147483648",
                           "99999999999999999999", " 1"}) {
    const Error error = refused(word);
    EXPECT_EQ(error.message, std::string("not a process id: ") + word);
    EXPECT_EQ(error.status, kUsage);
  }
}

TEST(Targets, MustBeThere) {
  // Above the largest number that the kernel gives.
  const Error error = refused("2147483647");
  EXPECT_EQ(error.message, "no such process: 2147483647");
  EXPECT_EQ(error.status, kFailed);
}

TEST(Targets, MustNotHaveEnded) {
  const Child zombie([] {});
  zombie.wait_for_end();
  EXPECT_EQ(refused(zombie.word()).message,
            "process " + zombie.word() + " has ended already");
}

TEST(Targets, MayHaveLostTheirFirstThread) {
  Pipe gone;
  const Child child([&] {
    std::thread([&, first = getpid()] {
      // The process is a zombie by its state when its first thread has ended.
      while (kernel::read_stat("/proc", first)->state != 'Z') {
        std::this_thread::yield();
      }
      static_cast<void>(write_all(gone.writing.get(), std::string("x")));
      pause();
    }).detach();
    syscall(SYS_exit, 0);
  });
  char byte = 0;
  ASSERT_EQ(read(gone.reading.get(), &byte, 1), 1);
  EXPECT_EQ(parsed({child.word()}).roots(), Pids{child.pid()});
}

TEST(Targets, MayBeNamedByAThread) {
  std::promise<pid_t> tid;
  std::promise<void> done;
  std::thread thread([&] {
    tid.set_value(gettid());
    done.get_future().wait();
  });
  testing::internal::CaptureStderr();
  EXPECT_EQ(parsed({std::to_string(tid.get_future().get())}).roots(),
            Pids{getpid()});
  EXPECT_NE(testing::internal::GetCapturedStderr().find("is a thread of"),
            std::string::npos);
  done.set_value();
  thread.join();
}

TEST(Targets, AreNotBlindFor64BitPrograms) {
  EXPECT_TRUE(parsed({std::to_string(getpid())}).blind_spots().empty());
}

}  // namespace
}  // namespace tracer
