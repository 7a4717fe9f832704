#include "core/http/writer.h"

#include <catch2/catch.hpp>

#include <string>

namespace hearth::http {
namespace {

TEST_CASE("heads as they go over the wire") {
  std::string out;
  HeadWriter<std::string>(&out)
      .RequestLine("PUT", "/a?b")
      .Field("Host", "h")
      .Field("Content-Length", uint64_t{18446744073709551615u})
      .End();
  CHECK(out == "PUT /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n");
  out.clear();
  HeadWriter<std::string>(&out).StatusLine(404).Field("A", "").End();
  CHECK(out == "HTTP/1.1 404 Not Found\r\nA: \r\n\r\n");
  out.clear();
  HeadWriter<std::string>(&out).StatusLine(299, "Fine").End();
  CHECK(out == "HTTP/1.1 299 Fine\r\n\r\n");
}

TEST_CASE("numbers") {
  char out[20];
  const auto chunk = [&](uint64_t n) { return std::string(out, WriteChunkSize(n, out)); };
  CHECK(chunk(0) == "0\r\n");
  CHECK(chunk(0x1a2f) == "1a2f\r\n");
  CHECK(chunk(UINT64_MAX) == "ffffffffffffffff\r\n");
  CHECK(std::string(out, FormatDecimal(0, out)) == "0");
  CHECK(std::string(out, FormatDecimal(UINT64_MAX, out)) == "18446744073709551615");
}

TEST_CASE("what may be written") {
  CHECK(IsToken("X-Call-Id"));
  CHECK_FALSE(IsToken(""));
  CHECK_FALSE(IsToken("a b"));
  CHECK_FALSE(IsToken("a:"));
  CHECK(IsFieldValue(""));
  CHECK(IsFieldValue("a\tb \xC3\xA9"));
  CHECK_FALSE(IsFieldValue("a\r\nX: 1"));
  CHECK_FALSE(IsFieldValue(std::string_view("a\0b", 3)));
}

TEST_CASE("fields of one connection") {
  for (const char* name : {"connection", "Keep-Alive", "TE", "trailer", "Transfer-Encoding",
                           "UPGRADE", "Proxy-Connection", "proxy-authorization"}) {
    CHECK(IsHopByHop(name));
  }
  for (const char* name : {"Content-Length", "Host", "Accept", "Cookie", "Expect", "TF"}) {
    CHECK_FALSE(IsHopByHop(name));
  }
}

}  // namespace
}  // namespace hearth::http
