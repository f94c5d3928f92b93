// SPDX-License-Identifier: Apache-2.0
#include "events/batch.h"

namespace tracer::events {

void Batch::grow(size_t bytes) {
  bytes_.reset(new std::byte[bytes]);
  capacity_ = bytes;
}

}  // namespace tracer::events
