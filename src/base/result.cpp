// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cstring>

namespace tracer {

Error& Error::context(std::string_view what) & {
  message.insert(0, ": ").insert(0, what);
  return *this;
}

Error&& Error::context(std::string_view what) && {
  context(what);
  return std::move(*this);
}

tl::unexpected<Error> fail(std::string message, std::string hint) {
  return tl::unexpected(
      Error{.message = std::move(message), .hint = std::move(hint)});
}

tl::unexpected<Error> fail_usage(std::string message, std::string hint) {
  return tl::unexpected(Error{.message = std::move(message),
                              .hint = std::move(hint),
                              .status = kUsage});
}

tl::unexpected<Error> fail_errno(std::string_view what, int error_number) {
  std::string message(what);
  message += ": ";
  message += strerror(error_number);
  return fail(std::move(message));
}

}  // namespace tracer
