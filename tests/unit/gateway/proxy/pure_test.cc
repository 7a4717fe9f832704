// The parts of the proxy that do no I/O.
#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include "core/base/strings.h"
#include "core/http/writer.h"
#include "gateway/proxy/body.h"
#include "gateway/proxy/call_stamp.h"
#include "gateway/proxy/heads.h"
#include "gateway/proxy/platform_error.h"
#include "gateway/proxy/router.h"
#include "gateway/proxy/websocket_frames.h"

namespace hearth::proxy {
namespace {

TEST_CASE("the last dot separates the namespace") {
  struct Case {
    std::string_view path, name, ns, suffix;
    Destination::Kind kind;
  };
  const auto kFunction = Destination::Kind::kFunction;
  const Case cases[] = {
      {"/function/a", "a", "", "/", kFunction},
      {"/function/a.b", "a", "b", "/", kFunction},
      {"/function/a.b.c/d.e", "a.b", "c", "/d.e", kFunction},
      {"/function/a./x", "a", "", "/x", kFunction},
      {"/function//x", "", "", "/x", kFunction},
      {"/async-function/a.b/c", "a", "b", "/c", Destination::Kind::kAsync},
      {"/functions/a", "", "", "", Destination::Kind::kOther},
      {"/Function/a", "", "", "", Destination::Kind::kOther},
      {"*", "", "", "", Destination::Kind::kOther},
  };
  for (const Case& c : cases) {
    CAPTURE(c.path);
    const Destination to = Route(c.path);
    CHECK(to.kind == c.kind);
    CHECK(to.name == c.name);
    CHECK(to.ns == c.ns);
    CHECK(to.suffix == c.suffix);
  }
}

std::string Frame(uint8_t opcode, size_t size, bool masked) {
  std::string f(1, static_cast<char>(0x80 | opcode));
  const int mask = masked ? 0x80 : 0;
  if (size < 126) {
    f += static_cast<char>(mask | static_cast<int>(size));
  } else if (size < 65536) {
    f += static_cast<char>(mask | 126);
    f += static_cast<char>(size >> 8);
    f += static_cast<char>(size & 0xff);
  } else {
    f += static_cast<char>(mask | 127);
    for (int shift = 56; shift >= 0; shift -= 8) f += static_cast<char>((size >> shift) & 0xff);
  }
  if (masked) f += "mask";
  f.append(size, 'x');
  return f;
}

TEST_CASE("frame boundaries are found however the bytes are cut", "[property]") {
  rc::prop("cuts", [](const std::vector<uint16_t>& sizes, uint8_t cut) {
    WebSocketFrames frames;
    RC_ASSERT(frames.at_boundary());
    for (size_t i = 0; i < sizes.size(); ++i) {
      const size_t size = i % 5 == 4 ? sizes[i] + 60'000u : sizes[i];
      const std::string frame = Frame(2, size, i % 2 == 0);
      const size_t step = 1 + cut + i;
      for (size_t at = 0; at < frame.size(); at += step) {
        RC_ASSERT(frames.at_boundary() == (at == 0));
        const auto piece = std::string_view(frame).substr(at, step);
        RC_ASSERT(frames.Follow(piece, false) == piece.size());
      }
      RC_ASSERT(frames.at_boundary());
    }
  });
}

TEST_CASE("following stops where it is wished") {
  WebSocketFrames frames;
  const std::string two = Frame(1, 5, false) + Frame(1, 300, false);
  CHECK(frames.Follow(two.substr(0, 3), true) == 0);  // it stands at a boundary already
  CHECK(frames.Follow(two.substr(0, 3), false) == 3);
  CHECK(frames.Follow(two.substr(3), true) == 4);
  CHECK(frames.at_boundary());
  CHECK_FALSE(frames.closed());
  frames.Follow(Frame(8, 2, false), false);
  CHECK(frames.closed());
}

TEST_CASE("a body's payload survives any framing and any cut", "[property]") {
  rc::prop("chunks in, chunks out", [](const std::vector<std::string>& pieces, uint8_t cut) {
    std::string wire, payload;
    for (const std::string& piece : pieces) {
      if (piece.empty()) continue;
      char size[20];
      wire.append(size, http::WriteChunkSize(piece.size(), size)).append(piece).append("\r\n");
      payload += piece;
    }
    wire += "0\r\nX-T: 1\r\n\r\nrest";
    BodyReader reader;
    reader.Start(http::BodyKind::kChunked, 0);
    std::string again;
    size_t at = 0;
    const size_t step = 1 + cut;
    std::string pending;
    while (!reader.done()) {
      RC_ASSERT(at < wire.size());
      pending += wire.substr(at, step);
      at += step;
      std::string_view input = pending;
      for (;;) {
        BodyBatch batch;
        RC_ASSERT(reader.Take(input, &batch));
        const FramedBatch framed({}, http::BodyKind::kChunked, batch,
                                 reader.done() ? reader.trailer() : "");
        for (const iovec& piece : framed.pieces()) {
          again.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
        }
        input.remove_prefix(batch.consumed);
        if (reader.done() || input.empty() || batch.consumed == 0) break;
      }
      pending = std::string(input);
    }
    RC_ASSERT(std::string_view("rest").starts_with(pending));
    // And back.
    BodyReader second;
    second.Start(http::BodyKind::kChunked, 0);
    std::string back;
    std::string_view input = again;
    while (!second.done()) {
      BodyBatch batch;
      RC_ASSERT(second.Take(input, &batch));
      for (size_t i = 0; i < batch.count; ++i) {
        back.append(static_cast<const char*>(batch.pieces[i].iov_base), batch.pieces[i].iov_len);
      }
      input.remove_prefix(batch.consumed);
    }
    RC_ASSERT(back == payload);
    RC_ASSERT(second.trailer() == "X-T: 1\r\n");
  });
}

TEST_CASE("a body of a known length ends there") {
  BodyReader reader;
  BodyBatch batch;
  reader.Start(http::BodyKind::kLength, 5);
  REQUIRE(reader.Take("abc", &batch));
  CHECK_FALSE(batch.last);
  REQUIRE(reader.Take("defgh", &batch));
  CHECK(batch.last);
  CHECK(batch.consumed == 2);
  reader.Start(http::BodyKind::kLength, 0);
  CHECK(reader.done());
  reader.Start(http::BodyKind::kUntilClose, 0);
  REQUIRE(reader.Take("abc", &batch));
  CHECK_FALSE(reader.done());
  CHECK(reader.EndsAtClose());
}

TEST_CASE("several X-Forwarded-For lines keep their order") {
  http::RequestHead head;
  head.method = "GET";
  head.host = "h";
  head.headers.Add("X-Forwarded-For", "1.1.1.1");
  head.headers.Add("X-Forwarded-For", "2.2.2.2");
  http::HeadBuffer written;
  WriteUpstreamHead(head, UpstreamHead{.path = "/", .client_ip = "3.3.3.3"}, &written);
  const std::string_view out = written.view();
  const size_t first = out.find("X-Forwarded-For: 1.1.1.1\r\n");
  const size_t second = out.find("X-Forwarded-For: 2.2.2.2, 3.3.3.3\r\n");
  CHECK(first != std::string_view::npos);
  CHECK(second != std::string_view::npos);
  CHECK(first < second);
}

TEST_CASE("call ids are taken over only where they can be shown") {
  CHECK(IsAcceptableCallId("7c0f-1"));
  CHECK_FALSE(IsAcceptableCallId(""));
  CHECK_FALSE(IsAcceptableCallId("a b"));
  CHECK_FALSE(IsAcceptableCallId(std::string(129, 'x')));
  CHECK_FALSE(IsAcceptableCallId("\xc3\xa4"));
}

TEST_CASE("methods that may be sent twice") {
  for (const char* m : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}) CHECK(IsIdempotent(m));
  for (const char* m : {"POST", "PATCH", "CONNECT", "get", "X"}) CHECK_FALSE(IsIdempotent(m));
}

TEST_CASE("a platform error is JSON whatever stands in it") {
  const LocalResponse response = ToResponse(
      {.status = 404, .reason = "r", .message = "a \"quoted\"\n\xff", .function = "f.n"}, "id");
  CHECK(response.body ==
        "{\"error\":\"a \\\"quoted\\\"\\n\xef\xbf\xbd\",\"reason\":\"r\",\"function\":\"f.n\","
        "\"callId\":\"id\"}\n");
}

}  // namespace
}  // namespace hearth::proxy
