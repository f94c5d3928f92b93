// SPDX-License-Identifier: Apache-2.0
#include "compiler/stand_in.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "probe.h"

namespace tracer::compiler {
namespace {

const std::string kProbes = std::string(TRACER_CHECKOUT) + "/probes";

artifact::Request shipped(const std::string& probe) {
  return {.file = probe,
          .text = read_file(kProbes + "/" + probe + ".bpf.c").value_or(""),
          .include_dir = kProbes + "/include",
          .parameters = {},
          .explain = {}};
}

TEST(StandIn, MakesTheArtifactThatTheKernelMakes) {
  for (const char* probe : {"write", "processes"}) {
    artifact::Request request = shipped(probe);
    const auto with_kernel = compile_probe(request);
    ASSERT_TRUE(with_kernel) << why(with_kernel);
    request.without_kernel = true;
    const auto without = compile_probe(request);
    ASSERT_TRUE(without) << why(without);
    EXPECT_FALSE(without->schema.events.empty());
    EXPECT_TRUE(artifact::encode(*with_kernel) == artifact::encode(*without))
        << probe;
  }
}

TEST(StandIn, NeedsNoRights) {
  const pid_t child = fork();
  if (child == 0) {
    // The worker begins with none, whoever it is.
    int capability = 0;
    while (prctl(PR_CAPBSET_DROP, capability) == 0) {
      ++capability;
    }
    artifact::Request request = shipped("write");
    request.without_kernel = true;
    const auto made =
        artifact::compile(worker_path(), request, std::chrono::seconds(60));
    fputs(why(made).c_str(), stderr);
    _exit(capability > 30 && made && made->schema.events.size() == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace tracer::compiler
