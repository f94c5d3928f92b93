// SPDX-License-Identifier: Apache-2.0
//
// Against a /proc of our own where that can be made up, and against the real
// one for what cannot: pipes, terminals and who holds them.
#include "kernel/procfs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "../temporary.h"

namespace tracer::kernel {
namespace {

std::string stat_line(pid_t pid, const std::string& comm, pid_t parent) {
  return std::to_string(pid) + " (" + comm + ") S " + std::to_string(parent) +
         " 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 8812 9 10 184467440 "
         "1 1 0\n";
}

TEST(ParseStat, ReadsTheFieldsThatAreNeeded) {
  const auto stat = parse_stat(stat_line(4711, "bash", 42));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, 4711);
  EXPECT_EQ(stat->comm, "bash");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->ppid, 42);
  EXPECT_EQ(stat->threads, 3);
  EXPECT_EQ(stat->start_time, 8812);
}

TEST(ParseStat, IsNotFooledByAName) {
  for (const char* comm : {"", " ", ")", "(", "a) R 1 2 3", ") Z 0 (", "a\nb",
                           "((x))", "kworker/0:1 (x)"}) {
    const auto stat = parse_stat(stat_line(4711, comm, 42));
    ASSERT_TRUE(stat) << comm;
    EXPECT_EQ(stat->comm, comm);
    EXPECT_EQ(stat->state, 'S') << comm;
    EXPECT_EQ(stat->ppid, 42) << comm;
    EXPECT_EQ(stat->start_time, 8812) << comm;
  }
}

TEST(ParseStat, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", "\n", "4711", "4711 (bash)", "4711 (bash) S", "4711 )bash( S 42",
        "x (bash) S 42 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 0 3 0 8812\n",
        "4711 (bash) S 42 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3"}) {
    EXPECT_FALSE(parse_stat(text)) << text;
  }
}

TEST(ReadStat, KnowsThisProcess) {
  const auto stat = read_stat(kProc, getpid());
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, getpid());
  EXPECT_EQ(stat->ppid, getppid());
  EXPECT_GT(stat->start_time, 0);
}

/// A folder that looks like /proc as far as these readers look.
class FakeProc {
 public:
  void add(pid_t pid, pid_t parent) const {
    folder_.write(std::to_string(pid) + "/stat", stat_line(pid, "x", parent));
  }
  void add_file(const std::string& name, const std::string& text) const {
    folder_.write(name, text);
  }
  [[nodiscard]] const std::string& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

using Pids = std::set<pid_t>;

TEST(ListProcesses, TakesNumbersAlone) {
  const FakeProc proc;
  proc.add(1, 0);
  proc.add(22, 1);
  for (const char* name :
       {"self/stat", "-5/stat", "7x/stat", "sys/x", "99999999999/stat"}) {
    proc.add_file(name, "");
  }
  std::vector<pid_t> pids = list_processes(proc.path());
  std::sort(pids.begin(), pids.end());
  EXPECT_EQ(pids, (std::vector<pid_t>{1, 22}));
  EXPECT_TRUE(list_processes("/no/such/folder").empty());
}

TEST(Descendants, AreAllThatComeFromTheRoots) {
  const FakeProc proc;
  // 10 → 11 → 12, 10 → 13; 20 → 21; 30.
  for (const auto& [pid, parent] : std::vector<std::pair<pid_t, pid_t>>{
           {10, 1}, {11, 10}, {12, 11}, {13, 10}, {20, 1}, {21, 20}, {30, 1}}) {
    proc.add(pid, parent);
  }
  EXPECT_EQ(descendants(proc.path(), {10}), (Pids{10, 11, 12, 13}));
  EXPECT_EQ(descendants(proc.path(), {11, 20}), (Pids{11, 12, 20, 21}));
  EXPECT_EQ(descendants(proc.path(), {30}), Pids{30});
  EXPECT_EQ(descendants(proc.path(), {}), Pids{});
}

TEST(Descendants, ComeToAnEndWhereProcessesAreTheirOwnAncestors) {
  const FakeProc proc;
  proc.add(10, 11);
  proc.add(11, 10);
  EXPECT_EQ(descendants(proc.path(), {10}), (Pids{10, 11}));
}

TEST(Descendants, LeaveOutWhoHasNoStat) {
  const FakeProc proc;
  proc.add(10, 1);
  proc.add_file("11/stat", "");
  proc.add_file("12/status", "");
  EXPECT_EQ(descendants(proc.path(), {10}), Pids{10});
}

/// A process with these links; roots and executables need not exist.
void add_identity(const FakeProc& proc, const std::string& exe,
                  const std::string& root) {
  proc.add_file("8/status",
                "Name:\tUid: 3\nState:\tS (sleeping)\nThreads:\t1\n"
                "Uid:\t1000\t1001\t1002\t1003\n");
  proc.add_file("8/cgroup", "3:cpu:/no\n0::/user.slice/a:b\n");
  const std::string folder = proc.path() + "/8/";
  for (const auto& [name, target] : {std::pair("exe", exe), {"root", root}}) {
    std::filesystem::remove(folder + name);
    std::filesystem::create_symlink(target, folder + name);
  }
}

TEST(ReadIdentity, IsTheEffectiveUserTheExecutableAndTheUnifiedCgroup) {
  const FakeProc proc;
  add_identity(proc, "/usr/bin/cat", "/");
  const auto identity = read_identity(proc.path(), 8);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->uid, 1001);
  EXPECT_EQ(identity->exe, "/usr/bin/cat");
  EXPECT_EQ(identity->cgroup, "/user.slice/a:b");
}

