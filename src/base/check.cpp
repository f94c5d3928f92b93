// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace tracer {

void check_failed(const char* condition, const char* file, int line) {
  fprintf(stderr, "tracer: bug: %s:%d: %s does not hold\n", file, line,
          condition);
  abort();
}

}  // namespace tracer
