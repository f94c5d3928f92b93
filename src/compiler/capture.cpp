// SPDX-License-Identifier: Apache-2.0
#include "compiler/capture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string_view>

#include "compiler/last_words.h"
#include "compiler/source.h"

namespace tracer::compiler {
namespace {

// Plain descriptors and not Fd: a signal handler uses them.
int memory = -1;
int real_stdout = -1;
int real_stderr = -1;

void restore() {
  dup2(real_stdout, STDOUT_FILENO);
  dup2(real_stderr, STDERR_FILENO);
  close(real_stdout);
  close(real_stderr);
}

// Everything that was printed, mapped: this must work in a signal handler.
std::string_view printed_text() {
  const off_t size = lseek(memory, 0, SEEK_END);
  if (size <= 0) {
    return {};
  }
  void* data = mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_SHARED,
                    memory, 0);
  return data == MAP_FAILED ? std::string_view()
                            : std::string_view(static_cast<const char*>(data),
                                               static_cast<size_t>(size));
}

// Calls `keep` with each piece of `text` that is neither the rewritten program
// nor what libbcc says of itself when it is asked for that.
template <typename F>
void each_diagnostic(std::string_view text, F keep) {
  // libbcc adds these to the text, and they are printed with it.
  constexpr std::string_view kPreamble = "#if defined(BPF_LICENSE)\n";
  constexpr std::string_view kFooter = "#include <bcc/footer.h>\n";
  while (!text.empty()) {
    if (text.starts_with(kPreamble) || text.starts_with(kTextBegin)) {
      const size_t end = text.find(kFooter);
      text.remove_prefix(end == text.npos ? text.size() : end + kFooter.size());
      continue;
    }
    const size_t line = std::min(text.find('\n'), text.size() - 1) + 1;
    if (line > 1 && !text.starts_with("Running from kernel directory at: ") &&
        !text.starts_with("clang -cc1 ")) {
      keep(text.substr(0, line));
    }
    text.remove_prefix(line);
  }
}

// The author's part of the last text in `printed`, for people to read: without
// the line numbers that we put in.
std::string rewritten_source(std::string_view printed) {
  const size_t begin = printed.rfind(kAuthorBegin);
  if (begin == printed.npos) {
    return {};
  }
  std::string_view text = printed.substr(begin + kAuthorBegin.size());
  text = text.substr(0, text.find(kAuthorEnd));
  std::string out;
  bool after_line_number = true;
  while (!text.empty()) {
    const size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, size);
    const bool is_blank = line.find_first_not_of(" \n") == line.npos;
    const bool is_line_number = line.starts_with("#line ");
    if (!is_line_number && !(is_blank && after_line_number)) {
      out.append(line);
    }
    after_line_number = is_line_number;
    text.remove_prefix(size);
  }
  return out;
}

// The process ends with the capture still on.
void pass_on() {
  if (memory < 0) {
    return;
  }
  restore();
  each_diagnostic(printed_text(), [](std::string_view piece) {
    while (!piece.empty()) {
      const ssize_t done = write(STDERR_FILENO, piece.data(), piece.size());
      if (done <= 0) {
        return;
      }
      piece.remove_prefix(static_cast<size_t>(done));
    }
  });
}

}  // namespace

Result<Capture> Capture::start() {
  memory = memfd_create("tracer-bcc output", MFD_CLOEXEC);
  real_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (memory < 0 || real_stdout < 0 || real_stderr < 0) {
    return fail_errno("cannot redirect the compiler's output", errno);
  }
  // Without a buffer, which exit() would write out after pass_on().
  setvbuf(stdout, nullptr, _IONBF, 0);
  // Appending, for stdout and stderr each would write from its own place.
  fcntl(memory, F_SETFL, O_APPEND);
  dup2(memory, STDOUT_FILENO);
  dup2(memory, STDERR_FILENO);
  static const bool kRegistered = (at_end(pass_on), true);
  (void)kRegistered;
  return Capture();
}

Printed Capture::stop() {
  restore();
  const std::string_view text = printed_text();
  Printed printed;
  // BCC prints the text before and after its work; the last is what counts.
  printed.rewritten_source = rewritten_source(text);
  each_diagnostic(
      text, [&](std::string_view piece) { printed.diagnostics.append(piece); });
  close(memory);
  memory = -1;
  return printed;
}

}  // namespace tracer::compiler
