// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "temporary.h"

namespace tracer {
namespace {

constexpr int kLong = 10'000;  // ms

class CommandTest : public testing::Test {
 protected:
  // As in the program.
  CommandTest() { signal(SIGPIPE, SIG_IGN); }
  ~CommandTest() override { signal(SIGPIPE, SIG_DFL); }

  Result<Command> try_prepare(const std::vector<std::string>& arguments) {
    // The command keeps our standard output: for the time of the fork that is
    // the pipe.
    const Fd before(fcntl(1, F_DUPFD_CLOEXEC, 3));
    dup2(output_.writing.get(), 1);
    Result<Command> command = Command::prepare(arguments, user_);
    dup2(before.get(), 1);
    return command;
  }
  Command prepare(const std::vector<std::string>& arguments) {
    Result<Command> command = try_prepare(arguments);
    EXPECT_TRUE(command) << command.error().message;
    return std::move(*command);
  }
  Command shell(const std::string& script) {
    return prepare({"/bin/sh", "-c", script});
  }
  /// Status of a command that is let run to its end.
  std::optional<int> status_of(Command command) {
    command.release();
    return command.wait(kLong);
  }
  bool has_output() {
    pollfd waiting{.fd = output_.reading.get(), .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN) != 0;
  }

  TemporaryFolder folder_;
  Pipe output_;
  User user_ = {.uid = geteuid(), .gid = getegid(), .name = "", .home = "/"};
};

TEST_F(CommandTest, EndsWithItsStatus) {
  EXPECT_EQ(status_of(shell("exit 0")), 0);
  EXPECT_EQ(status_of(shell("exit 7")), 7);
  EXPECT_EQ(status_of(shell("exit 255")), 255);
}

TEST_F(CommandTest, EndsWith128AndTheSignalThatKilledIt) {
  EXPECT_EQ(status_of(shell("kill -TERM $$")), 143);
  EXPECT_EQ(status_of(shell("kill -KILL $$")), 137);
}

TEST_F(CommandTest, KeepsItsStatus) {
  Command command = shell("exit 7");
  command.release();
  EXPECT_EQ(command.wait(kLong), 7);
  EXPECT_EQ(command.wait(0), 7);
  EXPECT_FALSE(command.start_failure());
}

TEST_F(CommandTest, DoesNothingBeforeItIsReleased) {
  Command command = shell("echo started");
  EXPECT_EQ(command.wait(50), std::nullopt);
  EXPECT_FALSE(has_output());
  command.release();
  EXPECT_EQ(command.wait(kLong), 0);
  EXPECT_TRUE(has_output());
  EXPECT_EQ(output_.read_all(), "started\n");
}

TEST_F(CommandTest, GetsItsArgumentsAsTheyAre) {
  EXPECT_EQ(status_of(prepare({"printf", "<%s>", "a b", "", "*"})), 0);
  EXPECT_EQ(output_.read_all(), "<a b><><*>");
}

TEST_F(CommandTest, EndsWithUsIfItWasNeverReleased) {
  pid_t pid = 0;
  {
    const Command command = shell("echo started");
    pid = command.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1) << "it is waited for, too";
  EXPECT_EQ(output_.read_all(), "");
}

TEST_F(CommandTest, EndsIfWeAreKilledBeforeItIsReleased) {
  // The child of a child: its end shows in the pipe that it holds.
  Pipe pids;
  const pid_t tracer = fork();
  if (tracer == 0) {
    pids.reading.reset();
    Command command = shell("echo started");
    const std::string pid = std::to_string(command.pid());
    static_cast<void>(write_all(pids.writing.get(), pid));
    kill(getpid(), SIGKILL);
  }
  waitpid(tracer, nullptr, 0);
  EXPECT_NE(pids.read_all(), "") << "it was there";
  EXPECT_EQ(output_.read_all(), "") << "returns when nobody holds the pipe";
}

TEST_F(CommandTest, SaysEarlyThatThereIsNoSuchProgram) {
  const TemporaryVariable search("PATH", folder_.path().c_str());
  const auto bare = try_prepare({"no-such-program"});
  ASSERT_FALSE(bare);
  EXPECT_EQ(bare.error().status, 127);
  EXPECT_EQ(bare.error().message, "no-such-program: command not found");
  const auto path = try_prepare({folder_.path("none")});
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().status, 127);
}

TEST_F(CommandTest, SaysEarlyThatAFileIsNoProgram) {
  const std::string plain = folder_.write("plain", "text");
  for (const std::string& path : {plain, folder_.path()}) {
    const auto command = try_prepare({path});
    ASSERT_FALSE(command) << path;
    EXPECT_EQ(command.error().status, 126);
    EXPECT_EQ(command.error().message, path + ": Permission denied");
    EXPECT_NE(command.error().hint, "");
  }
}

TEST_F(CommandTest, SaysAtItsEndWhyItCouldNotBeStarted) {
  // What cannot be known beforehand: there is no such interpreter.
  const std::string script = folder_.write("script", "#!/no/such/shell\n");
  chmod(script.c_str(), 0755);
  Command command = prepare({script});
  command.release();
  EXPECT_EQ(command.wait(kLong), 127);
  const std::optional<Error> failure = command.start_failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->message, script + ": No such file or directory");
  EXPECT_EQ(failure->status, 127);
}