TEST(ReadIdentity, NamesTheExecutableAsTheProcessSeesIt) {
  const FakeProc proc;
  add_identity(proc, "/srv/jail/bin/sh", "/srv/jail");
  EXPECT_EQ(read_identity(proc.path(), 8)->exe, "/bin/sh");
  add_identity(proc, "/srv/jailer/bin/sh", "/srv/jail");
  EXPECT_EQ(read_identity(proc.path(), 8)->exe, "/srv/jailer/bin/sh");
}

TEST(ReadIdentity, LeavesOutThatAnExecutableIsDeleted) {
  const FakeProc proc;
  add_identity(proc, "/bin/cat (deleted)", "/");
  EXPECT_EQ(read_identity(proc.path(), 8)->exe, "/bin/cat");
  add_identity(proc, "/memfd:x (deleted)", "/");
  EXPECT_EQ(read_identity(proc.path(), 8)->exe, "/memfd:x");
}

TEST(ReadIdentity, KeepsANameThatReallyEndsInDeleted) {
  const FakeProc proc;
  proc.add_file("root/cat (deleted)", "");
  // What a path that begins there leads to, and the link says the same.
  const std::string exe = proc.path() + "/root/cat (deleted)";
  add_identity(proc, exe, "/");
  EXPECT_EQ(read_identity(proc.path(), 8)->exe, exe);
}

TEST(ReadIdentity, LeavesOutProcessesThatHaveEnded) {
  const FakeProc proc;
  EXPECT_FALSE(read_identity(proc.path(), 8));
  proc.add_file("8/status",
                "Name:\tx\nState:\tZ (zombie)\nThreads:\t1\n"
                "Uid:\t0\t0\t0\t0\n");
  EXPECT_FALSE(read_identity(proc.path(), 8));
  // The first thread has ended, but there are others.
  proc.add_file("8/status",
                "Name:\tx\nState:\tZ (zombie)\nThreads:\t2\n"
                "Uid:\t0\t0\t0\t0\n");
  EXPECT_TRUE(read_identity(proc.path(), 8));
}

TEST(UnifiedCgroups, AreThereWhereAProcessHasOne) {
  const FakeProc proc;
  proc.add_file("self/cgroup", "1:cpu:/\n");
  EXPECT_FALSE(has_unified_cgroups(proc.path()));
  proc.add_file("self/cgroup", "1:cpu:/\n0::/\n");
  EXPECT_TRUE(has_unified_cgroups(proc.path()));
}

TEST(ProcessOfThread, IsItsThreadGroup) {
  const FakeProc proc;
  proc.add_file("8/status",
                "Name:\tTgid: 3\nUmask:\t0022\nTgid:\t7\nPid:\t8\n");
  EXPECT_EQ(process_of_thread(proc.path(), 8), 7);
  EXPECT_EQ(process_of_thread(proc.path(), 9), std::nullopt);
  proc.add_file("9/status", "Name:\tx\n");
  EXPECT_EQ(process_of_thread(proc.path(), 9), std::nullopt);
}

TEST(ProcessOfThread, FindsARealThread) {
  pid_t tid = 0;
  std::thread([&] {
    tid = gettid();
    EXPECT_NE(tid, getpid());
    EXPECT_EQ(process_of_thread(kProc, tid), getpid());
  }).join();
}

TEST(Is32Bit, LooksAtTheProgram) {
  const FakeProc proc;
  proc.add_file("1/exe",
                "\x7f"
                "ELF\x01 32 bits");
  proc.add_file("2/exe",
                "\x7f"
                "ELF\x02 64 bits");
  proc.add_file("3/exe",
                "\x7f"
                "ELF");
  proc.add_file("4/exe", "#!/bin/sh \x01");
  EXPECT_TRUE(is_32_bit(proc.path(), 1));
  for (const pid_t pid : {2, 3, 4, 5}) {
    EXPECT_FALSE(is_32_bit(proc.path(), pid)) << pid;
  }
  EXPECT_FALSE(is_32_bit(kProc, getpid()));
}

