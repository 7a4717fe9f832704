// The codec as a whole: what the writer writes the parser reads, and no way of cutting the bytes
// changes what comes out.
#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <string>
#include <vector>

#include "core/http/body.h"
#include "core/http/parser.h"
#include "core/http/writer.h"

namespace hearth::http {
namespace {

// Everything that a parse says, as text, so that two can be compared.
std::string Describe(ParseState state, ParseError error, const RequestHead& head) {
  std::string out = std::to_string(static_cast<int>(state)) + " " + std::string(NameOf(error));
  if (state != ParseState::kDone) return out;
  const auto add = [&](std::string_view s) { out.append("|").append(s); };
  add(head.method);
  add(head.target);
  add(head.path);
  add(head.query);
  add(head.host);
  for (const HeaderField& f : head.headers) {
    add(f.name);
    add(f.value);
  }
  add(std::to_string(static_cast<int>(head.body)) + " " + std::to_string(head.content_length) +
      (head.keep_alive ? " keep" : "") + (head.upgrade ? " upgrade" : "") +
      (head.expect_continue ? " expect" : "") + " " + std::to_string(head.size));
  return out;
}

std::string ParseAtOnce(const std::string& bytes, const Limits& limits) {
  HeadParser parser(limits);
  RequestHead head;
  const ParseState state = parser.ParseRequest(bytes, &head);
  return Describe(state, parser.error(), head);
}

std::string ParseInPieces(const std::string& bytes, const std::vector<size_t>& cuts,
                          const Limits& limits) {
  HeadParser parser(limits);
  RequestHead head;
  ParseState state = ParseState::kNeedMore;
  size_t end = 0;
  size_t i = 0;
  while (state == ParseState::kNeedMore && end < bytes.size()) {
    end = std::min(bytes.size(), end + (cuts.empty() ? 1 : 1 + cuts[i++ % cuts.size()]));
    const std::string copy = bytes.substr(0, end);  // elsewhere in memory each time
    state = parser.ParseRequest(copy, &head);
    if (state == ParseState::kDone) return Describe(state, parser.error(), head);
  }
  return Describe(state, parser.error(), head);
}

// Bytes that are nearly a request: real fragments in any order, so that every error is reached.
rc::Gen<std::string> Fragments() {
  const auto fragment = rc::gen::element<std::string>(
      "GET / HTTP/1.1\r\n", "POST /a?b HTTP/1.1\r\n", "GET / HTTP/1.0\r\n", "Host: h\r\n",
      "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "\r\n",
      "\n", "\r", " ", "X: y\r\n", "X : y\r\n", "\x01", ":", "hello", "GET", " HTTP/1.1",
      "Expect: 100-continue\r\n", "Connection: upgrade\r\nUpgrade: a\r\n", "\r\n\r\n",
      "Xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: y\r\n", std::string(1, '\0'));
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(fragment),
                      [](const std::vector<std::string>& parts) {
                        std::string all;
                        for (const std::string& part : parts) all += part;
                        return all;
                      });
}

TEST_CASE("a request head means the same however it is cut") {
  Limits small;
  small.request_line = 24;
  small.head = 96;
  small.header_count = 4;
  for (const Limits& limits : {Limits(), small}) {
    rc::prop("fragments in any order", [&limits] {
      const std::string bytes = *Fragments();
      const auto cuts = *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, 9));
      RC_ASSERT(ParseInPieces(bytes, cuts, limits) == ParseAtOnce(bytes, limits));
      RC_ASSERT(ParseInPieces(bytes, {}, limits) == ParseAtOnce(bytes, limits));
    });
    rc::prop("a proper head and then some", [&limits] {
      const std::string bytes =
          "GET / HTTP/1.1\r\nHost: h\r\n" + *Fragments() + "\r\n" + *Fragments();
      const auto cuts = *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, 9));
      RC_ASSERT(ParseInPieces(bytes, cuts, limits) == ParseAtOnce(bytes, limits));
    });
  }
}

rc::Gen<std::string> TokenGen() {
  return rc::gen::nonEmpty(rc::gen::container<std::string>(
      rc::gen::element('a', 'b', 'Z', '0', '9', '-', '_', '.', '!', '~')));
}

rc::Gen<std::string> ValueGen() {
  return rc::gen::map(rc::gen::container<std::string>(rc::gen::inRange<int>(1, 255)),
                      [](std::string s) {
                        std::string out;
                        for (const char c : s) {
                          if (IsFieldValue({&c, 1})) out += c;
                        }
                        // White space at the ends is not part of a value.
                        while (!out.empty() && (out.back() == ' ' || out.back() == '\t'))
                          out.pop_back();
                        while (!out.empty() && (out.front() == ' ' || out.front() == '\t'))
                          out.erase(0, 1);
                        return out;
                      });
}

