// SPDX-License-Identifier: Apache-2.0
//
// echopid [SECONDS]
// Says on stderr who it is, at once and then every SECONDS (5), until it is
// told to end by SIGINT or SIGTERM: a service that can be watched.
#include <signal.h>
#include <time.h>

#include "target.h"

int main(int argc, char** argv) {
  double seconds = argc > 1 ? atof(argv[1]) : 5;
  if (argc > 2 || seconds <= 0) return 2;

  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &ends, NULL) != 0) die("sigprocmask");

  dprintf(2, "Starting PID logger with PID %d. Logging every %g seconds...\n",
          getpid(), seconds);
  struct timespec pause = {(time_t)seconds,
                           (long)((seconds - (double)(time_t)seconds) * 1e9)};
  for (;;) {
    char text[32];
    time_t now = time(NULL);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", localtime(&now));
    dprintf(2, "PID: %d, Timestamp: %s\n", getpid(), text);
    if (sigtimedwait(&ends, NULL, &pause) > 0) return 0;
  }
}
