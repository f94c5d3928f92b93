// SPDX-License-Identifier: Apache-2.0
//
// FileChain: FILE.1 … FILE.N, the files that FILE was before, the latest first.
// With compression they become FILE.1.gz and so on, on a thread of the chain's
// own: push() never waits for it longer than a rename takes.
//
// push() is called by one thread. What the compressor has not done when the
// chain goes stays as it is, whole, and the next run takes it up.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "sinks/compress.h"

namespace tracer::sinks {

class FileChain {
 public:
  /// `keep` files at most; with 0 what FILE was is removed.
  FileChain(std::string path, size_t keep, Compression compression);
  ~FileChain();
  FileChain(const FileChain&) = delete;
  FileChain& operator=(const FileChain&) = delete;

  /// FILE becomes FILE.1, FILE.1 FILE.2, and so on; the last is removed.
  Result<void> push();

 private:
  [[nodiscard]] std::string name(size_t number) const;
  [[nodiscard]] bool exists(size_t number) const;
  void run();
  std::optional<size_t> next_plain() const;
  Result<void> compress(size_t number);
  void replace(const std::string& packed, uint64_t inode);

  const std::string path_;
  const size_t keep_;
  const Compression compression_;
  std::mutex names_;  // while files get other names
  std::condition_variable changed_;
  bool pushed_ = true;  // there may be something to compress
  std::atomic<bool> stop_{false};
  std::thread thread_;  // if there is compression
};

}  // namespace tracer::sinks
