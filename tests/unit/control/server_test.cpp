// SPDX-License-Identifier: Apache-2.0
#include "control/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <condition_variable>

namespace tracer::control {
namespace {

using std::chrono::milliseconds;

Fd connect_to(uint16_t port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                    sizeof address),
            0);
  return fd;
}

void say(const Fd& fd, const std::string& text) {
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

/// All that comes until the other end closes; at most 10 s.
std::string hear(const Fd& fd) {
  std::string out;
  std::array<char, 4096> buffer{};
  pollfd ready{.fd = fd.get(), .events = POLLIN, .revents = 0};
  while (poll(&ready, 1, 10'000) == 1) {
    const ssize_t size = read(fd.get(), buffer.data(), buffer.size());
    if (size <= 0) {
      return out;
    }
    out.append(buffer.data(), static_cast<size_t>(size));
  }
  return out + " (and no end)";
}

const std::string kGet = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";

class ServerTest : public testing::Test {
 protected:
  void serve(Server::Times times) {
    server_.emplace(times);
    ASSERT_TRUE(server_->listen({.address = "127.0.0.1", .port = 0}));
    ASSERT_TRUE(server_->start([this] {
      const std::lock_guard lock(mutex_);
      ++asked_;
      changed_.notify_all();
    }));
    port_ = server_->port();
  }
  Exchange wait_for_request() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10),
                      [this] { return asked_ > taken_; });
    ++taken_;
    return server_->take().value();
  }

  std::optional<Server> server_;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  int asked_ = 0;
  int taken_ = 0;
};

TEST_F(ServerTest, HandsRequestsOnAndAnswersBack) {
  serve({});
  const Fd client = connect_to(port_);
  say(client, kGet);
  const Exchange exchange = wait_for_request();
  EXPECT_EQ(exchange.request.path, "/x");
  server_->answer(exchange.connection, {.status = 201, .body = "hi"});
  EXPECT_TRUE(hear(client).ends_with("hi"));
}

TEST_F(ServerTest, TellsWhoIsTooSlowToAsk) {
  serve({.request = milliseconds(50)});
  const Fd client = connect_to(port_);
  say(client, "GET");
  EXPECT_TRUE(hear(client).starts_with("HTTP/1.1 408 "));
}

TEST_F(ServerTest, TellsWhenNobodyAnswersAndForgetsTheRequest) {
  serve({.answer = milliseconds(50)});
  const Fd client = connect_to(port_);
  say(client, kGet);
  EXPECT_TRUE(hear(client).starts_with("HTTP/1.1 503 "));
  EXPECT_FALSE(server_->take());
}

TEST_F(ServerTest, ManyThatSayNothingKeepNobodyOut) {
  serve({});
  std::vector<Fd> silent;
  for (size_t i = 0; i < 2 * Server::kConnections; ++i) {
    silent.push_back(connect_to(port_));
  }
  const Fd client = connect_to(port_);
  say(client, kGet);
  server_->answer(wait_for_request().connection, {.body = "hi"});
  EXPECT_TRUE(hear(client).ends_with("hi"));
}

TEST_F(ServerTest, AnAddressInUseIsAnErrorThatSaysSo) {
  serve({});
  Server second;
  const Result<void> done =
      second.listen({.address = "127.0.0.1", .port = port_});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "127.0.0.1 port " + std::to_string(port_) +
                                      ": Address already in use");
  EXPECT_FALSE(done.error().hint.empty());
}

TEST(Server, ASocketOfAFileIsItsOwnersAndGoesWithTheServer) {
  const std::string path = testing::TempDir() + "tracer-server-test.socket";
  unlink(path.c_str());
  {
    Server server;
    ASSERT_TRUE(server.listen({.path = path}));
    struct stat made {};
    ASSERT_EQ(stat(path.c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777, 0600U);
    Server second;
    EXPECT_FALSE(second.listen({.path = path}));
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(Server, KnowsWhatIsLoopback) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.9.9.9"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("127.0.0.1.example"));
  EXPECT_FALSE(is_loopback("::"));
}

}  // namespace
}  // namespace tracer::control
