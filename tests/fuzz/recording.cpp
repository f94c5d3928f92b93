// SPDX-License-Identifier: Apache-2.0
//
// Whatever the bytes of a recording are, its reader stays inside of them, and
// whoever reads an event by its schema stays inside of the event's memory.
//
// Checksums would end most of what a fuzzer tries at the first block, so they
// are made right again after most changes.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "base/fd.h"
#include "events/processes.h"
#include "recording/info.h"
#include "recording/reader.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace tracer::recording {
namespace {

Fd file_of(const uint8_t* data, size_t size) {
  Fd fd(memfd_create("recording", MFD_CLOEXEC));
  if (!fd ||
      !write_all(fd.get(), {reinterpret_cast<const char*>(data), size}) ||
      lseek(fd.get(), 0, SEEK_SET) != 0) {
    abort();
  }
  return fd;
}

/// The size of each event type's struct.
std::vector<uint32_t> sizes_of(const std::vector<Probe>& probes) {
  std::vector<uint32_t> sizes;
  for (const Probe& probe : probes) {
    for (const events::EventType& event : probe.schema.events) {
      sizes.push_back(probe.schema.types[event.type].size);
    }
  }
  return sizes;
}

/// Reads every byte that a script may read, so that the sanitizer sees it.
void touch(const events::Header* event, const std::vector<uint32_t>& sizes) {
  const size_t type = event->type & events::kTypeMask;
  if (type >= sizes.size()) {
    abort();
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(event);
  const size_t size = std::max(event->len, sizes[type]);
  [[maybe_unused]] volatile uint32_t sum = crc32c_plain(bytes, size);
}

void read_all(Fd fd, uint64_t from, uint64_t to) {
  Result<std::unique_ptr<Reader>> reader = Reader::open(std::move(fd));
  if (!reader || !(*reader)->select(from, to)) {
    return;
  }
  const std::vector<uint32_t> sizes = sizes_of((*reader)->probes());
  events::Processes processes;
  for (;;) {
    Result<Reader::Item> item = (*reader)->next();
    if (!item || std::holds_alternative<End>(*item)) {
      return;
    }
    if (const auto* batch = std::get_if<const events::Batch*>(&*item)) {
      for (const events::Header* event : (*batch)->events()) {
        touch(event, sizes);
        processes.apply(event);
      }
    }
  }
}

template <typename T>
T read_at(const uint8_t* at) {
  T value;
  memcpy(&value, at, sizeof value);
  return value;
}

void put_checksum(uint8_t* at, const void* bytes, size_t size) {
  const uint32_t sum = crc32c(bytes, size);
  memcpy(at, &sum, sizeof sum);
}

void repair(uint8_t* data, size_t size) {
  if (size < sizeof(FileHead)) {
    return;
  }
  put_checksum(data + offsetof(FileHead, checksum), data,
               offsetof(FileHead, checksum));
  size_t at = sizeof(FileHead);
  while (at + sizeof(BlockHeader) <= size) {
    uint8_t* header = data + at;
    uint8_t* payload = header + sizeof(BlockHeader);
    const size_t left = size - at - sizeof(BlockHeader);
    const auto stored = std::min<size_t>(
        read_at<uint32_t>(header + offsetof(BlockHeader, stored_size)), left);
    put_checksum(header + offsetof(BlockHeader, payload_checksum), payload,
                 stored);
    put_checksum(header + offsetof(BlockHeader, checksum), header,
                 offsetof(BlockHeader, checksum));
    at += sizeof(BlockHeader) + stored;
  }
}

}  // namespace
}  // namespace tracer::recording

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tracer::recording;
  static_cast<void>(summarize(file_of(data, size)));
  read_all(file_of(data, size), 0, UINT64_MAX);
  // The index leads to the middle.
  read_all(file_of(data, size), 2000, 5000);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 4 != 0) {
    tracer::recording::repair(data, size);
  }
  return size;
}