/// A process that keeps just the descriptors that it is given until the test
/// ends. Tests close their own, or they would carry the output as well.
class Holder {
 public:
  /// `fds`: a descriptor of ours and the number that it gets there.
  explicit Holder(const std::vector<std::pair<int, int>>& fds) {
    Pipe ready;
    pid_ = fork();
    if (pid_ == 0) {
      for (int i = 0; i < static_cast<int>(fds.size()); ++i) {
        dup2(fds[static_cast<size_t>(i)].first, 200 + i);
      }
      dup2(ready.writing.get(), 199);
      close_range(0, 198, 0);
      for (int i = 0; i < static_cast<int>(fds.size()); ++i) {
        dup2(200 + i, fds[static_cast<size_t>(i)].second);
        close(200 + i);
      }
      close_range(199, ~0U, 0);
      for (;;) {
        pause();
      }
    }
    // Ends when the child has closed all but what it is to hold.
    EXPECT_EQ(ready.read_all(), "");
  }
  ~Holder() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

/// A pseudo terminal.
struct Terminal {
  Terminal() {
    EXPECT_EQ(grantpt(master.get()), 0);
    EXPECT_EQ(unlockpt(master.get()), 0);
    slave = Fd(open(ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_TRUE(slave);
  }
  void close() {
    master.reset();
    slave.reset();
  }
  Fd master{posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
  Fd slave;
};

TEST(Carriers, ReadTheOutputPipe) {
  const Pipe pipe;
  const Holder source({{pipe.writing.get(), 1}});
  const Holder reader({{pipe.reading.get(), 0}});
  const Holder stranger({{pipe.writing.get(), 1}});
  const Pids found = carriers(kProc, source.pid());
  EXPECT_TRUE(found.contains(reader.pid()));
  EXPECT_FALSE(found.contains(stranger.pid())) << "it writes there as well";
  EXPECT_FALSE(found.contains(source.pid()));
}

TEST(Carriers, ReadTheErrorsToo) {
  const Pipe pipe;
  const Holder source({{pipe.writing.get(), 2}});
  const Holder reader({{pipe.reading.get(), 33}});
  EXPECT_TRUE(carriers(kProc, source.pid()).contains(reader.pid()));
}

TEST(Carriers, AreNotThoseOfOtherDescriptors) {
  const Pipe pipe;
  const Holder source({{pipe.writing.get(), 3}});
  const Holder reader({{pipe.reading.get(), 0}});
  EXPECT_FALSE(carriers(kProc, source.pid()).contains(reader.pid()));
}

TEST(Carriers, GoOnToThoseWhoReadTheirOutput) {
  // tracer | tee | cat, and what tee writes to a file of its own.
  Pipe first;
  Pipe second;
  Pipe aside;
  const Holder tracer({{first.writing.get(), 1}});
  const Holder tee({{first.reading.get(), 0},
                    {second.writing.get(), 1},
                    {aside.writing.get(), 5}});
  const Holder cat({{second.reading.get(), 0}});
  const Holder other({{aside.reading.get(), 0}});
  for (Pipe* pipe : {&first, &second, &aside}) {
    pipe->close();
  }
  const Pids found = carriers(kProc, tracer.pid());
  EXPECT_TRUE(found.contains(tee.pid()));
  EXPECT_TRUE(found.contains(cat.pid()));
  EXPECT_FALSE(found.contains(other.pid()));
}

TEST(Carriers, HoldTheMasterOfTheTerminal) {
  Terminal terminal;
  Terminal other;
  const Holder source({{terminal.slave.get(), 1}});
  const Holder emulator({{terminal.master.get(), 17}});
  const Holder stranger({{other.master.get(), 17}});
  const Holder shell({{terminal.slave.get(), 0}});
  terminal.close();
  other.close();
  const Pids found = carriers(kProc, source.pid());
  EXPECT_TRUE(found.contains(emulator.pid()));
  EXPECT_FALSE(found.contains(stranger.pid()));
  EXPECT_FALSE(found.contains(shell.pid())) << "it is on the same terminal";
}

TEST(Carriers, GoOnFromAMultiplexerToItsClientsTerminal) {
  Terminal inner;
  Terminal outer;
  const Holder source({{inner.slave.get(), 1}});
  const Holder multiplexer({{inner.master.get(), 8}, {outer.slave.get(), 9}});
  const Holder emulator({{outer.master.get(), 4}});
  inner.close();
  outer.close();
  const Pids found = carriers(kProc, source.pid());
  EXPECT_TRUE(found.contains(multiplexer.pid()));
  EXPECT_TRUE(found.contains(emulator.pid()));
}

TEST(Carriers, OfAFileOrOfNobodyAreNone) {
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  const Holder source({{null.get(), 1}, {null.get(), 2}});
  EXPECT_EQ(carriers(kProc, source.pid()), Pids{});
  EXPECT_EQ(carriers("/no/such/folder", 1), Pids{});
}

}  // namespace
}  // namespace tracer::kernel
