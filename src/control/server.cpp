// SPDX-License-Identifier: Apache-2.0
#include "control/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace tracer::control {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{500};
constexpr int kBacklog = 128;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// An address in the form that bind(2) wants.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
};

std::optional<SocketAddress> parse_address(const std::string& text,
                                           uint16_t port) {
  SocketAddress out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.size = sizeof *v4;
    return out;
  }
  if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out.size = sizeof *v6;
    return out;
  }
  return {};
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un out{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof out.sun_path) {
    return fail_usage(path + ": the path of a socket has at most " +
                      std::to_string(sizeof out.sun_path - 1) + " bytes");
  }
  memcpy(out.sun_path, path.c_str(), path.size() + 1);
  return out;
}

/// Removes a socket at which nobody listens any more. False if somebody does,
/// or if it is no socket.
bool remove_stale(const sockaddr_un& address) {
  struct stat found {};
  if (lstat(address.sun_path, &found) != 0) {
    return true;
  }
  const Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return S_ISSOCK(found.st_mode) &&
         connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
                 sizeof address) != 0 &&
         errno == ECONNREFUSED && unlink(address.sun_path) == 0;
}

}  // namespace

bool is_loopback(const std::string& address) {
  return address == "::1" ||
         (address.starts_with("127.") && parse_address(address, 0));
}

Server::~Server() {
  stop();
}

Result<void> Server::listen(const Endpoint& endpoint) {
  auto listener = std::make_unique<Listener>();
  listener->service = endpoint.service;
  listener->guard.token = endpoint.token;
  TRY(endpoint.path.empty() ? listen_at_address(*listener, endpoint)
                            : listen_at_path(*listener, endpoint.path));
  if (::listen(listener->fd.get(), kBacklog) != 0) {
    return fail_errno("listen", errno);
  }
  listeners_.push_back(std::move(listener));
  return {};
}

Result<void> Server::listen_at_address(Listener& listener,
                                       const Endpoint& endpoint) {
  const std::optional<SocketAddress> address =
      parse_address(endpoint.address, endpoint.port);
  if (!address) {
    return fail_usage("not an address: " + endpoint.address,
                      "an address is 127.0.0.1, ::1 or 0.0.0.0");
  }
  listener.fd = Fd(socket(address->storage.ss_family,
                          SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int one = 1;
  setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener.fd.get(), address->get(), address->size) != 0) {
    const int error = errno;
    auto failure = fail_errno(
        endpoint.address + " port " + std::to_string(endpoint.port), error);
    if (error == EADDRINUSE) {
      failure.value().hint =
          "another program listens there; choose another port";
    }
    return failure;
  }
  if (is_loopback(endpoint.address)) {
    listener.guard.hosts = {"localhost", "127.0.0.1", "::1", endpoint.address};
  }
  return {};
}

Result<void> Server::listen_at_path(Listener& listener,
                                    const std::string& path) {
  const sockaddr_un address = TRY(unix_address(path));
  listener.fd =
      Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The file gets the mode that its socket has.
  if (!listener.fd || fchmod(listener.fd.get(), 0600) != 0) {
    return fail_errno("socket", errno);
  }
  if (!remove_stale(address)) {
    return fail(path + " is in use",
                "another program listens there, or it is no socket; choose "
                "another path");
  }
  struct stat made {};
  if (bind(listener.fd.get(), reinterpret_cast<const sockaddr*>(&address),
           sizeof address) != 0 ||
      stat(path.c_str(), &made) != 0) {
    return fail_errno(path, errno);
  }
  listener.path = path;
  listener.inode = made.st_ino;
  return {};
}

