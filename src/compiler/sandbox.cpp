// SPDX-License-Identifier: Apache-2.0
#include "compiler/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/fd.h"
#include "compiler/last_words.h"

namespace tracer::compiler {
namespace {

// A directory that every system has and that nothing here needs any more: the
// request has been read, libbcc is loaded, the BTF lies in /sys.
constexpr const char* kPrivateMount = "/tmp";

// The two helpers that libbcc looks for. Each kernel that we run on has them
// (5.5), so the answer may be given without looking. The addresses only must
// not be zero.
constexpr std::string_view kKallsyms =
    "ffffffff81000000 T bpf_probe_read_kernel\n"
    "ffffffff81000010 T bpf_probe_read_user\n";

// What is on disk, in the order of making; emptied when it is removed. Plain
// C strings that are never freed, for a signal handler reads them.
std::vector<const char*>& on_disk() {
  static auto* const kPaths = new std::vector<const char*>;
  return *kPaths;
}

void remove_from_disk() {
  std::vector<const char*>& paths = on_disk();
  for (size_t i = paths.size(); i > 0; --i) {
    if (unlink(paths[i - 1]) != 0) {
      rmdir(paths[i - 1]);
    }
  }
  paths.clear();
}

Result<void> make_directory(const std::string& path, bool is_private) {
  if (mkdir(path.c_str(), 0700) == 0) {
    if (!is_private) {
      on_disk().push_back(strdup(path.c_str()));
    }
  } else if (errno != EEXIST) {
    return fail_errno(path, errno);
  }
  return {};
}

// Where a file of the tree goes, or nothing for one that has no place in it:
// an absolute path is only written if our mount hides what is there.
std::string place_of(const std::string& root, const std::string& name,
                     bool is_private) {
  if (name.empty() || name.find("..") != std::string::npos) {
    return {};
  }
  if (name.front() != '/') {
    return root + "/" + name;
  }
  return is_private && name.starts_with(root + "/") ? name : std::string();
}

Result<void> write_file(const std::string& path, std::string_view content,
                        bool is_private) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    TRY(make_directory(path.substr(0, slash), is_private));
  }
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd && errno == EEXIST) {
    return {};  // the first of a name counts
  }
  if (!fd) {
    return fail_errno(path, errno);
  }
  if (!is_private) {
    on_disk().push_back(strdup(path.c_str()));
  }
  return write_all(fd.get(), content);
}

// True if we now have mounts of our own with a tmpfs on kPrivateMount.
bool make_mounts() {
  if (unshare(CLONE_NEWNS) != 0) {
    return false;
  }
  return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tracer", kPrivateMount, "tmpfs", MS_NOSUID | MS_NODEV,
               "mode=0700,size=16m") == 0;
}

Result<std::string> make_temporary() {
  std::string path = "/tmp/tracer-bcc.XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    return fail_errno(path, errno);
  }
  static const bool kRegistered = (at_end(remove_from_disk), true);
  (void)kRegistered;
  on_disk().push_back(strdup(path.c_str()));
  // Killed without a chance to clean up only as the last resort: our parent
  // sends SIGTERM first, and so shall the kernel if the parent dies.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  return path;
}

}  // namespace

Result<Sandbox> Sandbox::enter(const Files& files) {
  const bool is_private = make_mounts();
  Sandbox sandbox(is_private ? kPrivateMount : TRY(make_temporary()),
                  is_private);
  for (const auto& [name, content] : files) {
    const std::string path = place_of(sandbox.root_, name, is_private);
    if (!path.empty()) {
      TRY(write_file(path, content, is_private));
    }
  }
  if (is_private) {
    TRY(write_file(sandbox.root_ + "/kallsyms", kKallsyms, true));
    // Without it the compile is slower and not wrong.
    mount((sandbox.root_ + "/kallsyms").c_str(), "/proc/kallsyms", nullptr,
          MS_BIND, nullptr);
  }
  // libbcc goes into the tree and then back to where it was, which may have
  // disappeared under the mount.
  if (chdir("/") != 0) {
    return fail_errno("chdir", errno);
  }
  setenv("BCC_KERNEL_SOURCE", sandbox.root_.c_str(), 1);
  return sandbox;
}

Sandbox::~Sandbox() {
  if (!is_private_) {
    remove_from_disk();
  }
}

}  // namespace tracer::compiler
