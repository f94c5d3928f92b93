// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace tracer {
namespace {

Result<std::unique_ptr<int>> make(bool works) {
  if (!works) {
    return fail("cannot make it", "try again");
  }
  return std::make_unique<int>(7);
}

Result<int> use(bool works) {
  const std::unique_ptr<int> made = TRY(make(works));
  return *made + 1;
}

Result<void> use_twice(bool works) {
  TRY(use(true));
  TRY(use(works));
  return {};
}

TEST(Try, GivesTheValueAlsoOfWhatOnlyMoves) {
  EXPECT_EQ(*use(true), 8);
  EXPECT_TRUE(use_twice(true));
}

TEST(Try, ReturnsTheWholeError) {
  const Result<void> result = use_twice(false);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "cannot make it");
  EXPECT_EQ(result.error().hint, "try again");
  EXPECT_EQ(result.error().status, kFailed);
}

TEST(Error, IsBuiltFromTheInsideOut) {
  Error error{.message = "no such file"};
  error.context("probes/write.bpf.c").context("compiling write");
  EXPECT_EQ(error.message, "compiling write: probes/write.bpf.c: no such file");
}

TEST(Fail, KnowsWhoseFaultItIs) {
  EXPECT_EQ(fail("x").value().status, 1);
  EXPECT_EQ(fail_usage("x").value().status, 2);
  EXPECT_EQ(fail_usage("x", "y").value().hint, "y");
}

TEST(FailErrno, SaysWhatTheNumberMeans) {
  EXPECT_EQ(fail_errno("open", ENOENT).value().message,
            "open: No such file or directory");
}

}  // namespace
}  // namespace tracer
