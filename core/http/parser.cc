#include "core/http/parser.h"

#include <array>
#include <cstring>

#include "core/http/field_rules.h"
#include "core/http/tables.h"

namespace hearth::http {
namespace {

struct ErrorInfo {
  ParseError error;
  int status;
  std::string_view name;
};
constexpr std::array<ErrorInfo, 28> kErrors{{
    {ParseError::kNone, 200, "none"},
    {ParseError::kBadRequestLine, 400, "bad_request_line"},
    {ParseError::kBadMethod, 400, "bad_method"},
    {ParseError::kBadTarget, 400, "bad_target"},
    {ParseError::kBadVersion, 505, "bad_version"},
    {ParseError::kBadHeaderName, 400, "bad_header_name"},
    {ParseError::kBadHeaderValue, 400, "bad_header_value"},
    {ParseError::kObsoleteFold, 400, "obsolete_fold"},
    {ParseError::kBareLineFeed, 400, "bare_line_feed"},
    {ParseError::kBareCarriageReturn, 400, "bare_carriage_return"},
    {ParseError::kMissingHost, 400, "missing_host"},
    {ParseError::kMultipleHosts, 400, "multiple_hosts"},
    {ParseError::kBadHost, 400, "bad_host"},
    {ParseError::kBadContentLength, 400, "bad_content_length"},
    {ParseError::kDuplicateContentLength, 400, "duplicate_content_length"},
    {ParseError::kLengthAndChunked, 400, "length_and_chunked"},
    {ParseError::kBadTransferEncoding, 501, "bad_transfer_encoding"},
    {ParseError::kTransferEncodingInHttp10, 400, "transfer_encoding_in_http10"},
    {ParseError::kRequestLineTooLong, 414, "request_line_too_long"},
    {ParseError::kHeadTooLarge, 431, "head_too_large"},
    {ParseError::kTooManyHeaders, 431, "too_many_headers"},
    {ParseError::kBadChunkSize, 400, "bad_chunk_size"},
    {ParseError::kChunkExtensionTooLong, 400, "chunk_extension_too_long"},
    {ParseError::kBadChunkEnd, 400, "bad_chunk_end"},
    {ParseError::kBadTrailer, 400, "bad_trailer"},
    {ParseError::kTrailerTooLarge, 431, "trailer_too_large"},
    {ParseError::kBadStatusLine, 400, "bad_status_line"},
    {ParseError::kUnknownExpectation, 417, "unknown_expectation"},
}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "HTTP/1.1" and "HTTP/1.0"; other digits are a version we do not speak, anything else is no HTTP.
ParseError ParseVersion(std::string_view text, Version* version, ParseError malformed) {
  if (text.size() != 8 || std::memcmp(text.data(), "HTTP/", 5) != 0 || text[6] != '.' ||
      !IsDigit(text[5]) || !IsDigit(text[7])) {
    return malformed;
  }
  if (text[5] != '1' || (text[7] != '0' && text[7] != '1')) return ParseError::kBadVersion;
  *version = text[7] == '1' ? Version::kHttp11 : Version::kHttp10;
  return ParseError::kNone;
}

ParseError ParseAbsoluteTarget(std::string_view rest, RequestHead* head) {
  const size_t end = rest.find_first_of("/?");
  head->host = rest.substr(0, end);
  if (head->host.empty() || !IsHost(head->host)) return ParseError::kBadTarget;
  const std::string_view after =
      end == std::string_view::npos ? std::string_view() : rest.substr(end);
  const size_t question = after.find('?');
  head->path = after.substr(0, question);
  if (head->path.empty()) head->path = "/";
  head->query =
      question == std::string_view::npos ? std::string_view() : after.substr(question + 1);
  return ParseError::kNone;
}

// head->target is not empty and holds target characters only.
ParseError ParseTarget(RequestHead* head) {
  const std::string_view target = head->target;
  head->query = {};
  head->host = {};
  if (head->method == "CONNECT") {
    head->path = head->host = target;
    return IsHost(target) ? ParseError::kNone : ParseError::kBadTarget;
  }
  if (target.front() == '/') {
    const void* question = std::memchr(target.data(), '?', target.size());
    const size_t path_size =
        question == nullptr
            ? target.size()
            : static_cast<size_t>(static_cast<const char*>(question) - target.data());
    head->path = target.substr(0, path_size);
    if (question != nullptr) head->query = target.substr(path_size + 1);
    return ParseError::kNone;
  }
  if (target == "*") {
    head->path = target;
    return head->method == "OPTIONS" ? ParseError::kNone : ParseError::kBadTarget;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() > scheme.size() &&
        EqualsIgnoreCase(target.substr(0, scheme.size()), scheme)) {
      return ParseAbsoluteTarget(target.substr(scheme.size()), head);
    }
  }
  return ParseError::kBadTarget;
}

ParseError ParseRequestLine(std::string_view line, RequestHead* head) {
  size_t at = 0;
  while (at < line.size() && Is(kTokenChar, line[at])) ++at;
  head->method = line.substr(0, at);
  if (at == 0 || at == line.size() || line[at] != ' ') return ParseError::kBadMethod;
  const size_t target = ++at;
  while (at < line.size() && Is(kTargetChar, line[at])) ++at;
  head->target = line.substr(target, at - target);
  if (at == target || (at < line.size() && line[at] != ' ')) return ParseError::kBadTarget;
  if (at == line.size()) return ParseError::kBadRequestLine;  // HTTP/0.9
  const ParseError error =
      ParseVersion(line.substr(at + 1), &head->version, ParseError::kBadRequestLine);
  return error != ParseError::kNone ? error : ParseTarget(head);
}

ParseError ParseStatusLine(std::string_view line, ResponseHead* head) {
  if (line.size() < 12 || line[8] != ' ') return ParseError::kBadStatusLine;
  const ParseError error =
      ParseVersion(line.substr(0, 8), &head->version, ParseError::kBadStatusLine);
  if (error != ParseError::kNone) return error;
  if (!IsDigit(line[9]) || !IsDigit(line[10]) || !IsDigit(line[11]) || line[9] == '0') {
    return ParseError::kBadStatusLine;
  }
  head->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  head->reason = {};
  if (line.size() == 12) return ParseError::kNone;  // many servers leave the space out
  if (line[12] != ' ' || !AllAre(kValueChar, line.substr(13))) return ParseError::kBadStatusLine;
  head->reason = line.substr(13);
  return ParseError::kNone;
}

// The header section from the line after the first up to the empty line, which is at `end`. Every
// line in it ends in CR LF: the scan has seen to the LF, this sees to the CR.
ParseError ParseFields(const char* p, const char* end, size_t max_fields, HeaderList* headers,
                       FramingFields* framing) {
  headers->Clear();
  while (p != end) {
    const char* const name = p;
    while (Is(kTokenChar, *p)) ++p;  // stops at the line's CR at the latest
    if (p == name || *p != ':') {
      const bool folded = p == name && (*p == ' ' || *p == '\t');
      return folded ? ParseError::kObsoleteFold : ParseError::kBadHeaderName;
    }
    const std::string_view name_view(name, static_cast<size_t>(p - name));
    ++p;
    while (*p == ' ' || *p == '\t') ++p;
    const char* const value = p;
    p = FindValueEnd(p, end);
    if (*p != '\r') return ParseError::kBadHeaderValue;
    if (p[1] != '\n') return ParseError::kBareCarriageReturn;
    const char* value_end = p;
    while (value_end != value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
    p += 2;
    const std::string_view value_view(value, static_cast<size_t>(value_end - value));
    const FieldId id = FieldIdOf(name_view);
    const auto line_size = static_cast<uint32_t>(p - name);
    if (headers->size() == max_fields || !headers->Add({name_view, value_view, id, line_size})) {
      return ParseError::kTooManyHeaders;
    }
    framing->Note(id, value_view);
  }
  return ParseError::kNone;
}

size_t MaxFields(const Limits& limits) {
  return limits.header_count < HeaderList::kMax ? limits.header_count : HeaderList::kMax;
}

}  // namespace

int StatusFor(ParseError error) {
  for (const ErrorInfo& info : kErrors) {
    if (info.error == error) return info.status;
  }
  return 400;
}

std::string_view NameOf(ParseError error) {
  for (const ErrorInfo& info : kErrors) {
    if (info.error == error) return info.name;
  }
  return "unknown";
}

// Looks for the end of the head line by line. Whatever it rejects, it rejects at the first byte
// that decides, so that the result is the same however the bytes were split.
ParseState HeadParser::Scan(std::string_view bytes, size_t start, ParseError first_line_too_long) {
  if (line_start_ < start) line_start_ = start;
  if (scanned_ < start) scanned_ = start;
  while (scanned_ < bytes.size()) {
    const char* const end = bytes.data() + bytes.size();
    const char* const found = FindLineFeed(bytes.data() + scanned_, end);
    // One past the line, or past what there is of it.
    const size_t line_end = static_cast<size_t>(found - bytes.data()) + (found == end ? 0 : 1);
    if (line_start_ == start && line_end - start > limits_.request_line) {
      return Fail(first_line_too_long);
    }
    if (line_end > limits_.head) return Fail(ParseError::kHeadTooLarge);
    scanned_ = line_end;
    if (found == end) return ParseState::kNeedMore;
    const size_t length = line_end - line_start_;
    if (length < 2 || bytes[line_end - 2] != '\r') return Fail(ParseError::kBareLineFeed);
    const bool is_empty = length == 2 && line_start_ != start;
    if (line_start_ == start) first_line_end_ = line_end - 2;
    line_start_ = line_end;
    if (is_empty) return ParseState::kDone;
  }
  return ParseState::kNeedMore;
}

ParseState HeadParser::Fail(ParseError error) {
  error_ = error;
  return ParseState::kError;
}

ParseState HeadParser::ParseRequest(std::string_view bytes, RequestHead* head) {
  if (error_ != ParseError::kNone) return ParseState::kError;
  size_t start = 0;
  constexpr size_t kMaxEmptyLines = 4;
  while (start < 2 * kMaxEmptyLines && bytes.substr(start, 2) == "\r\n") start += 2;
  // A CR alone may yet become one more empty line: then nothing may be remembered of it.
  if (start < 2 * kMaxEmptyLines && bytes.substr(start) == "\r") return ParseState::kNeedMore;
  const ParseState state = Scan(bytes, start, ParseError::kRequestLineTooLong);
  if (state != ParseState::kDone) return state;

  const char* const end = bytes.data() + scanned_ - 2;
  const std::string_view line = bytes.substr(start, first_line_end_ - start);
  ParseError error = ParseRequestLine(line, head);
  if (error != ParseError::kNone) return Fail(error);
  FramingFields framing;
  error =
      ParseFields(line.data() + line.size() + 2, end, MaxFields(limits_), &head->headers, &framing);
  if (error == ParseError::kNone) error = framing.Apply(head);
  if (error != ParseError::kNone) return Fail(error);
  head->size = scanned_;
  return ParseState::kDone;
}

ParseState HeadParser::ParseResponse(std::string_view bytes, std::string_view request_method,
                                     ResponseHead* head) {
  if (error_ != ParseError::kNone) return ParseState::kError;
  const ParseState state = Scan(bytes, 0, ParseError::kHeadTooLarge);
  if (state != ParseState::kDone) return state;

  const char* const end = bytes.data() + scanned_ - 2;
  const std::string_view line = bytes.substr(0, first_line_end_);
  ParseError error = ParseStatusLine(line, head);
  if (error != ParseError::kNone) return Fail(error);
  FramingFields framing;
  error =
      ParseFields(line.data() + line.size() + 2, end, MaxFields(limits_), &head->headers, &framing);
  if (error == ParseError::kNone) error = framing.Apply(request_method, head);
  if (error != ParseError::kNone) return Fail(error);
  head->size = scanned_;
  return ParseState::kDone;
}

}  // namespace hearth::http
