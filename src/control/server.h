// SPDX-License-Identifier: Apache-2.0
//
// Server: listens, on TCP or a unix socket, and answers requests of HTTP
// (http.h). One thread waits for all connections, so a client that says
// nothing costs a descriptor and no more; there are at most kConnections, and
// each has kRequestTime to say what it wants. Who can answer, the script's
// thread, takes requests when it likes and gives the answers back.
//
// listen() and start() are called while nobody else uses the server; take()
// and answer() by one other thread; stop() by the owner.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"
#include "control/http.h"

namespace tracer::control {

/// Where to listen: at an address, or at a path.
struct Endpoint {
  size_t service = 0;   // the owner's number, in each Exchange
  std::string address;  // of IPv4 or IPv6
  uint16_t port = 0;
  std::string path;   // of a unix socket, for its owner alone
  std::string token;  // that each request must bring, or empty
};

/// Does an address lead to this machine alone?
bool is_loopback(const std::string& address);

/// A request on its way to whoever answers it.
struct Exchange {
  uint64_t connection = 0;
  size_t service = 0;
  Request request;
};

class Server {
 public:
  static constexpr size_t kConnections = 128;
  struct Times {
    std::chrono::milliseconds request{10'000};  // to ask
    std::chrono::milliseconds answer{5'000};    // for the script
    std::chrono::milliseconds reading{5'000};   // to take the answer
  };

  Server() = default;
  explicit Server(Times times) : times_(times) {}
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Takes the address. Clients wait until start().
  Result<void> listen(const Endpoint& endpoint);
  /// Is there anything to serve?
  [[nodiscard]] bool is_open() const { return !listeners_.empty(); }
  /// The port that the first listener got.
  [[nodiscard]] uint16_t port() const;

  /// `on_request` is called on the server's thread: there is something to
  /// take().
  Result<void> start(std::function<void()> on_request);
  void stop();

  /// The next request, if there is one.
  std::optional<Exchange> take();
  void answer(uint64_t connection, Response response);

 private:
  using Moment = std::chrono::steady_clock::time_point;
  enum class Phase { kRequest, kAnswer, kReading };

  struct Listener {
    size_t service = 0;
    Fd fd;
    std::string path;
    ino_t inode = 0;
    Guard guard;
  };
  struct Connection {
    Connection(Fd taken, const Listener& listener)
        : fd(std::move(taken)),
          service(listener.service),
          reader(listener.guard) {}
    Fd fd;
    size_t service;
    RequestReader reader;
    Phase phase = Phase::kRequest;
    Moment deadline;
    std::string out;         // not sent yet
    bool has_ended = false;  // everything is sent: waits for the client's end
  };

  Result<void> listen_at_path(Listener& listener, const std::string& path);
  Result<void> listen_at_address(Listener& listener, const Endpoint& endpoint);
  void run();
  void accept(const Listener& listener);
  [[nodiscard]] bool make_room();
  void on_event(uint64_t id, uint32_t events);
  void read(uint64_t id, Connection& connection);
  void advance(uint64_t id, Connection& connection, RequestReader::State state);
  void respond(uint64_t id, const Response& response);
  void send(uint64_t id, Connection& connection);
  void send_answers();
  void expire();
  void close(uint64_t id);

  Times times_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::optional<Loop> loop_;
  std::optional<Notifier> notice_;
  std::map<uint64_t, Connection> connections_;
  uint64_t next_id_ = 1;
  std::function<void()> on_request_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;

  std::mutex mutex_;  // of what follows
  std::deque<Exchange> asked_;
  std::deque<std::pair<uint64_t, Response>> answered_;
};

}  // namespace tracer::control
