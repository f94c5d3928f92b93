// SPDX-License-Identifier: Apache-2.0
#include "bpf/map_access.h"

#include <bpf/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "base/fd.h"
#include "kernel/features.h"

namespace tracer::bpf {
namespace {

using events::MapAnswer;
using events::MapOp;
using events::MapStatus;

// ENOTSUPP of the kernel, which is no errno of user space.
constexpr int kNotSupported = 524;
// Entries that are fetched at once, and bytes of them; a bucket that holds more
// asks for more.
constexpr uint32_t kBatch = 16384;
constexpr size_t kBatchBytes = size_t{4} << 20;

bool is_per_cpu(uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH ||
         type == BPF_MAP_TYPE_PERCPU_ARRAY ||
         type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

bool is_array(uint32_t type) {
  return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

bool is_zero(const char* bytes, size_t size) {
  return std::all_of(bytes, bytes + size, [](char byte) { return byte == 0; });
}

/// Does this kernel lack the call for this kind of map?
bool is_unknown(int error) {
  return error == EINVAL || error == kNotSupported || error == EOPNOTSUPP;
}

}  // namespace

std::vector<events::Map> script_maps(const artifact::Artifact& artifact) {
  std::vector<events::Map> maps;
  for (const artifact::Map& map : artifact.maps) {
    if (map.name.rfind("tracer_", 0) == 0) {
      continue;
    }
    const bool per_cpu = is_per_cpu(map.type);
    maps.push_back(
        {.name = map.name,
         .type = map.type,
         .key_size = map.key_size,
         .value_size = map.value_size,
         .max_entries = map.max_entries,
         .key_type = map.key_type,
         .value_type = map.value_type,
         .is_per_cpu = per_cpu,
         .values =
             per_cpu ? static_cast<uint32_t>(kernel::possible_cpus()) : 1});
  }
  return maps;
}

MapAnswer KernelMaps::failed(const Entry& entry, const char* what, int error) {
  out_ = "the map " + entry.map.name + ": " + what + ": ";
  if (error == E2BIG) {
    out_ += "it is full (" + std::to_string(entry.map.max_entries) +
            " entries); a larger one is declared with its size in C";
  } else {
    out_ += strerror(error);
  }
  return {MapStatus::kFailed, out_};
}

/// The answer when a value was to come into out_.
MapAnswer KernelMaps::value_of(const Entry& entry, int result,
                               const char* what) {
  if (result == 0) {
    return {MapStatus::kDone, out_};
  }
  return result == -ENOENT ? MapAnswer{} : failed(entry, what, -result);
}

/// The answer when something was to be done.
MapAnswer KernelMaps::changed(const Entry& entry, int result,
                              const char* what) {
  if (result == 0) {
    return {MapStatus::kDone, {}};
  }
  return result == -ENOENT ? MapAnswer{} : failed(entry, what, -result);
}

MapAnswer KernelMaps::call(uint32_t map, MapOp op, std::string_view in) {
  if (map >= maps_.size() ||
      in.size() != events::question_room(maps_[map].map, op)) {
    return {MapStatus::kFailed, "there is no such map, or no such key"};
  }
  const Entry& entry = maps_[map];
  const size_t room = events::value_room(entry.map);
  const char* key = events::has_keys(entry.map) ? in.data() : nullptr;
  switch (op) {
    case MapOp::kGet:
    case MapOp::kPeek:
      out_.assign(room, '\0');
      return value_of(entry, bpf_map_lookup_elem(entry.fd, key, out_.data()),
                      "reading");
    case MapOp::kPop:
      out_.assign(room, '\0');
      return value_of(
          entry, bpf_map_lookup_and_delete_elem(entry.fd, nullptr, out_.data()),
          "taking");
    case MapOp::kSet:
    case MapOp::kPush:
      return changed(entry,
                     bpf_map_update_elem(entry.fd, key,
                                         in.data() + in.size() - room, BPF_ANY),
                     "writing");
    case MapOp::kDelete:
      return changed(entry, bpf_map_delete_elem(entry.fd, key), "deleting");
    case MapOp::kAll:
      return all(entry);
    case MapOp::kDrain:
      return drain(entry);
    case MapOp::kClear: {
      const MapAnswer drained = drain(entry);
      return drained.status == MapStatus::kFailed
                 ? drained
                 : MapAnswer{MapStatus::kDone, {}};
    }
  }
  return {MapStatus::kFailed, "no such operation on maps"};
}

MapAnswer KernelMaps::all(const Entry& entry) {
  out_.clear();
  const int result = walk(entry, false);
  return result == 0 ? MapAnswer{MapStatus::kDone, out_}
                     : failed(entry, "reading", -result);
}

MapAnswer KernelMaps::drain(const Entry& entry) {
  out_.clear();
  const int result = is_array(entry.map.type)       ? take_array(entry)
                     : !events::has_keys(entry.map) ? take_queue(entry)
                                                    : walk(entry, true);
  return result == 0 ? MapAnswer{MapStatus::kDone, out_}
                     : failed(entry, "taking", -result);
}

/// Puts all entries into out_; 0, or the error below zero.
int KernelMaps::walk(const Entry& entry, bool take) {
  bool supported = true;
  const int result = walk_in_batches(entry, take, supported);
  return supported ? result : walk_keys(entry, take);
}

/// By buckets, each under its lock: an entry that stays is met once.
int KernelMaps::walk_in_batches(const Entry& entry, bool take,
                                bool& supported) {
  const size_t key_size = entry.map.key_size;
  const size_t room = events::value_room(entry.map);
  constexpr uint32_t kLeast = 16;
  uint32_t most = std::clamp(
      static_cast<uint32_t>(kBatchBytes / events::entry_room(entry.map)),
      kLeast, kBatch);
  std::string keys;
  std::string values;
  // Where it goes on: the kernel's own affair, and not larger than a key, or
  // than a number.
  std::string at(std::max(key_size, sizeof(uint64_t)), '\0');
  bool is_first = true;
  for (;;) {
    keys.resize(most * key_size);
    values.resize(most * room);
    uint32_t count = most;
    void* from = is_first ? nullptr : at.data();
    const int result =
        take ? bpf_map_lookup_and_delete_batch(entry.fd, from, at.data(),
                                               keys.data(), values.data(),
                                               &count, nullptr)
             : bpf_map_lookup_batch(entry.fd, from, at.data(), keys.data(),
                                    values.data(), &count, nullptr);
    if (result == -ENOSPC && most < entry.map.max_entries) {
      most *= 2;
      continue;
    }
    if (result == -EINTR && !take) {
      // Keys went while it looked for the next one, several times over.
      out_.clear();
      supported = false;
      return result;
    }
    if (result != 0 && result != -ENOENT) {
      supported = !(is_first && is_unknown(-result));
      return result;
    }
    for (uint32_t i = 0; i < count; ++i) {
      out_.append(keys, i * key_size, key_size);
      out_.append(values, i * room, room);
    }
    if (result == -ENOENT) {
      return 0;
    }
    is_first = false;
  }
}

/// Key by key. If the entry where it stands goes, the kernel begins again: so
/// what was met is noted, and there is an end to it.
int KernelMaps::walk_keys(const Entry& entry, bool take) {
  const size_t key_size = entry.map.key_size;
  std::string key(key_size, '\0');
  std::string next(key_size, '\0');
  std::string value(events::value_room(entry.map), '\0');
  std::unordered_set<std::string> met;
  const uint64_t most = uint64_t{entry.map.max_entries} * 4 + 16;
  bool is_first = true;
  for (uint64_t steps = 0; steps < most; ++steps) {
    int result = bpf_map_get_next_key(entry.fd, is_first ? nullptr : key.data(),
                                      next.data());
    if (result != 0) {
      return result == -ENOENT ? 0 : result;
    }
    if (take) {
      // Always the first that is left. Before Linux 5.14 hash maps cannot
      // read and delete at once.
      result =
          bpf_map_lookup_and_delete_elem(entry.fd, next.data(), value.data());
      if (result != 0 && is_unknown(-result)) {
        result = bpf_map_lookup_elem(entry.fd, next.data(), value.data());
        bpf_map_delete_elem(entry.fd, next.data());
      }
    } else {
      is_first = false;
      key = next;
      if (!met.insert(next).second) {
        continue;
      }
      result = bpf_map_lookup_elem(entry.fd, next.data(), value.data());
    }
    if (result == 0) {
      out_ += next;
      out_ += value;
    } else if (result != -ENOENT) {
      return result;
    }
  }
  return 0;
}

/// The same in the array's own memory, where a word is read and zeroed in one
/// step: what a program adds to it atomically comes out once.
bool KernelMaps::take_mapped(const Entry& entry) {
  const size_t stride = (size_t{entry.map.value_size} + 7) & ~size_t{7};
  const Result<Mapping> memory = Mapping::map(
      entry.fd, stride * entry.map.max_entries, PROT_READ | PROT_WRITE);
  if (!memory) {
    return false;  // of a kernel before 5.5, or read-only by its flags
  }
  auto* words = static_cast<uint64_t*>(memory->data());
  std::vector<uint64_t> value(stride / sizeof(uint64_t));
  for (uint32_t key = 0; key < entry.map.max_entries; ++key) {
    bool is_zero = true;
    for (uint64_t& taken : value) {
      const std::atomic_ref word(*words++);
      taken = word.load(std::memory_order_relaxed) == 0 ? 0 : word.exchange(0);
      is_zero = is_zero && taken == 0;
    }
    if (!is_zero) {
      out_.append(reinterpret_cast<const char*>(&key), sizeof key);
      out_.append(reinterpret_cast<const char*>(value.data()),
                  entry.map.value_size);
    }
  }
  return true;
}

/// The entries that are not zero. Each is read once more just before it is
/// zeroed: between the two is little time.
int KernelMaps::take_array(const Entry& entry) {
  if (entry.map.type == BPF_MAP_TYPE_ARRAY && take_mapped(entry)) {
    return 0;
  }
  if (const int result = walk(entry, false); result != 0) {
    return result;
  }
  const size_t key_size = entry.map.key_size;
  const size_t size = events::entry_room(entry.map);
  const std::string zero(size - key_size, '\0');
  size_t kept = 0;
  for (size_t i = 0; i < out_.size(); i += size) {
    char* key = out_.data() + i;
    char* value = key + key_size;
    if (is_zero(value, zero.size())) {
      continue;
    }
    int result = bpf_map_lookup_elem(entry.fd, key, value);
    if (result == 0) {
      result = bpf_map_update_elem(entry.fd, key, zero.data(), BPF_ANY);
    }
    if (result != 0) {
      return result;
    }
    memmove(out_.data() + kept, key, size);
    kept += size;
  }
  out_.resize(kept);
  return 0;
}

/// As many as there were when it began, at most: others may go on pushing.
int KernelMaps::take_queue(const Entry& entry) {
  std::string value(events::value_room(entry.map), '\0');
  for (uint32_t left = entry.map.max_entries; left > 0; --left) {
    const int result =
        bpf_map_lookup_and_delete_elem(entry.fd, nullptr, value.data());
    if (result != 0) {
      return result == -ENOENT ? 0 : result;
    }
    out_ += value;
  }
  return 0;
}

}  // namespace tracer::bpf
