// SPDX-License-Identifier: Apache-2.0
#include "artifact/cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "../temporary.h"
#include "base/fd.h"

namespace tracer::artifact {
namespace {

namespace fs = std::filesystem;

class CacheTest : public testing::Test {
 protected:
  CacheTest() {
    request_.file = "p.bpf.c";
    request_.text = "int f;";
    request_.include_dir = home_.path("include");
    request_.parameters["bytes"] = {256};
    home_.write("include/tracer.bpf.h", "/* one */");
    tracepoint_ = home_.write("format", "field:int a");
  }
  Cache cache() {
    std::string why;
    std::optional<Cache> cache = Cache::open_at(home_.path("cache"), why);
    EXPECT_TRUE(cache) << why;
    return std::move(*cache);
  }
  /// An artifact that can be told from others.
  [[nodiscard]] Artifact artifact(const std::string& license) const {
    Artifact artifact;
    artifact.license = license;
    artifact.dependencies = {{.path = tracepoint_}};
    return artifact;
  }
  std::string found() {
    const std::optional<Artifact> artifact = cache().find(request_);
    return artifact ? artifact->license : "nothing";
  }
  std::vector<fs::path> files() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(home_.path("cache"))) {
      files.push_back(entry.path());
    }
    return files;
  }
  std::string entry() {
    EXPECT_EQ(files().size(), 1);
    return files().front();
  }

  TemporaryFolder home_;
  Request request_;
  std::string tracepoint_;
};

TEST_F(CacheTest, FindsWhatWasStored) {
  EXPECT_EQ(found(), "nothing");
  cache().store(request_, artifact("GPL"));
  EXPECT_EQ(found(), "GPL");
}

TEST_F(CacheTest, KeepsFilesToTheirOwner) {
  cache().store(request_, artifact("GPL"));
  struct stat status {};
  ASSERT_EQ(stat(entry().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600);
  ASSERT_EQ(stat(home_.path("cache").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700);
}

TEST_F(CacheTest, TellsRequestsApart) {
  cache().store(request_, artifact("GPL"));
  request_.parameters["bytes"] = {64};
  EXPECT_EQ(found(), "nothing");
  cache().store(request_, artifact("MIT"));
  EXPECT_EQ(found(), "MIT");
  request_.parameters["bytes"] = {256};
  EXPECT_EQ(found(), "GPL");
  request_.text += " ";
  EXPECT_EQ(found(), "nothing");
}

TEST_F(CacheTest, ForgetsWhenAHeaderHasChanged) {
  cache().store(request_, artifact("GPL"));
  home_.write("include/tracer.bpf.h", "/* two */");
  EXPECT_EQ(found(), "nothing");
}

TEST_F(CacheTest, ForgetsWhenADependencyHasChanged) {
  cache().store(request_, artifact("GPL"));
  home_.write("format", "field:int a; field:int b");
  EXPECT_EQ(found(), "nothing");
  cache().store(request_, artifact("new"));
  EXPECT_EQ(found(), "new");
  fs::remove(tracepoint_);
  EXPECT_EQ(found(), "nothing");
}

TEST_F(CacheTest, IgnoresADamagedEntryAndReplacesIt) {
  cache().store(request_, artifact("GPL"));
  const std::string path = entry();
  const std::string whole = read_file(path).value();
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    std::ofstream(path) << damaged;
    ASSERT_EQ(found(), "nothing") << "byte " << i;
  }
  cache().store(request_, artifact("again"));
  EXPECT_EQ(found(), "again");
}

TEST_F(CacheTest, IgnoresAnEntryThatWasCutAnywhere) {
  cache().store(request_, artifact("GPL"));
  const std::string path = entry();
  const std::string whole = read_file(path).value();
  for (size_t size = 0; size < whole.size(); ++size) {
    std::ofstream(path) << whole.substr(0, size);
    ASSERT_EQ(found(), "nothing") << size << " bytes";
  }
}

TEST_F(CacheTest, IgnoresAnEntryOfAnotherKey) {
  cache().store(request_, artifact("GPL"));
  const std::string first = entry();
  const std::string content = read_file(first).value();
  request_.text = "int g;";
  cache().store(request_, artifact("MIT"));
  for (const fs::path& path : files()) {
    std::ofstream(path) << content;  // as if their names had collided
  }
  EXPECT_EQ(found(), "nothing");
}

TEST_F(CacheTest, TrustsNoEntryThatOthersMayWrite) {
  cache().store(request_, artifact("GPL"));
  ASSERT_EQ(chmod(entry().c_str(), 0620), 0);
  EXPECT_EQ(found(), "nothing");
}

TEST_F(CacheTest, FollowsNoLink) {
  cache().store(request_, artifact("GPL"));
  const std::string path = entry();
  fs::rename(path, home_.path("elsewhere"));
  fs::create_symlink(home_.path("elsewhere"), path);
  EXPECT_EQ(found(), "nothing");
}

TEST_F(CacheTest, TrustsNoFolderThatOthersMayWriteTo) {
  fs::create_directory(home_.path("open"));
  ASSERT_EQ(chmod(home_.path("open").c_str(), 0777), 0);
  std::string why;
  EXPECT_FALSE(Cache::open_at(home_.path("open"), why));
  EXPECT_NE(why.find("others may write there"), std::string::npos) << why;
  fs::create_symlink(home_.path("open"), home_.path("link"));
  EXPECT_FALSE(Cache::open_at(home_.path("link"), why));
  EXPECT_FALSE(Cache::open_at(home_.path("no/such"), why));
}

TEST_F(CacheTest, KeepsTheNewestEntries) {
  const Cache cache = this->cache();
  for (size_t i = 0; i < Cache::kMaxEntries + 5; ++i) {
    request_.parameters["bytes"] = {static_cast<int64_t>(i)};
    cache.store(request_, artifact("GPL"));
    // Their times may be the same: the oldest is made to be the oldest.
    if (i == 0) {
      fs::last_write_time(
          entry(), fs::file_time_type::clock::now() - std::chrono::hours(1));
    }
  }
  EXPECT_EQ(files().size(), Cache::kMaxEntries);
  request_.parameters["bytes"] = {0};
  EXPECT_EQ(found(), "nothing");
}

TEST_F(CacheTest, MayBeSharedByManyAtOnce) {
  std::vector<std::thread> tracers;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    tracers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        cache().store(request_, artifact("GPL"));
        const std::string license = found();
        wrong += license == "GPL" ? 0 : 1;
      }
    });
  }
  for (std::thread& tracer : tracers) {
    tracer.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(files().size(), 1) << "nothing half-written is left";
}

TEST(Fingerprint, IsZeroForWhatIsNotThere) {
  EXPECT_EQ(fingerprint("/no/such/file"), 0);
}

TEST(Fingerprint, OfAKernelsFileIsItsContent) {
  EXPECT_NE(fingerprint("/proc/self/comm"), 0);
  EXPECT_EQ(fingerprint("/proc/self/comm"), fingerprint("/proc/self/comm"));
  EXPECT_NE(fingerprint("/proc/self/comm"), fingerprint("/proc/version"));
}

}  // namespace
}  // namespace tracer::artifact
