// SPDX-License-Identifier: Apache-2.0
#include "base/user.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "base/words.h"

namespace tracer {
namespace {

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
