// SPDX-License-Identifier: Apache-2.0
//
// FileSink: a descriptor (standard output, a file) and the thread that writes
// to it. Up to 16 MiB wait for the descriptor; then write() waits too, so that
// no line is lost, and the events pile up where they are cheap to count.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/user.h"
#include "sinks/sink.h"

namespace tracer::sinks {

class FileSink : public Sink {
 public:
  static constexpr size_t kLimit = size_t{16} << 20;

  /// Writes to `fd`. `on_failure` is called on the sink's thread, once, when
  /// the descriptor takes no more.
  FileSink(Fd fd, std::function<void()> on_failure);
  ~FileSink() override;

  void write(std::string_view bytes) override;
  Result<void> finish() override;

  /// True if the reader of our pipe has gone: an end, not a failure.
  [[nodiscard]] bool closed_pipe() const;

  /// For questions about what it is.
  [[nodiscard]] int descriptor() const { return fd_.get(); }

 private:
  void run();

  const Fd fd_;
  const std::function<void()> on_failure_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string pending_;
  bool finishing_ = false;
  bool failed_ = false;
  int error_number_ = 0;
  uint64_t unwritten_ = 0;
  std::thread thread_;
};

/// Writes all of `bytes`; on failure returns the error number, and what is left
/// is in `bytes`.
int write_out(int fd, std::string_view& bytes);

/// What becomes of what a file for results holds already.
enum class Existing { kEmptied, kAppendedTo };

/// Opens `path` for results: emptied if not said otherwise, readable for its
/// owner alone, and when new, the property of `owner`. Where everybody may
/// create files (a sticky folder such as /tmp) no link of somebody else's is
/// followed.
Result<Fd> open_output(const std::string& path, const User& owner,
                       Existing existing = Existing::kEmptied);

/// Standard output once more, to be closed on its own.
Result<Fd> standard_output();

}  // namespace tracer::sinks
