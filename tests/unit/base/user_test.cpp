// SPDX-License-Identifier: Apache-2.0
#include "base/user.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include "../temporary.h"

namespace tracer {
namespace {

TEST(FindUser, TakesANameOrANumber) {
  const Result<User> by_name = find_user("root");
  ASSERT_TRUE(by_name);
  EXPECT_EQ(by_name->uid, 0);
  EXPECT_EQ(by_name->home, "/root");
  const Result<User> by_number = find_user("0");
  ASSERT_TRUE(by_number);
  EXPECT_EQ(by_number->name, "root");
}

TEST(FindUser, NamesWhomItDoesNotFind) {
  for (const char* name : {"", "no-such-user", "-1", "4294967295", "4294967296",
                           "18446744073709551616", "0x0"}) {
    const Result<User> user = find_user(name);
    ASSERT_FALSE(user) << name;
    EXPECT_EQ(user.error().message, std::string("no such user: ") + name);
  }
}

TEST(CallingUser, IsTheRealOneWithoutSudo) {
  const TemporaryVariable variable("SUDO_UID", nullptr);
  EXPECT_EQ(calling_user().uid, getuid());
}

TEST(CallingUser, IsTheOneWhoCalledSudo) {
  const passwd* nobody = getpwnam("nobody");
  if (geteuid() != 0 || nobody == nullptr) {
    GTEST_SKIP() << "needs root and a user nobody";
  }
  const uid_t uid = nobody->pw_uid;
  const TemporaryVariable variable("SUDO_UID", std::to_string(uid).c_str());
  EXPECT_EQ(calling_user().uid, uid);
  EXPECT_EQ(calling_user().name, "nobody");
}

TEST(CallingUser, IsNotToldByTheEnvironmentToWhoIsNotRoot) {
  if (geteuid() == 0) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const TemporaryVariable variable("SUDO_UID", "1");
  const User user = calling_user();
  static_cast<void>(seteuid(getuid()));
  EXPECT_EQ(user.uid, getuid());
}

}  // namespace
}  // namespace tracer
