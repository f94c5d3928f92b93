// SPDX-License-Identifier: Apache-2.0
#include "base/notify_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/words.h"

namespace tracer {
namespace {

/// The value of a variable, which is then no longer there.
std::string take_variable(const char* name) {
  const char* value = getenv(name);
  std::string taken = value == nullptr ? "" : value;
  unsetenv(name);
  return taken;
}

}  // namespace

NotifySocket NotifySocket::from_environment() {
  NotifySocket socket;
  socket.path_ = take_variable("NOTIFY_SOCKET");
  const std::optional<int64_t> period =
      parse_int(take_variable("WATCHDOG_USEC"));
  const std::string pid = take_variable("WATCHDOG_PID");
  if (socket.path_.empty() ||
      socket.path_.size() >= sizeof(sockaddr_un::sun_path)) {
    return socket;
  }
  if (socket.path_[0] == '@') {
    socket.path_[0] = '\0';
  }
  socket.socket_ =
      Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (period && *period > 0 &&
      (pid.empty() || pid == std::to_string(getpid()))) {
    socket.watchdog_ = std::chrono::microseconds(*period);
  }
  return socket;
}

void NotifySocket::say(std::string_view state) const {
  if (!socket_) {
    return;
  }
  sockaddr_un address{.sun_family = AF_UNIX};
  memcpy(address.sun_path, path_.data(), path_.size());
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size());
  sendto(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace tracer
