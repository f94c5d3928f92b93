// SPDX-License-Identifier: Apache-2.0
#include "export_command.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/log.h"
#include "base/user.h"
#include "base/words.h"
#include "export/chrome.h"
#include "export/ctf.h"
#include "export/exporter.h"
#include "export/json.h"
#include "recording/reader.h"
#include "sinks/file.h"

namespace tracer {
namespace {

Result<std::unique_ptr<recording::Reader>> open_recording(
    const ExportCommand& command) {
  Fd fd = TRY(recording::open_file(command.recording, command.output));
  auto reader = recording::Reader::open(std::move(fd));
  if (!reader) {
    return tl::unexpected(std::move(reader).error().context(command.recording));
  }
  return reader;
}

bool is_empty_folder(int fd) {
  DIR* folder = fdopendir(dup(fd));
  if (folder == nullptr) {
    return false;
  }
  bool empty = true;
  while (const dirent* entry = readdir(folder)) {
    const std::string_view name = entry->d_name;
    empty = empty && (name == "." || name == "..");
  }
  closedir(folder);
  return empty;
}

/// A folder for a trace, its owner's alone: what is captured from other
/// processes may be secret. One that is there must be empty, and ours.
Result<Fd> open_folder(const std::string& path, const User& owner) {
  const std::string what = "cannot write to " + path;
  const bool created = mkdir(path.c_str(), 0700) == 0;
  if (!created && errno != EEXIST) {
    return fail_errno(what, errno);
  }
  Fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return fail_errno(what, errno);
  }
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) {
    return fail_errno(what, errno);
  }
  if (!created && status.st_uid != geteuid() && status.st_uid != owner.uid) {
    return fail(what + ": the folder belongs to somebody else",
                "name another one");
  }
  if (!is_empty_folder(fd.get())) {
    return fail(what + ": the folder is not empty",
                "name one that is empty or not there yet");
  }
  if (created && geteuid() == 0 &&
      fchown(fd.get(), owner.uid, owner.gid) != 0) {
    return fail_errno(what + ": giving it to " + owner.name, errno);
  }
  return fd;
}

Result<Fd> create_file(const Fd& folder, const char* name, const User& owner) {
  const std::string what = std::string("cannot write ") + name;
  Fd fd(openat(folder.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
               0600));
  if (!fd) {
    return fail_errno(what, errno);
  }
  if (geteuid() == 0 && fchown(fd.get(), owner.uid, owner.gid) != 0) {
    return fail_errno(what + ": giving it to " + owner.name, errno);
  }
  return fd;
}

/// Where an export goes, and whether that still takes anything.
class Output {
 public:
  explicit Output(Fd fd) : sink_(std::move(fd), [this] { failed_ = true; }) {}
  exporting::Emit emit() {
    return [this](std::string_view bytes) { sink_.write(bytes); };
  }
  [[nodiscard]] bool failed() const { return failed_; }
  Result<void> finish() { return sink_.finish(); }

 private:
  std::atomic<bool> failed_{false};
  sinks::FileSink sink_;
};

void report(const exporting::Summary& summary) {
  std::string line = counted(summary.events, "event", "events") + " exported";
  if (summary.missing > 0) {
    line += ", " + with_commas(summary.missing) + " missing in the recording";
  }
  log::note(line);
  for (const recording::LossCause& cause : summary.lost) {
    if (cause.total > 0) {
      log::warn(counted(cause.total, "event", "events") +
                " lost when this was recorded: " + log::printable(cause.text));
    }
  }
}

Result<void> convert(recording::Reader& reader, exporting::Exporter& exporter,
                     Output& output) {
  const auto on_gap = [](const recording::Gap& gap) { log::warn(gap.text); };
  const auto summary = exporting::convert(reader, exporter, on_gap,
                                          [&] { return output.failed(); });
  const Result<void> written = output.finish();
  if (!summary) {
    return tl::unexpected(summary.error());
  }
  report(*summary);
  return written;
}

Result<void> export_ctf(recording::Reader& reader, const std::string& path) {
  const User owner = calling_user();
  const Fd folder = TRY(open_folder(path, owner));
  const Fd metadata = TRY(create_file(folder, "metadata", owner));
  Output output(TRY(create_file(folder, "stream", owner)));
  exporting::CtfExporter exporter(reader.meta(), reader.probes(),
                                  output.emit());
  TRY(write_all(metadata.get(), exporter.metadata()));
  TRY(convert(reader, exporter, output));
  if (exporter.out_of_order() > 0) {
    log::warn(counted(exporter.out_of_order(), "event", "events") +
              " stood behind a later one, and got that one's time");
  }
  return {};
}

/// The formats that are one file.
template <typename Exporter>
Result<void> export_file(recording::Reader& reader, const std::string& path) {
  Fd fd = path.empty() ? TRY(sinks::standard_output())
                       : TRY(sinks::open_output(path, calling_user()));
  Output output(std::move(fd));
  Exporter exporter(reader.meta(), reader.probes(), output.emit());
  return convert(reader, exporter, output);
}

}  // namespace

Result<int> run_export(const ExportCommand& command) {
  const auto reader = TRY(open_recording(command));
  switch (command.format) {
    case ExportFormat::kCtf:
      TRY(export_ctf(*reader, command.output));
      break;
    case ExportFormat::kChrome:
      TRY(export_file<exporting::ChromeExporter>(*reader, command.output));
      break;
    case ExportFormat::kJson:
      TRY(export_file<exporting::JsonExporter>(*reader, command.output));
      break;
  }
  return 0;
}

}  // namespace tracer
