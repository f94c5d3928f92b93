// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/words.h"

namespace tracer {
namespace {

bool become(const User& user) {
  if (geteuid() != 0 || user.uid == 0) {
    return true;
  }
  return initgroups(user.name.c_str(), user.gid) == 0 &&
         setresgid(user.gid, user.gid, user.gid) == 0 &&
         setresuid(user.uid, user.uid, user.uid) == 0;
}

void set_environment(const User& user) {
  if (!user.name.empty()) {
    setenv("HOME", user.home.c_str(), 1);
    setenv("USER", user.name.c_str(), 1);
    setenv("LOGNAME", user.name.c_str(), 1);
  }
}

/// Signals as a program finds them that a shell starts.
void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // Ours; what else is ignored was so before us (nohup) and stays so.
  signal(SIGPIPE, SIG_DFL);
}

/// Why a program cannot be started; nothing for error number 0.
std::optional<Error> exec_failure(const std::string& name, int error_number,
                                  const std::string& user) {
  if (error_number == 0) {
    return std::nullopt;
  }
  if (error_number == ENOENT && name.find('/') == std::string::npos) {
    return Error{.message = name + ": command not found",
                 .hint =
                     "it is looked for in PATH, which sudo may have "
                     "shortened; a path works always",
                 .status = 127};
  }
  return Error{.message = name + ": " + strerror(error_number),
               .hint = error_number == EACCES
                           ? "is it a program, and executable for " + user + "?"
                           : "",
               .status = error_number == ENOENT ? 127 : 126};
}

/// What execvp would say, as far as it can be known beforehand: an error number
/// or 0.
int look_for(const std::string& name) {
  const auto check = [](const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
      return errno;
    }
    return !S_ISREG(status.st_mode) || access(path.c_str(), X_OK) != 0 ? EACCES
                                                                       : 0;
  };
  if (name.find('/') != std::string::npos) {
    return check(name);
  }
  int found = ENOENT;
  if (name.empty()) {
    return found;
  }
  const char* path = getenv("PATH");
  for (const std::string& folder :
       split(path != nullptr ? path : "/bin:/usr/bin", ':')) {
    const int error_number = check(folder + "/" + name);
    if (error_number == 0) {
      return 0;
    }
    if (error_number == EACCES) {
      found = EACCES;
    }
  }
  return found;
}

}  // namespace

Result<Command> Command::prepare(const std::vector<std::string>& arguments,
                                 const User& user) {
  if (auto failure = exec_failure(arguments.front(),
                                  look_for(arguments.front()), user.name)) {
    return tl::unexpected(std::move(*failure));
  }
  Command command;
  command.name_ = arguments.front();
  command.user_name_ = user.name;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const Fd memory(memfd_create("tracer-command", MFD_CLOEXEC));
  if (!memory || ftruncate(memory.get(), static_cast<off_t>(page)) != 0) {
    return fail_errno("memfd_create", errno);
  }
  command.memory_ = std::make_unique<Mapping>(
      TRY(Mapping::map(memory.get(), page, PROT_READ | PROT_WRITE)));
  auto* report = static_cast<Report*>(command.memory_->data());

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return fail_errno("pipe2", errno);
  }
  const Fd gate(ends[0]);
  command.gate_ = Fd(ends[1]);

  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);

  const pid_t pid = fork();
  if (pid < 0) {
    return fail_errno("fork", errno);
  }
  if (pid == 0) {
    command.gate_.reset();
    if (!become(user)) {
      *report = {.error_number = errno, .stage = 1};
      _exit(126);
    }
    set_environment(user);
    reset_signals();
    // Nothing but exec is left to do once the gate opens.
    char token = 0;
    if (read(gate.get(), &token, 1) != 1) {
      _exit(126);
    }
    execvp(argv[0], argv.data());
    *report = {.error_number = errno, .stage = 2};
    _exit(report->error_number == ENOENT ? 127 : 126);
  }
  command.pid_ = pid;
  command.pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!command.pidfd_) {
    return fail_errno("pidfd_open", errno);
  }
  return command;
}

Command::~Command() {
  if (gate_) {
    gate_.reset();
    wait(-1);
  }
}

void Command::release() {
  const char token = 1;
  if (gate_) {
    [[maybe_unused]] ssize_t done = write(gate_.get(), &token, 1);
    gate_.reset();
  }
}

void Command::terminate() {
  if (!status_) {
    kill(pid_, SIGTERM);
  }
}

std::optional<int> Command::wait(int timeout_ms) {
  if (status_) {
    return status_;
  }
  pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  if (poll(&ended, 1, timeout_ms) <= 0) {
    return std::nullopt;
  }
  int raw = 0;
  if (waitpid(pid_, &raw, 0) == pid_) {
    status_ = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
  }
  return status_;
}

std::optional<Error> Command::start_failure() const {
  const auto* report = static_cast<const Report*>(memory_->data());
  if (report->stage == 0) {
    return std::nullopt;
  }
  if (report->stage == 1) {
    return Error{.message = "cannot become user " + user_name_ + ": " +
                            strerror(report->error_number)};
  }
  return exec_failure(name_, report->error_number, user_name_);
}

}  // namespace tracer
