// SPDX-License-Identifier: Apache-2.0
#include "control/http.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/log.h"

namespace tracer::control {
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Answer";
  }
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return lower(c); });
  return out;
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_token_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_word(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), is_token_character);
}

/// "[::1]:80" is "::1", "a.b:80" is "a.b".
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(1, end - 1);
  }
  return host.substr(0, host.rfind(':'));
}

/// Takes as long for each text of the same length.
bool is_same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) {
    return false;
  }
  int difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= a[i] ^ b[i];
  }
  return difference == 0;
}

}  // namespace

Response error_response(int status, std::string_view message) {
  std::string text;
  for (const char c : log::printable(message)) {
    text += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  }
  return {.status = status, .body = "{\"error\":\"" + text + "\"}\n"};
}

std::string to_bytes(const Response& response) {
  std::string out =
      "HTTP/1.1 " + std::to_string(response.status) + " " +
      reason_of(response.status) + "\r\nContent-Type: " + response.type +
      "\r\nContent-Length: " + std::to_string(response.body.size()) +
      "\r\nConnection: close\r\nCache-Control: no-store"
      "\r\nX-Content-Type-Options: nosniff\r\n";
  if (!response.allow.empty()) {
    out += "Allow: " + response.allow + "\r\n";
  }
  if (response.status == 401) {
    out += "WWW-Authenticate: Bearer\r\n";
  }
  return out + "\r\n" + response.body;
}

RequestReader::State RequestReader::refuse(int status,
                                           std::string_view message) {
  refusal_ = error_response(status, message);
  return State::kRefused;
}

RequestReader::State RequestReader::take(std::string_view bytes) {
  buffer_ += bytes;
  if (has_head_) {
    return read_body();
  }
  const size_t end = buffer_.find(kEnd);
  if (std::min(end, buffer_.size()) > kHeadLimit) {
    return refuse(431, "the head of the request is too large");
  }
  if (end == std::string::npos) {
    return State::kMore;
  }
  const std::string head = buffer_.substr(0, end);
  buffer_.erase(0, end + kEnd.size());
  has_head_ = true;
  return read_head(head);
}

bool RequestReader::read_first_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return false;
  }
  const std::string_view method = line.substr(0, first);
  std::string_view path = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  path = path.substr(0, path.find('?'));
  const bool printable = std::all_of(
      path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_word(method) || !path.starts_with('/') || !printable ||
      !version.starts_with("HTTP/1.")) {
    return false;
  }
  is_1_0_ = version == "HTTP/1.0";
  request_.method = method;
  request_.path = path;
  return true;
}

/// The one value of a field; nothing if there is none, or if there are two.
std::optional<std::string_view> RequestReader::field(
    std::string_view name) const {
  std::optional<std::string_view> found;
  for (const auto& [key, value] : fields_) {
    if (key == name) {
      if (found) {
        return {};
      }
      found = value;
    }
  }
  return found;
}

bool RequestReader::is_host_known() const {
  const std::optional<std::string_view> host = field("host");
  if (!host) {
    return is_1_0_;  // no browser speaks that
  }
  const std::string name = lower(without_port(*host));
  return guard_->hosts.empty() ||
         std::find(guard_->hosts.begin(), guard_->hosts.end(), name) !=
             guard_->hosts.end();
}

bool RequestReader::has_token() const {
  constexpr std::string_view kBearer = "bearer ";
  const std::optional<std::string_view> given = field("authorization");
  return given && lower(given->substr(0, kBearer.size())) == kBearer &&
         is_same(trim(given->substr(kBearer.size())), guard_->token);
}

RequestReader::State RequestReader::read_head(std::string_view head) {
  const size_t first = head.find("\r\n");
  if (!read_first_line(head.substr(0, first))) {
    return refuse(400, "not a request of HTTP/1.1");
  }
  head.remove_prefix(std::min(first, head.size()));
  while (!head.empty()) {
    head.remove_prefix(2);  // the end of the line before
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(line.size());
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_word(line.substr(0, colon))) {
      return refuse(400, "a field of the request's head is malformed");
    }
    fields_.emplace_back(lower(line.substr(0, colon)),
                         trim(line.substr(colon + 1)));
  }
  if (!is_host_known()) {
    return refuse(403, "the Host of this request is not this service's");
  }
  if (!guard_->token.empty() && !has_token()) {
    return refuse(401, "this service wants Authorization: Bearer TOKEN");
  }
  // A page in a browser may send requests to any address; then its own comes
  // along.
  if (guard_->token.empty() && field("origin")) {
    return refuse(403, "requests of web pages are not answered");
  }
  const auto is_length = [](const auto& each) {
    return each.first == "content-length";
  };
  if (field("transfer-encoding") ||
      std::count_if(fields_.begin(), fields_.end(), is_length) > 1) {
    return refuse(411, "one Content-Length is wanted");
  }
  if (const std::optional<std::string_view> length = field("content-length")) {
    const char* end = length->data() + length->size();
    const auto [stop, error] = std::from_chars(length->data(), end, body_size_);
    if (error == std::errc::result_out_of_range) {
      body_size_ = kBodyLimit + 1;
    } else if (error != std::errc() || stop != end) {
      return refuse(400, "Content-Length is not a number");
    }
  }
  if (body_size_ > kBodyLimit) {
    return refuse(413, "the body is larger than 1 MiB");
  }
  if (buffer_.size() < body_size_ && field("expect")) {
    return State::kWantsContinue;
  }
  return read_body();
}

RequestReader::State RequestReader::read_body() {
  if (buffer_.size() < body_size_) {
    return State::kMore;
  }
  request_.body = buffer_.substr(0, body_size_);
  return State::kDone;
}

}  // namespace tracer::control