TEST_F(CommandTest, IsTerminated) {
  Command command = shell("echo started; exec cat /dev/zero >/dev/null");
  command.release();
  char byte = 0;
  ASSERT_EQ(read(output_.reading.get(), &byte, 1), 1);
  command.terminate();
  EXPECT_EQ(command.wait(kLong), 143);
  command.terminate();
}

TEST_F(CommandTest, IsTerminatedBeforeItIsReleased) {
  Command command = shell("echo started");
  command.terminate();
  EXPECT_EQ(command.wait(kLong), 143);
  command.release();
  EXPECT_EQ(output_.read_all(), "");
}

TEST_F(CommandTest, ShowsItsEndOnItsDescriptor) {
  Command command = shell("exit 0");
  pollfd ended{.fd = command.pidfd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&ended, 1, 0), 0);
  command.release();
  EXPECT_EQ(poll(&ended, 1, kLong), 1);
}

TEST_F(CommandTest, FindsSignalsAsAShellLeavesThem) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  Command command =
      prepare({"grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"});
  sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(status_of(std::move(command)), 0);
  EXPECT_EQ(output_.read_all(),
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(CommandTest, HoldsNoDescriptorOfOurs) {
  const std::string list = "exec ls -x /proc/self/fd";
  EXPECT_EQ(status_of(shell(list)), 0);
  // Who started the tests may have left them open descriptors.
  FILE* other = popen(list.c_str(), "r");
  char expected[256] = {};
  ASSERT_NE(fgets(expected, sizeof expected, other), nullptr);
  pclose(other);
  EXPECT_EQ(output_.read_all(), expected);
}

class CommandAsRootTest : public CommandTest {
 protected:
  void SetUp() override {
    const passwd* nobody = getpwnam("nobody");
    if (geteuid() != 0 || nobody == nullptr) {
      GTEST_SKIP() << "needs root and a user nobody";
    }
    user_ = {.uid = nobody->pw_uid,
             .gid = nobody->pw_gid,
             .name = "nobody",
             .home = "/nonexistent"};
  }
};

TEST_F(CommandAsRootTest, RunsAsTheUser) {
  EXPECT_EQ(status_of(shell("id -u; id -g; id -G")), 0);
  const std::string uid = std::to_string(user_.uid);
  const std::string gid = std::to_string(user_.gid);
  EXPECT_EQ(output_.read_all(), uid + "\n" + gid + "\n" + gid + "\n");
}

TEST_F(CommandAsRootTest, CannotBecomeRootAgain) {
  EXPECT_EQ(status_of(shell("grep -E '^(Uid|CapEff|CapPrm):' "
                            "/proc/self/status")),
            0);
  const std::string uid = std::to_string(user_.uid);
  const std::string none = ":\t0000000000000000\n";
  EXPECT_EQ(output_.read_all(), "Uid:\t" + uid + "\t" + uid + "\t" + uid +
                                    "\t" + uid + "\nCapPrm" + none + "CapEff" +
                                    none);
}

TEST_F(CommandAsRootTest, HasTheEnvironmentOfTheUser) {
  EXPECT_EQ(status_of(shell("echo $HOME $USER $LOGNAME")), 0);
  EXPECT_EQ(output_.read_all(), "/nonexistent nobody nobody\n");
}

}  // namespace
}  // namespace tracer
