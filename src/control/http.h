// SPDX-License-Identifier: Apache-2.0
//
// The part of HTTP/1.1 that a small service speaks: one request for each
// connection, its length told beforehand. Pure functions on bytes; who reads
// and writes them is in server.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tracer::control {

constexpr size_t kHeadLimit = size_t{16} * 1024;
constexpr size_t kBodyLimit = size_t{1024} * 1024;

struct Request {
  std::string method;
  std::string path;  // without what stands behind a "?"
  std::string body;
};

struct Response {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::string allow;  // the methods that there are, with status 405
};

/// {"error": message}
Response error_response(int status, std::string_view message);

/// A response as it is sent.
std::string to_bytes(const Response& response);

/// Who may ask.
struct Guard {
  /// What Host may say, each as "localhost"; empty: anything. A page whose
  /// name was made to lead here (DNS rebinding) gives its own.
  std::vector<std::string> hosts;
  /// What must follow "Authorization: Bearer"; empty: nothing.
  std::string token;
};

/// Reads one request that comes in pieces. What it refuses it does not read to
/// its end: a refusal is known when the head is.
class RequestReader {
 public:
  enum class State { kMore, kWantsContinue, kDone, kRefused };

  /// `guard` must outlive the reader.
  explicit RequestReader(const Guard& guard) : guard_(&guard) {}

  State take(std::string_view bytes);

  /// After kDone.
  Request& request() { return request_; }
  /// After kRefused.
  [[nodiscard]] const Response& refusal() const { return refusal_; }

 private:
  State refuse(int status, std::string_view message);
  State read_head(std::string_view head);
  State read_body();
  bool read_first_line(std::string_view line);
  [[nodiscard]] std::optional<std::string_view> field(
      std::string_view name) const;
  [[nodiscard]] bool is_host_known() const;
  [[nodiscard]] bool has_token() const;

  const Guard* guard_;
  std::string buffer_;
  std::vector<std::pair<std::string, std::string>> fields_;
  bool is_1_0_ = false;
  bool has_head_ = false;
  size_t body_size_ = 0;
  Request request_;
  Response refusal_;
};

}  // namespace tracer::control
