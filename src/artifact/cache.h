// SPDX-License-Identifier: Apache-2.0
//
// Cache: compiled probes in a folder, so that a second start needs no
// compiler. What differs from run to run without changing code is no part of
// a request (bpf/module.h), so a new target finds its probe here.
//
// Root uses /var/cache/tracer alone, and only if it belongs to root and nobody
// else may write there; others use their own cache folder. An entry holds the
// whole key that it was stored under, so a name that collides does no harm,
// and a checksum. Entries that are damaged, of another version, or whose
// compiler or tracepoint formats have changed are ignored and replaced.
// Files appear whole (rename), so any number of tracers may share the folder.
// Failing to store is no error: the next start compiles again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "artifact/worker.h"

namespace tracer::artifact {

class Cache {
 public:
  /// The newest entries are kept, so many of them.
  static constexpr size_t kMaxEntries = 256;

  /// The folder for whoever runs this, made if need be. Nothing, if there is
  /// none that can be trusted; `why` says so then.
  static std::optional<Cache> open(std::string& why);

  /// On a folder of one's own, for tests.
  static std::optional<Cache> open_at(const std::string& folder,
                                      std::string& why);

  [[nodiscard]] std::optional<Artifact> find(const Request& request) const;
  void store(const Request& request, const Artifact& artifact) const;

 private:
  explicit Cache(std::string folder) : folder_(std::move(folder)) {}
  /// The file of the entry with this key, whether it exists or not.
  [[nodiscard]] std::string path_of(const std::string& key) const;
  void prune() const;

  std::string folder_;
};

/// What an artifact depends on besides its request: for a plain file its size,
/// time and inode, for a file of the kernel its content. 0 if it is not there.
uint64_t fingerprint(const std::string& path);

}  // namespace tracer::artifact