TEST_CASE("what the writer writes the parser reads") {
  rc::prop("requests", [] {
    const std::string method = *TokenGen();
    const std::string target = "/" + *TokenGen();
    auto fields =
        *rc::gen::container<std::vector<std::pair<std::string, std::string>>>(rc::gen::pair(
            rc::gen::map(TokenGen(), [](std::string s) { return "X-" + s; }), ValueGen()));
    if (fields.size() > 100) fields.resize(100);
    std::string bytes;
    HeadWriter<std::string> writer(&bytes);
    writer.RequestLine(method, target).Field("Host", "h").Field("Content-Length", uint64_t{7});
    for (const auto& [name, value] : fields) writer.Field(name, value);
    writer.End();
    RC_PRE(method != "CONNECT");
    HeadParser parser;
    RequestHead head;
    RC_ASSERT(parser.ParseRequest(bytes, &head) == ParseState::kDone);
    RC_ASSERT(head.method == method);
    RC_ASSERT(head.target == target);
    RC_ASSERT(head.content_length == 7u);
    RC_ASSERT(head.size == bytes.size());
    RC_ASSERT(head.headers.size() == fields.size() + 2);
    for (size_t i = 0; i < fields.size(); ++i) {
      RC_ASSERT(head.headers.begin()[i + 2].name == fields[i].first);
      RC_ASSERT(head.headers.begin()[i + 2].value == fields[i].second);
    }
  });
  rc::prop("responses", [] {
    const int status = *rc::gen::inRange(200, 600);
    std::string bytes;
    HeadWriter<std::string>(&bytes).StatusLine(status).Field("Content-Length", uint64_t{3}).End();
    HeadParser parser;
    ResponseHead head;
    RC_ASSERT(parser.ParseResponse(bytes, "GET", &head) == ParseState::kDone);
    RC_ASSERT(head.status == status);
    RC_ASSERT(head.reason == ReasonPhrase(status));
  });
}

struct Decoded {
  ParseState state = ParseState::kNeedMore;
  ParseError error = ParseError::kNone;
  std::string payload;
  std::string trailer;
  size_t consumed = 0;
  bool operator==(const Decoded&) const = default;
};

Decoded Decode(const std::string& bytes, const std::vector<size_t>& cuts, const Limits& limits) {
  ChunkedDecoder decoder(limits);
  Decoded out;
  size_t i = 0;
  while (out.state == ParseState::kNeedMore && out.consumed < bytes.size()) {
    const size_t n = cuts.empty() ? bytes.size() : 1 + cuts[i++ % cuts.size()];
    const std::string piece = bytes.substr(out.consumed, n);
    size_t at = 0;
    while (at < piece.size() && out.state == ParseState::kNeedMore) {
      const auto result = decoder.Feed(std::string_view(piece).substr(at));
      out.state = result.state;
      out.payload.append(result.payload);
      at += result.consumed;
    }
    out.consumed += at;
  }
  out.error = decoder.error();
  out.trailer = decoder.trailer();
  if (out.state == ParseState::kError) out.consumed = 0;  // of no meaning after an error
  return out;
}

TEST_CASE("a chunked body means the same however it is cut") {
  Limits small;
  small.chunk_extension = 6;
  small.trailer = 20;
  rc::prop("fragments in any order", [&small] {
    const auto parts = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
        "5\r\nhello\r\n", "0\r\n", "\r\n", "1;a=b\r\nx\r\n", "A: b\r\n", "\n", "f", "1", ";",
        "0;xxxx\r\n", "X", "\r", "00000000000000001\r\nx\r\n"));
    std::string bytes;
    for (const std::string& part : parts) bytes += part;
    const auto cuts =
        *rc::gen::nonEmpty(rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, 5)));
    RC_ASSERT(Decode(bytes, cuts, small) == Decode(bytes, {}, small));
  });
}

TEST_CASE("any payload in any chunks comes out as it went in") {
  rc::prop("round trip", [](const std::vector<std::string>& pieces) {
    std::string bytes;
    std::string payload;
    for (const std::string& piece : pieces) {
      if (piece.empty()) continue;
      char size[20];
      bytes.append(size, WriteChunkSize(piece.size(), size));
      bytes += piece + "\r\n";
      payload += piece;
    }
    bytes.append(kLastChunk);
    const auto cuts = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, 20)));
    const Decoded out = Decode(bytes + "GET /", cuts, {});
    RC_ASSERT(out.state == ParseState::kDone);
    RC_ASSERT(out.payload == payload);
    RC_ASSERT(out.consumed == bytes.size());
  });
}

TEST_CASE("a body reader stops exactly at the end") {
  rc::prop("bodies of known length", [](const std::string& body, const std::string& after) {
    BodyReader reader;
    reader.Start(BodyKind::kLength, body.size());
    const std::string bytes = body + after;
    std::string payload;
    size_t at = 0;
    while (!reader.done()) {
      const auto n = *rc::gen::inRange<size_t>(1, 9);
      const auto result = reader.Feed(std::string_view(bytes).substr(at, n));
      payload.append(result.payload);
      at += result.consumed;
      RC_ASSERT(reader.done() == (result.state == ParseState::kDone));
    }
    RC_ASSERT(payload == body);
    RC_ASSERT(at == body.size());
    RC_ASSERT(reader.EndOfInput());
  });
  BodyReader reader;
  reader.Start(BodyKind::kUntilClose, 0);
  CHECK(reader.Feed("abc").payload == "abc");
  CHECK_FALSE(reader.done());
  CHECK(reader.EndOfInput());
  reader.Start(BodyKind::kLength, 5);
  CHECK_FALSE(reader.EndOfInput());
  reader.Start(BodyKind::kNone, 0);
  CHECK(reader.done());
}

}  // namespace
}  // namespace hearth::http
