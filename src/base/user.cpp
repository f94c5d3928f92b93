// SPDX-License-Identifier: Apache-2.0
#include "base/user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <vector>

#include "base/words.h"

namespace tracer {
namespace {

constexpr size_t kMostEntryBytes = size_t{1} << 20;

/// Asks `look_up` for an entry with more and more room; null if there is none.
template <typename Entry, typename LookUp>
const Entry* find_entry(LookUp look_up, Entry& entry, std::vector<char>& room) {
  Entry* found = nullptr;
  room.resize(1024);
  while (look_up(&entry, room.data(), room.size(), &found) == ERANGE &&
         room.size() < kMostEntryBytes) {
    room.resize(room.size() * 2);
  }
  return found;
}

User from_entry(const passwd& entry) {
  return {.uid = entry.pw_uid,
          .gid = entry.pw_gid,
          .name = entry.pw_name,
          .home = entry.pw_dir};
}

}  // namespace

Result<User> find_user(const std::string& name_or_uid) {
  if (const passwd* entry = getpwnam(name_or_uid.c_str())) {
    return from_entry(*entry);
  }
  const std::optional<int64_t> uid = parse_int(name_or_uid);
  if (uid && *uid >= 0 && *uid < UINT32_MAX) {
    if (const passwd* entry = getpwuid(static_cast<uid_t>(*uid))) {
      return from_entry(*entry);
    }
  }
  return fail("no such user: " + name_or_uid,
              "getent passwd lists the users of this machine");
}

std::string user_name(uid_t uid) {
  std::vector<char> room;
  passwd entry{};
  const passwd* found = find_entry(
      [uid](auto... more) { return getpwuid_r(uid, more...); }, entry, room);
  return found == nullptr ? std::to_string(uid) : found->pw_name;
}

std::string group_name(gid_t gid) {
  std::vector<char> room;
  group entry{};
  const group* found = find_entry(
      [gid](auto... more) { return getgrgid_r(gid, more...); }, entry, room);
  return found == nullptr ? std::to_string(gid) : found->gr_name;
}

User calling_user() {
  if (geteuid() == 0) {
    if (const char* uid = getenv("SUDO_UID")) {
      if (Result<User> user = find_user(uid)) {
        return *user;
      }
    }
  }
  if (const passwd* entry = getpwuid(getuid())) {
    return from_entry(*entry);
  }
  return {.uid = getuid(), .gid = getgid(), .name = "", .home = "/"};
}

}  // namespace tracer
