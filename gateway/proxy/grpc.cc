#include "gateway/proxy/grpc.h"

#include <algorithm>
#include <charconv>

#include "core/base/strings.h"

namespace hearth::proxy {
namespace {

constexpr std::string_view kFunctionField = "x-hearth-function";
constexpr std::string_view kTimeoutField = "x-hearth-timeout-ms";

bool IsFunctionName(std::string_view name) {
  return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// grpc-message: printable ASCII stays, everything else is percent-encoded.
std::string PercentEncoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

// One escape after its backslash; false: not one. Only what our own JSON writer uses above ASCII
// is plain UTF-8, so that \u stands for control characters.
bool TakeEscape(std::string_view text, size_t* at, std::string* out) {
  if (*at >= text.size()) return false;
  const char c = text[(*at)++];
  constexpr std::string_view kFrom = "\"\\/bfnrt";
  constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
  if (const size_t i = kFrom.find(c); i != std::string_view::npos) {
    out->push_back(kTo[i]);
    return true;
  }
  if (c != 'u' || text.size() - *at < 4) return false;
  int value = 0;
  for (size_t i = 0; i < 4; ++i) {
    const int digit = HexDigit(text[*at + i]);
    if (digit < 0) return false;
    value = value * 16 + digit;
  }
  *at += 4;
  out->push_back(value < 0x80 ? static_cast<char>(value) : '?');
  return true;
}

}  // namespace

bool IsGrpc(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (!content_type.starts_with(kType)) return false;
  return content_type.size() == kType.size() || content_type[kType.size()] == '+' ||
         content_type[kType.size()] == ';';
}

std::optional<uint64_t> GrpcTimeoutMs(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;  // at most eight digits
  const auto amount = ParseUint(text.substr(0, text.size() - 1));
  if (!amount) return std::nullopt;
  const auto at_least_one = [](uint64_t ms) { return std::max<uint64_t>(ms, 1); };
  switch (text.back()) {
    case 'H':
      return at_least_one(*amount * 3'600'000);
    case 'M':
      return at_least_one(*amount * 60'000);
    case 'S':
      return at_least_one(*amount * 1000);
    case 'm':
      return at_least_one(*amount);
    case 'u':
      return at_least_one(*amount / 1000);
    case 'n':
      return at_least_one(*amount / 1'000'000);
    default:
      return std::nullopt;
  }
}

bool PrepareGrpc(h2::FieldBlock* request) {
  if (!IsGrpc(request->Find("content-type"))) return false;
  const std::string function(request->Find(kFunctionField));
  request->Remove(kFunctionField);
  if (IsFunctionName(function)) {
    request->Set(":path", Cat("/function/", function, request->Find(":path")));
  }
  if (const auto timeout = GrpcTimeoutMs(request->Find("grpc-timeout"))) {
    const uint64_t given = ParseUint(request->Find(kTimeoutField)).value_or(UINT64_MAX);
    request->Set(kTimeoutField, std::to_string(std::min(given, *timeout)));
  }
  return true;
}

int GrpcStatusFor(int http_status) {
  switch (http_status) {
    case 400:
      return 13;  // INTERNAL: the two sides do not agree about the protocol
    case 401:
      return 16;  // UNAUTHENTICATED
    case 403:
      return 7;  // PERMISSION_DENIED
    case 404:
    case 501:
      return 12;  // UNIMPLEMENTED: there is no such function
    case 408:
    case 504:
      return 4;  // DEADLINE_EXCEEDED
    case 413:
    case 429:
    case 431:
      return 8;  // RESOURCE_EXHAUSTED
    case 502:
    case 503:
      return 14;  // UNAVAILABLE
    default:
      return http_status >= 500 ? 13 : 2;
  }
}

std::string ErrorMessageOf(std::string_view body) {
  constexpr std::string_view kKey = "\"error\":\"";
  const size_t key = body.find(kKey);
  if (key == std::string_view::npos) return {};
  std::string out;
  for (size_t at = key + kKey.size(); at < body.size();) {
    const char c = body[at++];
    if (c == '"') return out;
    if (c != '\\') {
      out.push_back(c);
    } else if (!TakeEscape(body, &at, &out)) {
      return {};
    }
  }
  return {};
}

void ToGrpcError(h2::FieldBlock* head, std::string_view body) {
  int status = 500;
  const std::string_view code = head->Find(":status");
  std::from_chars(code.data(), code.data() + code.size(), status);
  std::string message = ErrorMessageOf(body);
  if (message.empty()) message = Cat("HTTP status ", status);
  message += Cat(" (", head->Find("x-hearth-error"), ")");
  head->Set(":status", "200");
  head->Set("content-type", "application/grpc");
  head->Remove("content-length");
  head->Set("grpc-status", std::to_string(GrpcStatusFor(status)));
  head->Set("grpc-message", PercentEncoded(message));
  if (const auto seconds = ParseUint(head->Find("retry-after"))) {
    head->Set("grpc-retry-pushback-ms", std::to_string(std::min<uint64_t>(*seconds, 3600) * 1000));
  }
}

}  // namespace hearth::proxy
