// SPDX-License-Identifier: Apache-2.0
#include "compiler/last_words.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>

#include "base/check.h"

namespace tracer::compiler {
namespace {

constexpr std::array kEndingSignals = {SIGTERM, SIGINT, SIGHUP, SIGABRT,
                                       SIGSEGV, SIGBUS, SIGILL, SIGFPE};

std::array<void (*)(), 8> functions;
std::atomic<size_t> count = 0;

void run() {
  // Taken one by one, so that a crash inside one does not repeat it.
  for (size_t left = count.exchange(0); left > 0; --left) {
    functions[left - 1]();
  }
}

void on_signal(int number) {
  run();
  // SA_RESETHAND has put the default back: this ends the process.
  raise(number);
}

}  // namespace

void at_end(void (*f)()) {
  CHECK(count < functions.size());
  if (count == 0) {
    atexit(run);
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    for (int number : kEndingSignals) {
      sigaction(number, &action, nullptr);
    }
  }
  functions[count] = f;
  ++count;
}

}  // namespace tracer::compiler
