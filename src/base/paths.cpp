// SPDX-License-Identifier: Apache-2.0
#include "base/paths.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>

namespace tracer {
namespace {

namespace fs = std::filesystem;

bool is_home(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path / "lua/tracer/init.lua", ignored);
}

Paths paths_in(const fs::path& home, const fs::path& worker) {
  return {.lua = home / "lua",
          .probes = home / "probes",
          .scripts = home / "scripts",
          .worker = worker};
}

}  // namespace

Result<Paths> find_paths() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) {
    return fail("/proc/self/exe: " + error.message(),
                "is /proc mounted? mount -t proc proc /proc");
  }
  const fs::path folder = self.parent_path();
  const fs::path beside = folder / "tracer-bcc";
  const fs::path installed = folder.parent_path() / "libexec/tracer/tracer-bcc";
  const fs::path worker = fs::exists(beside, error) ? beside : installed;
  if (const char* home = secure_getenv("TRACER_HOME")) {
    if (!is_home(home)) {
      return fail(std::string("TRACER_HOME: no lua/tracer/init.lua in ") + home,
                  "unset it, or let it name a folder with lua/, probes/ and "
                  "scripts/");
    }
    return paths_in(home, worker);
  }
  const fs::path share = folder.parent_path() / "share/tracer";
  for (const fs::path& home : {folder, share}) {
    if (is_home(home)) {
      return paths_in(home, worker);
    }
  }
  return fail("the Lua library is neither in " + folder.string() + " nor in " +
                  share.string(),
              "install the program again, or set TRACER_HOME");
}

}  // namespace tracer
