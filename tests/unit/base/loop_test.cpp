// SPDX-License-Identifier: Apache-2.0
#include "base/loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <vector>

#include "../temporary.h"

namespace tracer {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAtOnce{0};
constexpr milliseconds kLong{10'000};

class LoopTest : public testing::Test {
 protected:
  void step(milliseconds timeout = kAtOnce) {
    ASSERT_TRUE(loop_.wait(timeout));
  }

  Loop loop_ = std::move(*Loop::create());
  int calls_ = 0;
  Loop::Handler count_ = [this](uint32_t) { ++calls_; };
};

TEST_F(LoopTest, CallsTheHandlerOfWhatIsReady) {
  const Notifier ready = std::move(*Notifier::create());
  const Notifier quiet = std::move(*Notifier::create());
  uint32_t reported = 0;
  ASSERT_TRUE(loop_.add(ready.fd(), EPOLLIN,
                        [&](uint32_t events) { reported = events; }));
  ASSERT_TRUE(loop_.add(quiet.fd(), EPOLLIN, count_));
  ready.notify();
  step(kLong);
  EXPECT_EQ(reported, EPOLLIN);
  EXPECT_EQ(calls_, 0);
}

TEST_F(LoopTest, ForgetsWhatWasRemoved) {
  const Notifier notifier = std::move(*Notifier::create());
  ASSERT_TRUE(loop_.add(notifier.fd(), EPOLLIN, count_));
  notifier.notify();
  loop_.remove(notifier.fd());
  loop_.remove(notifier.fd());
  step();
  EXPECT_EQ(calls_, 0);
  EXPECT_TRUE(loop_.add(notifier.fd(), EPOLLIN, count_));
  step();
  EXPECT_EQ(calls_, 1);
}

TEST_F(LoopTest, DoesNotCallWhatAnEarlierHandlerOfTheRoundRemoved) {
  const Notifier one = std::move(*Notifier::create());
  const Notifier two = std::move(*Notifier::create());
  // Whichever comes first removes the other.
  ASSERT_TRUE(loop_.add(one.fd(), EPOLLIN, [&](uint32_t) {
    ++calls_;
    loop_.remove(two.fd());
  }));
  ASSERT_TRUE(loop_.add(two.fd(), EPOLLIN, [&](uint32_t) {
    ++calls_;
    loop_.remove(one.fd());
  }));
  one.notify();
  two.notify();
  step();
  EXPECT_EQ(calls_, 1);
}

TEST_F(LoopTest, DoesNotTakeANewDescriptorForARemovedOneOfTheSameNumber) {
  const Notifier first = std::move(*Notifier::create());
  Pipe old;
  Pipe fresh;
  const int number = old.reading.get();
  ASSERT_TRUE(loop_.add(first.fd(), EPOLLIN, [&](uint32_t) {
    loop_.remove(number);
    ASSERT_EQ(dup2(fresh.reading.get(), number), number);
    ASSERT_TRUE(loop_.add(number, EPOLLIN, count_));
  }));
  ASSERT_TRUE(loop_.add(number, EPOLLIN, [](uint32_t) {}));
  first.notify();
  ASSERT_TRUE(write_all(old.writing.get(), std::string("x")));
  step();
  EXPECT_EQ(calls_, 0) << "nothing was written to the new pipe";
}

TEST_F(LoopTest, LetsAHandlerRemoveItselfWhileItRuns) {
  const Notifier notifier = std::move(*Notifier::create());
  std::vector<int> kept = {1, 2, 3};
  ASSERT_TRUE(loop_.add(notifier.fd(), EPOLLIN,
                        [this, kept, fd = notifier.fd()](uint32_t) {
                          loop_.remove(fd);
                          calls_ = kept.back();
                        }));
  notifier.notify();
  step();
  EXPECT_EQ(calls_, 3);
}

TEST_F(LoopTest, RefusesPlainFiles) {
  const TemporaryFolder folder;
  const Fd file(open(folder.write("file", "text").c_str(), O_RDONLY));
  EXPECT_FALSE(loop_.add(file.get(), EPOLLIN, count_));
}

TEST_F(LoopTest, TellsThatTheOtherEndOfAPipeHasGone) {
  Pipe pipe;
  uint32_t reported = 0;
  ASSERT_TRUE(loop_.add(pipe.writing.get(), 0,
                        [&](uint32_t events) { reported = events; }));
  step();
  EXPECT_EQ(reported, 0);
  pipe.reading.reset();
  step(kLong);
  EXPECT_EQ(reported & EPOLLERR, EPOLLERR);
}

TEST_F(LoopTest, HandlesMoreThanOneRoundHolds) {
  std::vector<Notifier> notifiers;
  for (int i = 0; i < 40; ++i) {
    notifiers.push_back(std::move(*Notifier::create()));
    const int fd = notifiers.back().fd();
    ASSERT_TRUE(loop_.add(fd, EPOLLIN, [this, fd](uint32_t) {
      loop_.remove(fd);
      ++calls_;
    }));
    notifiers.back().notify();
  }
  for (int round = 0; round < 3; ++round) {
    step();
  }
  EXPECT_EQ(calls_, 40);
}

TEST_F(LoopTest, IsWokenByANotifierUntilThatIsCleared) {
  const Notifier notifier = std::move(*Notifier::create());
  ASSERT_TRUE(loop_.add(notifier.fd(), EPOLLIN, count_));
  notifier.notify();
  notifier.notify();
  step(kLong);
  step();
  EXPECT_EQ(calls_, 2);
  notifier.clear();
  step();
  EXPECT_EQ(calls_, 2);
}

TEST_F(LoopTest, HearsATimerOnce) {
  const Fd timer = std::move(*make_timer(std::chrono::microseconds(1)));
  ASSERT_TRUE(loop_.add(timer.get(), EPOLLIN, [&](uint32_t) {
    uint64_t expirations = 0;
    EXPECT_EQ(read(timer.get(), &expirations, sizeof expirations), 8);
    calls_ += static_cast<int>(expirations);
  }));
  step(kLong);
  step();
  EXPECT_EQ(calls_, 1);
}

TEST_F(LoopTest, HearsATimerThatWasDueBeforeItWasMade) {
  for (const int64_t nanoseconds : {0, -5}) {
    const Fd timer =
        std::move(*make_timer(std::chrono::nanoseconds(nanoseconds)));
    ASSERT_TRUE(loop_.add(timer.get(), EPOLLIN, count_));
    step(kLong);
    loop_.remove(timer.get());
  }
  EXPECT_EQ(calls_, 2);
}

}  // namespace
}  // namespace tracer
