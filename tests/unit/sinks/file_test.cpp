// SPDX-License-Identifier: Apache-2.0
#include "sinks/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>

#include "../temporary.h"

namespace tracer::sinks {
namespace {

constexpr uid_t kSomebody = 65534;
constexpr uid_t kSomebodyElse = 65533;

class FileSinkTest : public testing::Test {
 protected:
  // As in the program: a closed pipe is no reason to be killed.
  FileSinkTest() { signal(SIGPIPE, SIG_IGN); }
  ~FileSinkTest() override { signal(SIGPIPE, SIG_DFL); }

  void open_sink(Fd fd) {
    sink_.emplace(std::move(fd), [this] { failed_.set_value(); });
  }
  void wait_for_failure() { failed_.get_future().wait(); }

  TemporaryFolder folder_;
  Pipe pipe_;
  std::promise<void> failed_;
  std::optional<FileSink> sink_;
};

TEST_F(FileSinkTest, WritesEverythingInOrder) {
  const std::string path = folder_.path("out");
  open_sink(Fd(open(path.c_str(), O_WRONLY | O_CREAT, 0600)));
  std::string expected;
  for (int i = 0; i < 10'000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    sink_->write(line);
    expected += line;
  }
  ASSERT_TRUE(sink_->finish());
  EXPECT_EQ(read_file(path).value(), expected);
}

TEST_F(FileSinkTest, HasNothingToWriteWithoutAWord) {
  open_sink(std::move(pipe_.writing));
  EXPECT_TRUE(sink_->finish());
  EXPECT_TRUE(sink_->finish());
  EXPECT_FALSE(sink_->closed_pipe());
  sink_.reset();
  EXPECT_EQ(pipe_.read_all(), "");
}

TEST_F(FileSinkTest, WritesTheRestWhenItIsDestroyed) {
  open_sink(std::move(pipe_.writing));
  sink_->write("the end\n");
  sink_.reset();
  EXPECT_EQ(pipe_.read_all(), "the end\n");
}

TEST_F(FileSinkTest, SaysThatAPipeIsClosedButIsNotAnError) {
  pipe_.reading.reset();
  open_sink(std::move(pipe_.writing));
  sink_->write("nobody reads this\n");
  wait_for_failure();
  EXPECT_TRUE(sink_->closed_pipe());
  sink_->write("nor this\n");
  EXPECT_TRUE(sink_->finish());
}

TEST_F(FileSinkTest, SaysHowMuchAFullDiskDidNotTake) {
  open_sink(Fd(open("/dev/full", O_WRONLY)));
  sink_->write("123456789\n");
  wait_for_failure();
  sink_->write("123456789\n");
  const Result<void> result = sink_->finish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "cannot write the results: No space left on device (20 bytes not "
            "written)");
  EXPECT_NE(result.error().hint, "");
  EXPECT_FALSE(sink_->closed_pipe());
}

TEST_F(FileSinkTest, MakesItsWriterWaitAndLosesNothing) {
  fcntl(pipe_.writing.get(), F_SETPIPE_SZ, 4096);
  open_sink(std::move(pipe_.writing));
  // More than the pipe and the sink hold together.
  const std::string part(size_t{1} << 20, 'x');
  constexpr size_t kParts = 2 * FileSink::kLimit / (size_t{1} << 20);
  std::atomic<size_t> written = 0;
  auto writer = std::async(std::launch::async, [&] {
    for (size_t i = 0; i < kParts; ++i) {
      sink_->write(part);
      ++written;
    }
    EXPECT_TRUE(sink_->finish());
    sink_.reset();
  });
  size_t got = 0;
  std::string buffer(1 << 16, ' ');
  // What is out of write()'s hands is in the pipe, or at most in two buffers.
  while (const ssize_t more =
             read(pipe_.reading.get(), buffer.data(), buffer.size())) {
    got += static_cast<size_t>(more);
    ASSERT_LE(written * part.size(),
              got + 2 * FileSink::kLimit + 4 * part.size());
  }
  writer.get();
  EXPECT_EQ(got, kParts * part.size());
}

TEST_F(FileSinkTest, LetsAWaitingWriterGoWhenThePipeCloses) {
  open_sink(std::move(pipe_.writing));
  auto writer = std::async(std::launch::async, [&] {
    for (int i = 0; i < 64; ++i) {
      sink_->write(std::string(size_t{1} << 20, 'x'));
    }
  });
  char byte = 0;
  ASSERT_EQ(read(pipe_.reading.get(), &byte, 1), 1);
  pipe_.reading.reset();
  writer.get();
  EXPECT_TRUE(sink_->closed_pipe());
}

TEST_F(FileSinkTest, WaitsForADescriptorThatDoesNotBlock) {
  fcntl(pipe_.writing.get(), F_SETFL, O_NONBLOCK);
  open_sink(std::move(pipe_.writing));
  const std::string text(1 << 20, 'x');
  sink_->write(text);
  auto reader =
      std::async(std::launch::async, [&] { return pipe_.read_all(); });
  EXPECT_TRUE(sink_->finish());
  sink_.reset();
  EXPECT_EQ(reader.get(), text);
}

class OpenOutputTest : public testing::Test {
 protected:
  static struct stat status_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status;
  }
  /// A folder in which everybody may make files, as /tmp.
  std::string sticky_folder() {
    const std::string path = folder_.path("sticky");
    EXPECT_EQ(mkdir(path.c_str(), 0700), 0);
    EXPECT_EQ(chmod(path.c_str(), 01777), 0);
    return path;
  }

