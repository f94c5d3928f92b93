// SPDX-License-Identifier: Apache-2.0
#include "base/paths.h"

#include <gtest/gtest.h>

#include "../temporary.h"

namespace tracer {
namespace {

TEST(Paths, AreThoseInTracerHome) {
  const TemporaryFolder home;
  home.write("lua/tracer/init.lua", "");
  const TemporaryVariable variable("TRACER_HOME", home.path().c_str());
  const Result<Paths> paths = find_paths();
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->lua, home.path("lua"));
  EXPECT_EQ(paths->probes, home.path("probes"));
  EXPECT_EQ(paths->scripts, home.path("scripts"));
}

TEST(Paths, OfTheWorkerDoNotComeFromTheEnvironment) {
  const TemporaryFolder home;
  home.write("lua/tracer/init.lua", "");
  home.write("tracer-bcc", "#!/bin/false");
  const TemporaryVariable variable("TRACER_HOME", home.path().c_str());
  const TemporaryVariable path("PATH", home.path().c_str());
  const Result<Paths> paths = find_paths();
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->worker.find(home.path()), std::string::npos);
  EXPECT_TRUE(paths->worker.ends_with("/tracer-bcc"));
}

TEST(Paths, SayWhatIsWrongWithTracerHome) {
  const TemporaryFolder empty;
  const TemporaryVariable variable("TRACER_HOME", empty.path().c_str());
  const Result<Paths> paths = find_paths();
  ASSERT_FALSE(paths);
  EXPECT_EQ(paths.error().message,
            "TRACER_HOME: no lua/tracer/init.lua in " + empty.path());
  EXPECT_NE(paths.error().hint, "");
}

TEST(Paths, SayWhereTheyWereLookedFor) {
  const TemporaryVariable variable("TRACER_HOME", nullptr);
  const Result<Paths> paths = find_paths();
  // The tests are not beside the library.
  ASSERT_FALSE(paths);
  EXPECT_NE(paths.error().message.find("/share/tracer"), std::string::npos);
}

}  // namespace
}  // namespace tracer
