// Request heads: the same result however the bytes are cut, and the same reading as http_parser's
// of everything that is accepted. The first byte chooses the cuts.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/http/parser.h"
#include "tests/fuzz/oracle.h"

namespace hearth::fuzz {
namespace {

// http_parser knows a fixed set of methods, and none that it does not know may be compared.
bool KnownMethod(std::string_view method) {
  for (int i = 0; i <= HTTP_SOURCE; ++i) {
    if (method == http_method_str(static_cast<http_method>(i))) return true;
  }
  return false;
}

bool IsAscii(std::string_view s) {
  return std::all_of(s.begin(), s.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 128; });
}

void Compare(std::string_view bytes, const http::RequestHead& head) {
  if (!KnownMethod(head.method) || !IsAscii(head.target) ||
      ConfusesOracle(bytes.substr(0, head.size), head.headers)) {
    return;
  }
  Oracle oracle(HTTP_REQUEST);
  oracle.Feed(bytes.substr(0, head.size));
  if (oracle.failed()) std::fprintf(stderr, "%s\n", oracle.error());
  Require(!oracle.failed(), "the oracle accepts what we accept");
  Require(oracle.head_complete, "the head ends where we say");
  Require(oracle.method() == head.method, "method");
  Require(oracle.url == head.target, "target");
  Require(oracle.chunked == (head.body == http::BodyKind::kChunked), "chunked");
  if (head.body == http::BodyKind::kLength) {
    Require(oracle.content_length == head.content_length, "content length");
  }
  Require(oracle.fields.size() == head.headers.size(), "number of fields");
  size_t i = 0;
  for (const http::HeaderField& field : head.headers) {
    std::string value = oracle.fields[i].second;
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.pop_back();
    Require(oracle.fields[i].first == field.name, "field name");
    Require(value == field.value, "field value");
    ++i;
  }
}

void Check(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  http::HeadParser whole;
  http::RequestHead head;
  const http::ParseState state = whole.ParseRequest(bytes, &head);

  http::HeadParser pieces;
  http::RequestHead other;
  http::ParseState last = http::ParseState::kNeedMore;
  Cuts cuts(data[0]);
  for (size_t end = 0; end < bytes.size() && last == http::ParseState::kNeedMore;) {
    end = std::min(bytes.size(), end + cuts.Next());
    const std::string copy(bytes.substr(0, end));  // its own memory: ASan sees every overrun
    last = pieces.ParseRequest(copy, &other);
    if (last == http::ParseState::kDone) Require(other.path.size() == head.path.size(), "path");
  }
  Require(last == state || bytes.empty(), "state");
  Require(pieces.error() == whole.error(), "error");
  if (state != http::ParseState::kDone) return;
  Require(other.size == head.size && other.size <= bytes.size(), "size");
  Require(other.headers.size() == head.headers.size(), "fields");
  Compare(bytes, head);
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hearth::fuzz::Check(data, size);
  return 0;
}
