// SPDX-License-Identifier: Apache-2.0
//
// What a script asks of its run, through the engine's Host: its end, targets,
// numbers, services, the terminal.
#include <sys/ioctl.h>

#include <algorithm>
#include <utility>

#include "script/engine.h"

namespace tracer::script {

void Engine::limit_reached() {
  is_over_ = true;
  host_.on_limit();
}

void Engine::stop(int status) {
  if (endless_) {
    counts_[kStopped] = 0;
    return;
  }
  is_over_ = true;
  host_.on_stop(status);
}

/// 1: it is one now; 0: it was one already; -1: last_text() says why not.
int Engine::add_target(pid_t pid) {
  if (!host_.add_target) {
    return 1;
  }
  Result<bool> added = host_.add_target(pid);
  if (added) {
    return *added ? 1 : 0;
  }
  message_ = std::move(added.error().message);
  last_text_ = message_;
  return -1;
}

bool Engine::remove_target(pid_t pid) const {
  return !host_.remove_target || host_.remove_target(pid);
}

/// How many there are; as many as there is room for are put into `out`.
size_t Engine::list_targets(int32_t* out, size_t room) const {
  if (!host_.list_targets) {
    return 0;
  }
  const std::vector<pid_t> pids = host_.list_targets();
  std::copy_n(pids.begin(), std::min(pids.size(), room), out);
  return pids.size();
}

/// None in a replay, where nobody is traced.
void Engine::count_target(pid_t pid, double* processes, double* threads) const {
  if (host_.count_target) {
    const auto [of_processes, of_threads] = host_.count_target(pid);
    *processes = static_cast<double>(of_processes);
    *threads = static_cast<double>(of_threads);
  }
}

/// last_text() has a line "NAME NUMBER" for each.
void Engine::find_numbers() {
  message_ = "delivered " + std::to_string(delivered()) + "\nshown " +
             std::to_string(shown()) + "\nfiltered " +
             std::to_string(filtered()) + "\n";
  if (host_.numbers) {
    for (const auto& [name, number] : host_.numbers()) {
      message_ += name + " " + std::to_string(number) + "\n";
    }
  }
  last_text_ = message_;
}

/// 1: from the start on there will be requests; 0: nobody asks in this run;
/// -1: last_text() says why not, and in a second line what helps.
int Engine::listen(const Service& service) {
  if (!host_.listen) {
    return 0;
  }
  Result<void> done = host_.listen(service);
  if (done) {
    return 1;
  }
  message_ = done.error().message;
  if (!done.error().hint.empty()) {
    message_ += "\n" + done.error().hint;
  }
  last_text_ = message_;
  return -1;
}

/// False if results do not go to a terminal.
bool Engine::terminal_size(uint16_t* rows, uint16_t* columns) const {
  winsize size{};
  if (!host_.output || ioctl(host_.output(), TIOCGWINSZ, &size) != 0) {
    return false;
  }
  // A serial line does not know.
  *rows = size.ws_row > 0 ? size.ws_row : 24;
  *columns = size.ws_col > 0 ? size.ws_col : 80;
  return true;
}

}  // namespace tracer::script
