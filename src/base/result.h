// SPDX-License-Identifier: Apache-2.0
//
// Result<T>: a value or an Error. An Error says what failed, on what and why,
// and where there is something to be done about it, a hint says what. It is
// built from the inside out with context(); only main prints it. Nothing in
// this program throws.
//
// The alias exists so that it can become std::expected one day.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

namespace tracer {

/// Exit statuses of the program, besides those of the traced command.
inline constexpr int kFailed = 1;       // cannot trace
inline constexpr int kUsage = 2;        // a wrong command line
inline constexpr int kScriptError = 3;  // an error in the script
inline constexpr int kLoss = 4;         // events lost with --fail-on-loss

struct Error {
  /// One line without a final stop: "no such process: 4711".
  std::string message;
  /// What the user can do; empty where there is nothing to say.
  std::string hint;
  /// More text for -v (a verifier log, a traceback); may have many lines.
  std::string detail;
  /// The exit status that it asks for: kFailed, kUsage or kScriptError.
  int status = kFailed;

  /// Puts "what: " before the message.
  Error& context(std::string_view what) &;
  Error&& context(std::string_view what) &&;
};

template <typename T>
using Result = tl::expected<T, Error>;

/// The value of a Result that has one; nothing for Result<void>.
template <typename T>
T take_value(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

/// The failure of an operation: return fail("…", "hint").
tl::unexpected<Error> fail(std::string message, std::string hint = {});

/// The failure of whoever wrote the command line.
tl::unexpected<Error> fail_usage(std::string message, std::string hint = {});

/// The failure of a system call: "what: text of the error number".
tl::unexpected<Error> fail_errno(std::string_view what, int error_number);

}  // namespace tracer

/// The value of a Result, or a return from the calling function with its
/// Error.
#define TRY(expression)                                       \
  __extension__({                                             \
    auto try_result = (expression);                           \
    if (!try_result) {                                        \
      return ::tl::unexpected(std::move(try_result).error()); \
    }                                                         \
    ::tracer::take_value(std::move(try_result));              \
  })
