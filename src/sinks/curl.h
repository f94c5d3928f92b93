// SPDX-License-Identifier: Apache-2.0
//
// Curl: HTTP POST through libcurl, which is loaded when the first of these is
// made: linked, it would cost every start of the program ten milliseconds and
// eight megabytes. One connection, kept open; used by one thread at a time.
//
// Of curl's interface only what is needed is declared, in curl.cpp: its numbers
// are those of its ABI, which does not change.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tracer::sinks {

class Curl {
 public:
  struct Settings {
    std::string url;
    std::vector<std::string> headers;  // "Name: value"
    std::string user;                  // basic authentication, if not empty
    std::string password;
    std::chrono::milliseconds timeout{5000};  // of a request as a whole
    bool insecure = false;                    // do not verify who answers
  };

  struct Answer {
    int status = 0;     // of HTTP; 0 if there was none
    std::string error;  // why there was none
    std::string text;   // the beginning of the answer
    std::optional<std::chrono::seconds> retry_after;
  };

  /// `gives_up` is asked now and then while a request is under way.
  static Result<std::unique_ptr<Curl>> create(const Settings& settings,
                                              std::function<bool()> gives_up);
  virtual ~Curl() = default;

  virtual Answer post(std::string_view body) = 0;
};

}  // namespace tracer::sinks
