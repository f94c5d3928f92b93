// SPDX-License-Identifier: Apache-2.0
#include "artifact/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/user.h"

namespace tracer::artifact {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kEntryMagic = 0x65637274;  // "trce"
constexpr std::string_view kEnding = ".artifact";

// FNV-1a: tells files apart and finds damage; nothing rests on it that an
// enemy would profit from, for only the owner can write to the folder.
uint64_t hash(std::string_view bytes) {
  uint64_t value = 0xcbf29ce484222325;
  for (const char c : bytes) {
    value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return value;
}

/// Everything that decides what the compiler makes of a request, but for the
/// compiler itself.
std::string key_of(const Request& request) {
  ByteWriter out;
  out.number(kFormatVersion);
  out.text(TRACER_VERSION);
  out.text(encode(request));
  std::error_code error;
  std::vector<std::string> headers;
  for (const auto& entry : fs::directory_iterator(request.include_dir, error)) {
    headers.push_back(entry.path());
  }
  std::sort(headers.begin(), headers.end());
  for (const std::string& header : headers) {
    out.text(header);
    out.text(read_file(header).value_or(""));
  }
  utsname name{};
  uname(&name);
  out.text(name.release);
  out.text(name.version);
  out.text(name.machine);
  // Holds the build id: two kernels of one version may differ.
  out.text(read_file("/sys/kernel/notes").value_or(""));
  return out.bytes();
}

bool make_folder(const std::string& folder, std::string& why) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    why = folder + ": " + strerror(errno);
    return false;
  }
  return true;
}

}  // namespace

uint64_t fingerprint(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return 0;
  }
  if (status.st_size == 0) {
    return hash(read_file(path).value_or("")) | 1;
  }
  ByteWriter out;
  out.number(status.st_size);
  out.number(status.st_mtim.tv_sec);
  out.number(status.st_mtim.tv_nsec);
  out.number(status.st_ino);
  return hash(out.bytes()) | 1;
}

std::optional<Cache> Cache::open(std::string& why) {
  if (geteuid() == 0) {
    return open_at("/var/cache/tracer", why);
  }
  const char* given = secure_getenv("XDG_CACHE_HOME");
  const std::string base = given != nullptr && given[0] == '/'
                               ? given
                               : calling_user().home + "/.cache";
  if (!make_folder(base, why)) {
    return std::nullopt;
  }
  return open_at(base + "/tracer", why);
}

std::optional<Cache> Cache::open_at(const std::string& folder,
                                    std::string& why) {
  if (!make_folder(folder, why)) {
    return std::nullopt;
  }
  const Fd fd(
      ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) {
    why = folder + ": " + strerror(errno);
    return std::nullopt;
  }
  if (status.st_uid != geteuid() || (status.st_mode & 0022) != 0) {
    why = folder + ": others may write there; it must be yours, mode 0700";
    return std::nullopt;
  }
  return Cache(folder);
}

std::string Cache::path_of(const std::string& key) const {
  std::array<char, 17> name{};
  snprintf(name.data(), name.size(), "%016llx",
           static_cast<unsigned long long>(hash(key)));
  return folder_ + "/" + name.data() + std::string(kEnding);
}

std::optional<Artifact> Cache::find(const Request& request) const {
  const std::string key = key_of(request);
  const Fd fd(::open(path_of(key).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0 || status.st_uid != geteuid() ||
      (status.st_mode & 0022) != 0) {
    return std::nullopt;
  }
  const Result<std::string> bytes = read_whole(fd.get());
  if (!bytes) {
    return std::nullopt;
  }
  ByteReader in(*bytes);
  const bool ours = in.number<uint32_t>() == kEntryMagic;
  const auto sum = in.number<uint64_t>();
  const std::string content = in.text();
  if (!ours || !in.ok() || !in.at_end() || hash(content) != sum) {
    return std::nullopt;
  }
  ByteReader entry(content);
  if (entry.text() != key) {
    return std::nullopt;
  }
  Result<Artifact> artifact = decode(entry.text());
  if (!artifact) {
    return std::nullopt;
  }
  for (const Dependency& each : artifact->dependencies) {
    if (fingerprint(each.path) != each.fingerprint) {
      return std::nullopt;
    }
  }
  return std::move(*artifact);
}

void Cache::store(const Request& request, const Artifact& artifact) const {
  Artifact kept = artifact;
  for (Dependency& each : kept.dependencies) {
    // As it looks from here: the worker may have other mounts.
    each.fingerprint = fingerprint(each.path);
  }
  const std::string key = key_of(request);
  ByteWriter content;
  content.text(key);
  content.text(encode(kept));
  ByteWriter out;
  out.number(kEntryMagic);
  out.number(hash(content.bytes()));
  out.text(content.bytes());

  std::string temporary = folder_ + "/.XXXXXX";
  const Fd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) {
    return;
  }
  if (!write_all(fd.get(), out.bytes()) ||
      rename(temporary.c_str(), path_of(key).c_str()) != 0) {
    unlink(temporary.c_str());
    return;
  }
  prune();
}

void Cache::prune() const {
  struct Entry {
    fs::file_time_type written;
    fs::path path;
  };
  std::vector<Entry> entries;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder_, error)) {
    // Also what a store that was killed left behind.
    entries.push_back({file.last_write_time(error), file.path()});
  }
  if (entries.size() <= kMaxEntries) {
    return;
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.written > b.written;
  });
  for (size_t i = kMaxEntries; i < entries.size(); ++i) {
    fs::remove(entries[i].path, error);
  }
}

}  // namespace tracer::artifact
