// SPDX-License-Identifier: Apache-2.0
#include "format/clock.h"

#include <cstdio>
#include <cstring>
#include <ctime>

namespace tracer::format {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

int64_t read_clock(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

void put_digits(char* out, uint64_t value, size_t digits) {
  for (size_t i = digits; i-- > 0;) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

Clock Clock::now() {
  // The reading of the wall clock that was bracketed most tightly.
  int64_t best = INT64_MAX;
  int64_t offset = 0;
  int64_t start = 0;
  for (int i = 0; i < 5; ++i) {
    const int64_t before = read_clock(CLOCK_MONOTONIC);
    const int64_t wall = read_clock(CLOCK_REALTIME);
    const int64_t after = read_clock(CLOCK_MONOTONIC);
    if (after - before < best) {
      best = after - before;
      offset = wall - (before + (after - before) / 2);
    }
    start = after;
  }
  return {offset, static_cast<uint64_t>(start)};
}

// A recording may hold any time: one that is out of range wraps around.
int64_t Clock::wall_time(uint64_t ts) const {
  return static_cast<int64_t>(ts + static_cast<uint64_t>(wall_offset_));
}

size_t Clock::iso(uint64_t ts, char* out) {
  const int64_t wall = wall_time(ts);
  const int64_t second = wall / kSecond;
  if (second != iso_second_) {
    const time_t when = second;
    tm parts{};
    gmtime_r(&when, &parts);
    strftime(iso_text_, sizeof iso_text_, "%Y-%m-%dT%H:%M:%S.", &parts);
    iso_second_ = second;
  }
  const size_t head = strlen(iso_text_);
  memcpy(out, iso_text_, head);
  put_digits(out + head, static_cast<uint64_t>(wall % kSecond), 9);
  out[head + 9] = 'Z';
  return head + 10;
}

size_t Clock::prefix(TimeStyle style, uint64_t ts, char* out) {
  switch (style) {
    case TimeStyle::kNone:
      return 0;
    case TimeStyle::kWall: {
      const int64_t wall = wall_time(ts);
      const int64_t second = wall / kSecond;
      if (second != local_second_) {
        const time_t when = second;
        tm parts{};
        localtime_r(&when, &parts);
        strftime(local_text_, sizeof local_text_, "%H:%M:%S.", &parts);
        local_second_ = second;
      }
      const size_t head = strlen(local_text_);
      memcpy(out, local_text_, head);
      put_digits(out + head, static_cast<uint64_t>(wall % kSecond / 1000), 6);
      out[head + 6] = ' ';
      return head + 7;
    }
    case TimeStyle::kRelative:
    case TimeStyle::kDelta: {
      const uint64_t since = style == TimeStyle::kDelta ? previous_ : start_;
      previous_ = ts;
      // An event that was under way when the trace began may be older.
      const uint64_t passed = ts > since ? ts - since : 0;
      return static_cast<size_t>(
          snprintf(out, kRoom, "%3llu.%06llu ",
                   static_cast<unsigned long long>(passed / kSecond),
                   static_cast<unsigned long long>(passed % kSecond / 1000)));
    }
  }
  return 0;
}

}  // namespace tracer::format
