// SPDX-License-Identifier: Apache-2.0
//
// User: an account, and the one that called this program: under sudo the one
// who called sudo.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace tracer {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  std::string home;
};

/// By name or by number.
Result<User> find_user(const std::string& name_or_uid);

/// The name of a user, or the number as text if it has none. Asks the name
/// service, which may take long. Any thread may call it.
std::string user_name(uid_t uid);

/// The same for a group.
std::string group_name(gid_t gid);

/// Who called: SUDO_UID when we are root, otherwise the real user.
User calling_user();

}  // namespace tracer
