// SPDX-License-Identifier: Apache-2.0
//
// CtfExporter: the Common Trace Format 1.8, for babeltrace2 and Trace Compass.
// A trace is a folder with two files: metadata, whose text is known at once,
// and one stream of packets, which are emitted whole. A packet is closed at
// 256 KiB, and where events were lost, so that a reader can tell when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "export/ctf_plan.h"
#include "export/exporter.h"

namespace tracer::exporting {

class CtfExporter : public Exporter {
 public:
  static constexpr size_t kPacket = size_t{256} << 10;

  /// `probes` must outlive the exporter. `emit` takes the stream.
  CtfExporter(const recording::Meta& meta,
              const std::vector<recording::Probe>& probes, Emit emit);

  /// The contents of the file metadata.
  [[nodiscard]] const std::string& metadata() const { return metadata_; }

  void event(const events::Header* event) override;
  void loss(const recording::Loss& loss) override;
  void finish() override;

  /// Events that stood behind a later one. In a stream time never goes back:
  /// they have that one's time.
  [[nodiscard]] uint64_t out_of_order() const { return out_of_order_; }

 private:
  void open_packet();
  void close_packet();

  const Emit emit_;
  std::string metadata_;
  std::vector<std::optional<CtfPlan>> plans_;  // by event type
  std::string packet_;
  uint64_t events_in_packet_ = 0;
  uint64_t first_ = 0;  // time of the packet's first event
  uint64_t last_;       // time of the last event, or the start
  bool has_events_ = false;
  bool has_packets_ = false;
  uint64_t lost_ = 0;  // in all, so far
  bool loss_untold_ = false;
  uint64_t out_of_order_ = 0;
};

}  // namespace tracer::exporting
