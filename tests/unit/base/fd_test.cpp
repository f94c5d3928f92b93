// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "../temporary.h"

namespace tracer {
namespace {

bool is_open(int fd) {
  return fcntl(fd, F_GETFD) != -1;
}

Fd some_fd() {
  return Fd(open("/dev/null", O_RDWR | O_CLOEXEC));
}

/// A page of shared memory with a mark in it.
Mapping page_with(char mark) {
  const Fd memory(memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(ftruncate(memory.get(), 4096), 0);
  Mapping page =
      std::move(*Mapping::map(memory.get(), 4096, PROT_READ | PROT_WRITE));
  *static_cast<char*>(page.data()) = mark;
  return page;
}

TEST(Fd, ClosesWhatItOwns) {
  int number = -1;
  {
    const Fd fd = some_fd();
    number = fd.get();
    ASSERT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Fd, IsEmptyWhenMovedFrom) {
  Fd first = some_fd();
  const int number = first.get();
  const Fd second(std::move(first));
  EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(second.get(), number);
  EXPECT_TRUE(is_open(number));
}

TEST(Fd, ClosesWhatItHadWhenAnotherMovesIn) {
  Fd first = some_fd();
  Fd second = some_fd();
  const int closed = first.get();
  const int kept = second.get();
  first = std::move(second);
  EXPECT_FALSE(is_open(closed));
  EXPECT_EQ(first.get(), kept);
  EXPECT_FALSE(second);  // NOLINT(bugprone-use-after-move)
}

TEST(Fd, GivesItsDescriptorAwayOpen) {
  Fd fd = some_fd();
  const Fd taken(fd.release());
  EXPECT_FALSE(fd);
  EXPECT_TRUE(is_open(taken.get()));
}

TEST(Mapping, IsEmptyWhenMovedFrom) {
  Mapping first = page_with('a');
  Mapping second = page_with('b');
  second = std::move(first);
  EXPECT_EQ(*static_cast<char*>(second.data()), 'a');
  // NOLINTNEXTLINE(bugprone-use-after-move)
  EXPECT_EQ(first.data(), nullptr);
  EXPECT_EQ(first.size(), 0);
}

TEST(Mapping, OfWhatCannotBeMappedIsAnError) {
  EXPECT_FALSE(Mapping::map(-1, 4096, PROT_READ));
}

TEST(ReadFile, ReadsFilesWhoseSizeIsNotKnown) {
  const Result<std::string> text = read_file("/proc/self/status");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->rfind("Name:", 0), 0);
  EXPECT_EQ(text->back(), '\n');
}

TEST(ReadFile, ReadsMoreThanItsBufferHolds) {
  const TemporaryFolder folder;
  std::string text(100'000, 'x');
  text[50'000] = '\0';
  EXPECT_EQ(read_file(folder.write("large", text)).value(), text);
  EXPECT_EQ(read_file(folder.write("empty", "")).value(), "");
}

TEST(ReadFile, NamesWhatItCannotRead) {
  const TemporaryFolder folder;
  const Result<std::string> missing = read_file(folder.path("no"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            folder.path("no") + ": No such file or directory");
  const Result<std::string> of_folder = read_file(folder.path());
  ASSERT_FALSE(of_folder);
  EXPECT_EQ(of_folder.error().message.rfind(folder.path() + ": ", 0), 0);
}

TEST(ReadWhole, BeginsAtTheBeginningWhereverTheFileStands) {
  const TemporaryFolder folder;
  const Fd fd(open(folder.write("file", "abc").c_str(), O_RDONLY));
  lseek(fd.get(), 2, SEEK_SET);
  EXPECT_EQ(read_whole(fd.get()).value(), "abc");
}

TEST(WriteAll, WritesMoreThanAPipeHolds) {
  Pipe pipe;
  const std::string text(1 << 20, 'x');
  std::thread writer([&] {
    EXPECT_TRUE(write_all(pipe.writing.get(), text));
    pipe.writing.reset();
  });
  std::string got(text.size(), ' ');
  for (size_t at = 0; at < got.size();) {
    const ssize_t more =
        read(pipe.reading.get(), got.data() + at, got.size() - at);
    ASSERT_GT(more, 0);
    at += static_cast<size_t>(more);
  }
  writer.join();
  EXPECT_EQ(got, text);
}

TEST(WriteAll, SaysWhyItCannot) {
  const Fd full(open("/dev/full", O_WRONLY));
  const Result<void> result = write_all(full.get(), std::string("x"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "write: No space left on device");
}

TEST(IsSameFile, IsForRegularFilesOnly) {
  const Fd one(memfd_create("one", MFD_CLOEXEC));
  const Fd again(dup(one.get()));
  const Fd other(memfd_create("other", MFD_CLOEXEC));
  EXPECT_TRUE(is_same_file(one.get(), again.get()));
  EXPECT_FALSE(is_same_file(one.get(), other.get()));
  EXPECT_FALSE(is_same_file(some_fd().get(), some_fd().get()));
  EXPECT_FALSE(is_same_file(one.get(), -1));
}

}  // namespace
}  // namespace tracer
