// SPDX-License-Identifier: Apache-2.0
//
// KernelMaps: the maps of a run's probes as scripts reach them, in the kernel.
// Descriptors are borrowed: the modules that own them must outlive it. Used by
// the script's thread alone; an answer stays valid until the next question.
//
// What is exact: an entry that stays in a hash map is met once, whatever comes
// and goes around it, and one that is drained is taken out in the same moment
// as it is read, so none is met twice or passed over. What a program adds to
// an entry that it found before it was taken out is gone with it. Of an array
// each word is read and zeroed in one step (bpf/module.cpp makes arrays so that
// they can be mapped); of a per-CPU one in two, a microsecond apart.
#pragma once

#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "events/map_access.h"

namespace tracer::bpf {

/// The maps that a script may ask for: all but those of tracer's own include.
std::vector<events::Map> script_maps(const artifact::Artifact& artifact);

class KernelMaps : public events::MapAccess {
 public:
  /// The next in number.
  void add(int fd, const events::Map& map) { maps_.push_back({fd, map}); }

  events::MapAnswer call(uint32_t map, events::MapOp op,
                         std::string_view in) override;

 private:
  struct Entry {
    int fd;
    events::Map map;
  };
  events::MapAnswer failed(const Entry& entry, const char* what, int error);
  events::MapAnswer value_of(const Entry& entry, int result, const char* what);
  events::MapAnswer changed(const Entry& entry, int result, const char* what);
  events::MapAnswer all(const Entry& entry);
  events::MapAnswer drain(const Entry& entry);
  int walk(const Entry& entry, bool take);
  int walk_in_batches(const Entry& entry, bool take, bool& supported);
  int walk_keys(const Entry& entry, bool take);
  int take_array(const Entry& entry);
  bool take_mapped(const Entry& entry);
  int take_queue(const Entry& entry);

  std::vector<Entry> maps_;
  std::string out_;
};

}  // namespace tracer::bpf
