// SPDX-License-Identifier: Apache-2.0
#include "control/http.h"

#include <gtest/gtest.h>

namespace tracer::control {
namespace {

using State = RequestReader::State;

const Guard kLocal{.hosts = {"localhost", "127.0.0.1", "::1"}, .token = {}};

/// The status that a request is refused with; 0 if it is not.
int refusal_of(const std::string& bytes, const Guard& guard = kLocal) {
  RequestReader reader(guard);
  return reader.take(bytes) == State::kRefused ? reader.refusal().status : 0;
}

std::string get(const std::string& fields) {
  return "GET /x HTTP/1.1\r\n" + fields + "\r\n";
}

TEST(RequestReader, TakesARequestByteByByte) {
  const std::string bytes =
      "POST /pids?a=b HTTP/1.1\r\nHost: localhost:9\r\nContent-Length: "
      "4\r\n\r\nbody";
  RequestReader reader(kLocal);
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    ASSERT_EQ(reader.take(bytes.substr(i, 1)), State::kMore) << i;
  }
  ASSERT_EQ(reader.take(bytes.substr(bytes.size() - 1)), State::kDone);
  EXPECT_EQ(reader.request().method, "POST");
  EXPECT_EQ(reader.request().path, "/pids");
  EXPECT_EQ(reader.request().body, "body");
}

TEST(RequestReader, KnowsItsHosts) {
  for (const char* host :
       {"localhost", "LocalHost:80", "127.0.0.1:1", "[::1]:2", "[::1]"}) {
    EXPECT_EQ(refusal_of(get("Host: " + std::string(host) + "\r\n")), 0)
        << host;
  }
  for (const char* host :
       {"evil.example", "localhost.evil.example", "", "127.0.0.1.evil:80"}) {
    EXPECT_EQ(refusal_of(get("Host: " + std::string(host) + "\r\n")), 403)
        << host;
  }
  EXPECT_EQ(refusal_of(get("")), 403);
  EXPECT_EQ(refusal_of(get("Host: localhost\r\nHost: localhost\r\n")), 403);
  EXPECT_EQ(refusal_of("GET / HTTP/1.0\r\n\r\n"), 0);
}

TEST(RequestReader, RefusesPagesUnlessTheyHaveTheToken) {
  const std::string page = "Host: localhost\r\nOrigin: http://a\r\n";
  const Guard guard{.hosts = {}, .token = "secret"};
  EXPECT_EQ(refusal_of(get(page)), 403);
  EXPECT_EQ(refusal_of(get(page + "Authorization: bearer secret\r\n"), guard),
            0);
  EXPECT_EQ(refusal_of(get(page + "Authorization: Bearer secreT\r\n"), guard),
            401);
  EXPECT_EQ(refusal_of(get(page + "Authorization: Bearer secret1\r\n"), guard),
            401);
  EXPECT_EQ(refusal_of(get(page + "Authorization: Basic secret\r\n"), guard),
            401);
  EXPECT_EQ(refusal_of(get(page), guard), 401);
}

TEST(RequestReader, RefusesWhatIsTooLargeBeforeItComes) {
  const std::string host = "Host: localhost\r\n";
  EXPECT_EQ(refusal_of(get(host + "Content-Length: 1048577\r\n")), 413);
  EXPECT_EQ(refusal_of(get(host + "Content-Length: 1048576\r\n")), 0);
  EXPECT_EQ(refusal_of(get(host + "Content-Length: 99999999999999999999\r\n")),
            413);
  EXPECT_EQ(refusal_of(std::string(kHeadLimit + 1, 'a')), 431);
  EXPECT_EQ(refusal_of(get("A: " + std::string(kHeadLimit, 'a') + "\r\n")),
            431);
}

TEST(RequestReader, RefusesWhatIsMalformed) {
  const std::string host = "Host: localhost\r\n";
  for (const char* line :
       {"", "GET", "GET /", "GET  HTTP/1.1", "GET x HTTP/1.1", "G(T / HTTP/1.1",
        "GET / HTTP/2.0", "GET /\x01 HTTP/1.1", "GET / b HTTP/1.1"}) {
    EXPECT_EQ(refusal_of(line + std::string("\r\n\r\n")), 400) << line;
  }
  for (const char* field : {"no colon", " : x", "a b: c", ": x"}) {
    EXPECT_EQ(refusal_of(get(host + field + "\r\n")), 400) << field;
  }
  for (const char* length : {"-1", "1x", "", "0x1", "+1"}) {
    EXPECT_EQ(refusal_of(get(host + "Content-Length: " + length + "\r\n")), 400)
        << length;
  }
  EXPECT_EQ(refusal_of(get(host + "Transfer-Encoding: chunked\r\n")), 411);
  EXPECT_EQ(
      refusal_of(get(host + "Content-Length: 0\r\nContent-Length: 0\r\n")),
      411);
}

TEST(RequestReader, AsksForABodyThatIsHeldBack) {
  RequestReader reader(kLocal);
  EXPECT_EQ(reader.take(get("Host: localhost\r\nContent-Length: 2\r\nExpect: "
                            "100-continue\r\n")),
            State::kWantsContinue);
  EXPECT_EQ(reader.take("ab"), State::kDone);
  EXPECT_EQ(reader.request().body, "ab");
}

TEST(Response, TellsItsLengthAndWhatElseTheClientNeeds) {
  const std::string text =
      to_bytes({.status = 405, .body = "abc", .allow = "GET, POST"});
  EXPECT_TRUE(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_NE(text.find("\r\nContent-Length: 3\r\n"), std::string::npos);
  EXPECT_NE(text.find("\r\nAllow: GET, POST\r\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\n\r\nabc"));
}

TEST(Response, ErrorsAreJsonWhateverTheySay) {
  EXPECT_EQ(error_response(400, "a\"b\\c\n\xff").body,
            "{\"error\":\"a\\\"b\\\\c\\\\x0a\\\\xff\"}\n");
}

}  // namespace
}  // namespace tracer::control
