#include "core/http/field_rules.h"

#include <algorithm>

#include "core/http/tables.h"

namespace hearth::http {
namespace {

// Digits only; false also where the number does not fit.
bool ParseLength(std::string_view text, uint64_t* length) {
  if (text.empty() || text.size() > 19) return false;  // 19 digits always fit
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  *length = value;
  return value <= INT64_MAX;
}

void CountUp(uint8_t* counter) {
  if (*counter < 2) ++*counter;
}

std::string_view TrimBlanks(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool IsPort(std::string_view text) {
  return text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool IsHost(std::string_view text) {
  size_t name = 0;
  while (name < text.size() && Is(kPlainHostChar, text[name])) ++name;
  if (name == text.size()) return true;
  if (text[name] == ':' && name != 0) return IsPort(text.substr(name + 1));
  if (!AllAre(kHostChar, text)) return false;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    for (const char c : text.substr(1, close - 1)) {
      const bool is_literal = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
                              (c >= 'A' && c <= 'F') || c == ':' || c == '.';
      if (!is_literal) return false;
    }
    const std::string_view after = text.substr(close + 1);
    if (after.empty()) return true;
    if (after.front() != ':') return false;
    port = after.substr(1);
  } else {
    if (text.find_first_of("[]") != std::string_view::npos) return false;
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) return true;
    if (colon == 0) return false;
    port = text.substr(colon + 1);
  }
  return IsPort(port);
}

void FramingFields::Note(FieldId id, std::string_view value) {
  switch (id) {
    case FieldId::kHost:
      CountUp(&hosts_);
      host_ = value;
      return;
    case FieldId::kExpect:
      (EqualsIgnoreCase(value, "100-continue") ? expect_continue_ : expect_other_) = true;
      return;
    case FieldId::kUpgrade:
      upgrade_ = true;
      return;
    case FieldId::kConnection:
      NoteConnection(value);
      return;
    case FieldId::kContentLength:
      CountUp(&content_lengths_);
      content_length_ = value;
      return;
    case FieldId::kTransferEncoding:
      CountUp(&transfer_encodings_);
      transfer_encoding_ = value;
      return;
    default:
      return;
  }
}

void FramingFields::NoteConnection(std::string_view value) {
  while (!value.empty()) {
    const size_t comma = value.find(',');
    const std::string_view option = TrimBlanks(value.substr(0, comma));
    if (EqualsIgnoreCase(option, "close")) {
      close_ = true;
    } else if (EqualsIgnoreCase(option, "keep-alive")) {
      keep_alive_ = true;
    } else if (EqualsIgnoreCase(option, "upgrade")) {
      connection_upgrade_ = true;
    } else if (!option.empty()) {
      connection_names_ = true;
    }
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

// Every combination that two implementations could read in two ways is an error.
ParseError FramingFields::Length(Version version, BodyKind* body, uint64_t* length) const {
  *length = 0;
  *body = BodyKind::kNone;
  if (transfer_encodings_ > 0) {
    if (version == Version::kHttp10) return ParseError::kTransferEncodingInHttp10;
    if (content_lengths_ > 0) return ParseError::kLengthAndChunked;
    if (transfer_encodings_ > 1 || !EqualsIgnoreCase(transfer_encoding_, "chunked")) {
      return ParseError::kBadTransferEncoding;
    }
    *body = BodyKind::kChunked;
    return ParseError::kNone;
  }
  if (content_lengths_ == 0) return ParseError::kNone;
  if (content_lengths_ > 1) return ParseError::kDuplicateContentLength;
  if (!ParseLength(content_length_, length)) return ParseError::kBadContentLength;
  *body = BodyKind::kLength;
  return ParseError::kNone;
}

ParseError FramingFields::Apply(RequestHead* head) const {
  if (hosts_ > 1) return ParseError::kMultipleHosts;
  if (hosts_ == 0 && head->version == Version::kHttp11) return ParseError::kMissingHost;
  if (!IsHost(host_)) return ParseError::kBadHost;
  if (head->host.empty()) head->host = host_;  // else an absolute-form target, which counts
  const ParseError error = Length(head->version, &head->body, &head->content_length);
  if (error != ParseError::kNone) return error;
  const bool http11 = head->version == Version::kHttp11;
  head->keep_alive = KeepAlive(head->version);
  if (http11 && expect_other_) return ParseError::kUnknownExpectation;
  head->expect_continue = http11 && expect_continue_;
  head->upgrade = http11 && upgrade_ && connection_upgrade_;
  head->connection_names = connection_names_;
  return ParseError::kNone;
}

ParseError FramingFields::Apply(std::string_view request_method, ResponseHead* head) const {
  const ParseError error = Length(head->version, &head->body, &head->content_length);
  if (error != ParseError::kNone) return error;
  head->keep_alive = KeepAlive(head->version);
  head->connection_names = connection_names_;
  const bool without_body =
      request_method == "HEAD" || head->status < 200 || head->status == 204 ||
      head->status == 304 ||
      (request_method == "CONNECT" && head->status >= 200 && head->status < 300);
  if (without_body) {
    // A sender who announces a body where none can be may send it as well: what follows on the
    // connection is not to be taken for the next answer.
    const bool contradicts = head->status != 304 && request_method != "HEAD" &&
                             (head->body == BodyKind::kChunked || head->content_length != 0);
    if (contradicts) head->keep_alive = false;
    head->body = BodyKind::kNone;
  } else if (head->body == BodyKind::kNone) {
    head->body = BodyKind::kUntilClose;
    head->keep_alive = false;
  }
  return ParseError::kNone;
}

}  // namespace hearth::http
