// SPDX-License-Identifier: Apache-2.0
#include "base/notify_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "../temporary.h"

namespace tracer {
namespace {

/// What the manager hears at `path`.
class Manager {
 public:
  explicit Manager(const std::string& path)
      : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX};
    memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                          path.size())),
              0);
  }
  std::string hear() {
    char text[100];
    const ssize_t size = recv(socket_.get(), text, sizeof text, MSG_DONTWAIT);
    return size < 0 ? "nothing" : std::string(text, static_cast<size_t>(size));
  }

 private:
  Fd socket_;
};

TEST(NotifySocket, TellsTheManager) {
  const TemporaryFolder folder;
  Manager manager(folder.path("notify"));
  const TemporaryVariable path("NOTIFY_SOCKET", folder.path("notify").c_str());
  const NotifySocket socket = NotifySocket::from_environment();
  socket.say("READY=1");
  EXPECT_EQ(manager.hear(), "READY=1");
  EXPECT_EQ(socket.watchdog(), std::nullopt);
  EXPECT_EQ(getenv("NOTIFY_SOCKET"), nullptr) << "a command would speak for us";
}

TEST(NotifySocket, FindsTheAbstractNamespace) {
  const std::string name = "tracer-notify-" + std::to_string(getpid());
  Manager manager(std::string(1, '\0') + name);
  const TemporaryVariable path("NOTIFY_SOCKET", ("@" + name).c_str());
  NotifySocket::from_environment().say("STOPPING=1");
  EXPECT_EQ(manager.hear(), "STOPPING=1");
}

TEST(NotifySocket, KnowsHowOftenItIsToBeHeard) {
  const TemporaryVariable path("NOTIFY_SOCKET", "/nobody/listens");
  const TemporaryVariable period("WATCHDOG_USEC", "30000000");
  const TemporaryVariable pid("WATCHDOG_PID", std::to_string(getpid()).c_str());
  const NotifySocket socket = NotifySocket::from_environment();
  EXPECT_EQ(socket.watchdog(), std::chrono::seconds(30));
  socket.say("WATCHDOG=1");
}

TEST(NotifySocket, LeavesTheWatchingOfOthersAlone) {
  const TemporaryVariable path("NOTIFY_SOCKET", "/nobody/listens");
  const TemporaryVariable period("WATCHDOG_USEC", "30000000");
  const TemporaryVariable pid("WATCHDOG_PID", "1");
  EXPECT_EQ(NotifySocket::from_environment().watchdog(), std::nullopt);
}

}  // namespace
}  // namespace tracer