uint16_t Server::port() const {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(listeners_.front()->fd.get(), reinterpret_cast<sockaddr*>(&bound),
              &size);
  return ntohs(bound.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

Result<void> Server::start(std::function<void()> on_request) {
  on_request_ = std::move(on_request);
  loop_ = TRY(Loop::create());
  notice_ = TRY(Notifier::create());
  TRY(loop_->add(notice_->fd(), EPOLLIN, [this](uint32_t) {
    notice_->clear();
    send_answers();
  }));
  for (const auto& listener : listeners_) {
    TRY(loop_->add(listener->fd.get(), EPOLLIN,
                   [this, at = listener.get()](uint32_t) { accept(*at); }));
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void Server::stop() {
  if (thread_.joinable()) {
    stopping_ = true;
    notice_->notify();
    thread_.join();
  }
  for (const auto& listener : listeners_) {
    struct stat now {};
    if (!listener->path.empty() && stat(listener->path.c_str(), &now) == 0 &&
        now.st_ino == listener->inode) {
      unlink(listener->path.c_str());
    }
  }
  connections_.clear();
  listeners_.clear();
}

std::optional<Exchange> Server::take() {
  const std::lock_guard lock(mutex_);
  if (asked_.empty()) {
    return {};
  }
  Exchange next = std::move(asked_.front());
  asked_.pop_front();
  return next;
}

void Server::answer(uint64_t connection, Response response) {
  {
    const std::lock_guard lock(mutex_);
    answered_.emplace_back(connection, std::move(response));
  }
  notice_->notify();
}

void Server::run() {
  pthread_setname_np(pthread_self(), "tracer-http");
  while (!stopping_) {
    if (Result<void> waited = loop_->wait(kLook); !waited) {
      log::warn("no request is answered any more: " + waited.error().message);
      return;
    }
    expire();
  }
}

void Server::accept(const Listener& listener) {
  Fd fd(accept4(listener.fd.get(), nullptr, nullptr,
                SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd || !make_room()) {
    return;
  }
  const uint64_t id = next_id_++;
  const int number = fd.get();
  auto& connection =
      connections_.try_emplace(id, std::move(fd), listener).first->second;
  connection.deadline = steady_clock::now() + times_.request;
  if (!loop_->add(number, EPOLLIN,
                  [this, id](uint32_t events) { on_event(id, events); })) {
    connections_.erase(id);
  }
}

/// For one more connection the oldest that has not said what it wants must go.
bool Server::make_room() {
  if (connections_.size() < kConnections) {
    return true;
  }
  const auto oldest = std::find_if(
      connections_.begin(), connections_.end(),
      [](const auto& each) { return each.second.phase != Phase::kAnswer; });
  if (oldest == connections_.end()) {
    return false;
  }
  close(oldest->first);
  return true;
}

void Server::on_event(uint64_t id, uint32_t events) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) {
    return;
  }
  Connection& connection = found->second;
  if ((events & EPOLLOUT) != 0) {
    send(id, connection);
  } else if ((events & EPOLLIN) != 0) {
    read(id, connection);
  } else {
    close(id);
  }
}

void Server::read(uint64_t id, Connection& connection) {
  std::array<char, 16 * 1024> buffer{};
  const ssize_t size =
      ::recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (size <= 0) {
    close(id);
  } else if (connection.phase == Phase::kRequest) {
    advance(id, connection,
            connection.reader.take({buffer.data(), static_cast<size_t>(size)}));
  }
}

void Server::advance(uint64_t id, Connection& connection,
                     RequestReader::State state) {
  switch (state) {
    case RequestReader::State::kMore:
      return;
    case RequestReader::State::kWantsContinue:
      // So short that it fits into the empty buffer of the socket, or the
      // client has gone.
      static_cast<void>(::send(connection.fd.get(), kContinue.data(),
                               kContinue.size(), MSG_NOSIGNAL));
      return;
    case RequestReader::State::kRefused:
      return respond(id, connection.reader.refusal());
    case RequestReader::State::kDone:
      break;
  }
  connection.phase = Phase::kAnswer;
  connection.deadline = steady_clock::now() + times_.answer;
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back({.connection = id,
                      .service = connection.service,
                      .request = std::move(connection.reader.request())});
  }
  on_request_();
}

void Server::respond(uint64_t id, const Response& response) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second.phase == Phase::kReading) {
    return;  // it has gone, or was told already that nobody answers
  }
  Connection& connection = found->second;
  connection.phase = Phase::kReading;
  connection.deadline = steady_clock::now() + times_.reading;
  connection.out = to_bytes(response);
  send(id, connection);
}

/// Sends what the client takes now. Behind that it is not closed at once: with
/// bytes of a request unread that would take the answer back.
void Server::send(uint64_t id, Connection& connection) {
  const ssize_t size = ::send(connection.fd.get(), connection.out.data(),
                              connection.out.size(), MSG_NOSIGNAL);
  if (size < 0 && errno != EAGAIN && errno != EINTR) {
    return close(id);
  }
  connection.out.erase(0, static_cast<size_t>(std::max<ssize_t>(size, 0)));
  const bool is_sent = connection.out.empty();
  if (is_sent && !connection.has_ended) {
    connection.has_ended = true;
    shutdown(connection.fd.get(), SHUT_WR);
  }
  loop_->remove(connection.fd.get());
  if (!loop_->add(connection.fd.get(),
                  is_sent ? uint32_t{EPOLLIN} : uint32_t{EPOLLOUT},
                  [this, id](uint32_t events) { on_event(id, events); })) {
    close(id);
  }
}

void Server::send_answers() {
  std::deque<std::pair<uint64_t, Response>> answers;
  {
    const std::lock_guard lock(mutex_);
    answers.swap(answered_);
  }
  for (const auto& [id, response] : answers) {
    respond(id, response);
  }
}

void Server::expire() {
  const Moment now = steady_clock::now();
  std::vector<uint64_t> late;
  for (const auto& [id, connection] : connections_) {
    if (connection.deadline <= now) {
      late.push_back(id);
    }
  }
  for (const uint64_t id : late) {
    switch (connections_.at(id).phase) {
      case Phase::kRequest:
        respond(id, error_response(408, "the request took too long"));
        break;
      case Phase::kAnswer: {
        {
          const std::lock_guard lock(mutex_);
          std::erase_if(asked_, [id](const Exchange& each) {
            return each.connection == id;
          });
        }
        respond(id, error_response(503, "the script is busy; try again"));
        break;
      }
      case Phase::kReading:
        close(id);
        break;
    }
  }
}

void Server::close(uint64_t id) {
  const auto found = connections_.find(id);
  if (found != connections_.end()) {
    loop_->remove(found->second.fd.get());
    connections_.erase(found);
  }
}

}  // namespace tracer::control