  TemporaryFolder folder_;
  User owner_{.uid = geteuid(), .gid = getegid(), .name = "owner"};
  User somebody_{.uid = kSomebody, .gid = kSomebody, .name = "nobody"};
};

class OpenOutputAsRootTest : public OpenOutputTest {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
  }
};

TEST_F(OpenOutputTest, MakesAFileForItsOwnerAlone) {
  const mode_t mask = umask(0);
  const std::string path = folder_.path("out");
  EXPECT_TRUE(open_output(path, owner_));
  umask(mask);
  EXPECT_EQ(status_of(path).st_mode, S_IFREG | 0600);
}

TEST_F(OpenOutputAsRootTest, GivesANewFileToWhoCalled) {
  EXPECT_TRUE(open_output(folder_.path("out"), somebody_));
  EXPECT_EQ(status_of(folder_.path("out")).st_uid, kSomebody);
  EXPECT_EQ(status_of(folder_.path("out")).st_gid, kSomebody);
}

TEST_F(OpenOutputTest, TruncatesAFileAndHidesIt) {
  const std::string path = folder_.write("out", "old results");
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  ASSERT_TRUE(open_output(path, somebody_));
  EXPECT_EQ(status_of(path).st_size, 0);
  EXPECT_EQ(status_of(path).st_mode, S_IFREG | 0600);
  EXPECT_EQ(status_of(path).st_uid, geteuid()) << "it is whose it was";
}

TEST_F(OpenOutputAsRootTest, DoesNotFollowALinkOfSomebodyElseInAStickyFolder) {
  const std::string victim = folder_.write("victim", "precious");
  const std::string link = sticky_folder() + "/out";
  ASSERT_EQ(symlink(victim.c_str(), link.c_str()), 0);
  ASSERT_EQ(lchown(link.c_str(), kSomebodyElse, kSomebodyElse), 0);
  const Result<Fd> fd = open_output(link, somebody_);
  ASSERT_FALSE(fd);
  EXPECT_NE(fd.error().message.find("belongs to somebody else"),
            std::string::npos);
  EXPECT_EQ(read_file(victim).value(), "precious");
}

TEST_F(OpenOutputTest, FollowsOnesOwnLinkInAStickyFolder) {
  const std::string file = folder_.write("file", "old");
  const std::string link = sticky_folder() + "/out";
  ASSERT_EQ(symlink(file.c_str(), link.c_str()), 0);
  EXPECT_TRUE(open_output(link, owner_));
  EXPECT_EQ(read_file(file).value(), "");
}

TEST_F(OpenOutputTest, FollowsALinkElsewhere) {
  const std::string file = folder_.write("file", "old");
  const std::string link = folder_.path("link");
  ASSERT_EQ(symlink(file.c_str(), link.c_str()), 0);
  if (geteuid() == 0) {
    ASSERT_EQ(lchown(link.c_str(), kSomebodyElse, kSomebodyElse), 0);
  }
  EXPECT_TRUE(open_output(link, owner_));
  EXPECT_EQ(read_file(file).value(), "");
}

TEST_F(OpenOutputAsRootTest, MakesTheFileThatALinkNames) {
  const std::string file = folder_.path("new");
  ASSERT_EQ(symlink(file.c_str(), folder_.path("link").c_str()), 0);
  EXPECT_TRUE(open_output(folder_.path("link"), somebody_));
  EXPECT_EQ(status_of(file).st_mode, S_IFREG | 0600);
  EXPECT_EQ(status_of(file).st_uid, kSomebody);
}

TEST_F(OpenOutputTest, OpensDevicesAndLeavesThemAsTheyAre) {
  const mode_t mode = status_of("/dev/full").st_mode;
  EXPECT_TRUE(open_output("/dev/full", owner_));
  EXPECT_EQ(status_of("/dev/full").st_mode, mode);
}

TEST_F(OpenOutputTest, SaysWhatIsWrong) {
  const std::string path = folder_.path("no/such/out");
  const Result<Fd> missing = open_output(path, owner_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "cannot write to " + path + ": No such file or directory");
  const Result<Fd> of_folder = open_output(folder_.path(), owner_);
  ASSERT_FALSE(of_folder);
  EXPECT_EQ(of_folder.error().message,
            "cannot write to " + folder_.path() + ": Is a directory");
}

}  // namespace
}  // namespace tracer::sinks
