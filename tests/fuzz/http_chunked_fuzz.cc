// Chunked bodies: the same payload however the bytes are cut, and as http_parser reads it. The
// first byte chooses the cuts.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/http/parser.h"
#include "tests/fuzz/oracle.h"

namespace hearth::fuzz {
namespace {

struct Decoded {
  http::ParseState state = http::ParseState::kNeedMore;
  http::ParseError error = http::ParseError::kNone;
  std::string payload;
  std::string trailer;
  size_t consumed = 0;
};

template <typename NextCut>
Decoded Decode(std::string_view bytes, NextCut next_cut) {
  http::ChunkedDecoder decoder;
  Decoded out;
  while (out.state == http::ParseState::kNeedMore && out.consumed < bytes.size()) {
    const std::string piece(bytes.substr(out.consumed, next_cut()));
    size_t at = 0;
    while (at < piece.size() && out.state == http::ParseState::kNeedMore) {
      const auto result = decoder.Feed(std::string_view(piece).substr(at));
      Require(result.consumed <= piece.size() - at, "consumes no more than there is");
      Require(result.state != http::ParseState::kNeedMore || result.consumed > 0, "makes progress");
      out.state = result.state;
      out.payload.append(result.payload);
      at += result.consumed;
    }
    out.consumed += at;
  }
  out.error = decoder.error();
  out.trailer = decoder.trailer();
  return out;
}

void Check(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Cuts cuts(data[0]);
  const Decoded whole = Decode(bytes, [&] { return std::max<size_t>(1, bytes.size()); });
  const Decoded pieces = Decode(bytes, [&] { return cuts.Next(); });
  Require(whole.state == pieces.state && whole.error == pieces.error, "state");
  Require(whole.payload == pieces.payload, "payload");
  Require(whole.trailer == pieces.trailer, "trailer");
  if (whole.state != http::ParseState::kDone) return;
  Require(whole.consumed == pieces.consumed, "end");
  Oracle oracle(HTTP_REQUEST);
  oracle.Feed("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  oracle.Feed(bytes.substr(0, whole.consumed));
  if (oracle.failed()) std::fprintf(stderr, "%s\n", oracle.error());
  Require(!oracle.failed(), "the oracle accepts what we accept");
  Require(oracle.complete, "the body ends where we say");
  Require(oracle.body == whole.payload, "the same payload");
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hearth::fuzz::Check(data, size);
  return 0;
}
