// Response heads: as for requests. The first byte chooses the cuts and the request's method.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/http/parser.h"
#include "tests/fuzz/oracle.h"

namespace hearth::fuzz {
namespace {

void Compare(std::string_view bytes, std::string_view method, const http::ResponseHead& head) {
  if (ConfusesOracle(bytes.substr(0, head.size), head.headers)) return;
  Oracle oracle(HTTP_RESPONSE);
  oracle.skip_body = method == "HEAD";
  oracle.Feed(bytes.substr(0, head.size));
  if (oracle.failed()) std::fprintf(stderr, "%s\n", oracle.error());
  Require(!oracle.failed(), "the oracle accepts what we accept");
  Require(oracle.head_complete, "the head ends where we say");
  Require(oracle.status() == head.status, "status");
  Require(oracle.fields.size() == head.headers.size(), "number of fields");
  if (head.body == http::BodyKind::kChunked) Require(oracle.chunked, "chunked");
  if (head.body == http::BodyKind::kLength) {
    Require(!oracle.chunked && oracle.content_length == head.content_length, "content length");
  }
}

void Check(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view method = data[0] % 4 == 0 ? "HEAD" : "GET";
  http::HeadParser whole;
  http::ResponseHead head;
  const http::ParseState state = whole.ParseResponse(bytes, method, &head);

  http::HeadParser pieces;
  http::ResponseHead other;
  http::ParseState last = http::ParseState::kNeedMore;
  Cuts cuts(data[0]);
  for (size_t end = 0; end < bytes.size() && last == http::ParseState::kNeedMore;) {
    end = std::min(bytes.size(), end + cuts.Next());
    const std::string copy(bytes.substr(0, end));
    last = pieces.ParseResponse(copy, method, &other);
  }
  Require(last == state || bytes.empty(), "state");
  Require(pieces.error() == whole.error(), "error");
  if (state != http::ParseState::kDone) return;
  Require(other.size == head.size && other.status == head.status && other.body == head.body,
          "head");
  Compare(bytes, method, head);
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hearth::fuzz::Check(data, size);
  return 0;
}
