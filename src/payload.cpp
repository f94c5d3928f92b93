// SPDX-License-Identifier: Apache-2.0
#include "payload.h"

#include <algorithm>
#include <string>

namespace tracer {

std::optional<size_t> kept_payload(const artifact::Request& request) {
  const auto bytes = request.parameters.find("bytes");
  if (bytes == request.parameters.end() || bytes->second.empty()) {
    return std::nullopt;
  }
  return static_cast<size_t>(bytes->second.front());
}

bool can_do_without_payload(const artifact::Request& request) {
  return request.text.find("PARAM(bytes,") != std::string::npos &&
         request.text.find("char data[];") != std::string::npos;
}

size_t largest_event(const std::vector<artifact::Request>& requests,
                     const std::vector<artifact::Artifact>& artifacts) {
  constexpr size_t kFixed = 512;
  // Large payloads are sent in pieces, each a record with a head of its own.
  constexpr size_t kPiece = 16000;
  constexpr size_t kPieceHead = 48;
  size_t largest = 0;
  for (const artifact::Request& request : requests) {
    largest = std::max(largest, kept_payload(request).value_or(0));
  }
  // What BCC's own C sends may be a large struct.
  for (const artifact::Artifact& artifact : artifacts) {
    for (const events::EventType& event : artifact.schema.events) {
      const size_t size = artifact.schema.types[event.type].size;
      largest = std::max(largest, size > kFixed ? size : 0);
    }
  }
  return kFixed + largest + (largest / kPiece + 1) * kPieceHead;
}

}  // namespace tracer
