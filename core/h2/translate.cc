#include "core/h2/translate.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "core/http/field_rules.h"
#include "core/http/tables.h"
#include "core/http/writer.h"

namespace hearth::h2 {
namespace {

using http::EqualsIgnoreCase;
using Field = FieldBlock::Field;
using Writer = http::HeadWriter<std::string>;

bool IsPseudo(std::string_view name) { return name.starts_with(':'); }

bool IsLowerToken(std::string_view name) {
  return http::IsToken(name) &&
         std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// Fields that have no meaning, or another one, in HTTP/2 (RFC 9113 §8.2.2). A peer that sends one
// is refused by the session already; here they are merely never translated.
bool IsOfConnection(std::string_view name) {
  return name == "connection" || name == "keep-alive" || name == "proxy-connection" ||
         name == "transfer-encoding" || name == "upgrade" || name == "te" ||
         name == "http2-settings";
}

bool IsForbiddenInTrailer(std::string_view name) {
  return IsOfConnection(name) || IsPseudo(name) || name == "content-length" || name == "host" ||
         name == "authorization" || name == "trailer" || name == "proxy-authenticate" ||
         name == "proxy-authorization";
}

Refusal CheckField(const Field& field) {
  return IsLowerToken(field.name) && http::IsFieldValue(field.value) ? Refusal::kNone
                                                                     : Refusal::kBadField;
}

bool IsLength(std::string_view text) {
  return !text.empty() && text.size() <= 18 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Refusal CheckTarget(std::string_view method, std::string_view path) {
  if (!http::IsToken(method)) return Refusal::kBadMethod;
  if (method == "CONNECT") return Refusal::kConnect;
  const bool origin = path.starts_with('/');
  const bool asterisk = path == "*" && method == "OPTIONS";
  if (!origin && !asterisk) return Refusal::kBadPath;
  return http::AllAre(http::kTargetChar, path) ? Refusal::kNone : Refusal::kBadPath;
}

// The one authority of a request, however it came.
Refusal FindAuthority(const FieldBlock& block, std::string_view* authority) {
  bool known = block.Has(":authority");
  *authority = block.Find(":authority");
  for (size_t i = 0; i < block.size(); ++i) {
    const Field field = block[i];
    if (field.name != "host") continue;
    if (known && !EqualsIgnoreCase(field.value, *authority)) return Refusal::kHostMismatch;
    *authority = field.value;
    known = true;
  }
  return http::IsHost(*authority) ? Refusal::kNone : Refusal::kBadAuthority;
}

// Content-Length, where there is one: at most one, of digits.
Refusal FindLength(const FieldBlock& block, std::string_view* length) {
  *length = {};
  for (size_t i = 0; i < block.size(); ++i) {
    const Field field = block[i];
    if (field.name != "content-length") continue;
    if (!length->empty() || !IsLength(field.value)) return Refusal::kBadContentLength;
    *length = field.value;
  }
  return Refusal::kNone;
}

Refusal Undo(std::string* text, size_t size, Refusal refusal) {
  text->resize(size);
  return refusal;
}

Framing FramingOf(bool ended, std::string_view length) {
  if (ended) return Framing::kNone;
  return length.empty() ? Framing::kChunked : Framing::kLength;
}

bool StaysBehind(const http::HeaderField& field, std::string_view connection) {
  if (http::IsHopByHop(field.name) || EqualsIgnoreCase(field.name, "http2-settings")) return true;
  while (!connection.empty()) {
    const size_t comma = connection.find(',');
    std::string_view item = connection.substr(0, comma);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (EqualsIgnoreCase(item, field.name)) return true;
    if (comma == std::string_view::npos) break;
    connection.remove_prefix(comma + 1);
  }
  return false;
}

void CopyFields(const http::HeaderList& headers, bool keep_length, bool is_request,
                FieldBlock* block) {
  const std::string_view connection = headers.Find("connection").value_or("");
  for (const http::HeaderField& field : headers) {
    if (StaysBehind(field, connection)) continue;
    if (!keep_length && EqualsIgnoreCase(field.name, "content-length")) continue;
    if (is_request &&
        (EqualsIgnoreCase(field.name, "host") || EqualsIgnoreCase(field.name, "expect"))) {
      continue;
    }
    block->AddLowered(field.name, field.value);
  }
}

}  // namespace

int StatusFor(Refusal refusal) {
  if (refusal == Refusal::kTooLarge) return 431;
  return refusal == Refusal::kConnect ? 501 : 400;
}

std::string_view NameOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kBadMethod:
      return "bad_method";
    case Refusal::kConnect:
      return "connect_unsupported";
    case Refusal::kBadPath:
      return "bad_target";
    case Refusal::kBadAuthority:
      return "bad_host";
    case Refusal::kHostMismatch:
      return "host_mismatch";
    case Refusal::kBadField:
      return "bad_header_value";
    case Refusal::kBadContentLength:
      return "bad_content_length";
    case Refusal::kBadStatus:
      return "bad_status_line";
    case Refusal::kTooLarge:
      return "head_too_large";
  }
  return "unknown";
}

Refusal WriteRequest(const FieldBlock& block, bool ended, std::string* text, Framing* framing) {
  const std::string_view method = block.Find(":method");
  const std::string_view path = block.Find(":path");
  std::string_view authority;
  std::string_view length;
  Refusal refusal = CheckTarget(method, path);
  if (refusal == Refusal::kNone) refusal = FindAuthority(block, &authority);
  if (refusal == Refusal::kNone) refusal = FindLength(block, &length);
  if (refusal != Refusal::kNone) return refusal;

  const size_t before = text->size();
  Writer writer(text);
  writer.RequestLine(method, path).Field("Host", authority);
  size_t cookies = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const Field field = block[i];
    if (IsPseudo(field.name)) continue;
    if (refusal = CheckField(field); refusal != Refusal::kNone) return Undo(text, before, refusal);
    if (field.name == "cookie") ++cookies;
    if (field.name == "host" || field.name == "content-length" || field.name == "cookie" ||
        field.name == "trailer" || IsOfConnection(field.name)) {
      continue;
    }
    writer.Field(field.name, field.value);
  }
  if (cookies != 0) {  // sent in crumbs, for compression; HTTP/1.1 knows one field only
    text->append("cookie: ");
    for (size_t i = 0; i < block.size(); ++i) {
      const Field field = block[i];
      if (field.name != "cookie") continue;
      text->append(field.value).append(--cookies != 0 ? "; " : "\r\n");
    }
  }
  *framing = FramingOf(ended, length);
  if (!length.empty()) {
    writer.Field("Content-Length", length);
  } else if (*framing == Framing::kChunked) {
    writer.Field("Transfer-Encoding", "chunked");
  }
  writer.Field("Connection", "close").End();
  return Refusal::kNone;
}

Refusal WriteResponse(const FieldBlock& block, bool ended, std::string_view method,
                      std::string* text, Framing* framing) {
  const std::string_view code = block.Find(":status");
  int status = 0;
  const auto parsed = std::from_chars(code.data(), code.data() + code.size(), status);
  if (code.size() != 3 || parsed.ptr != code.data() + 3 || status < 100 || status == 101) {
    return Refusal::kBadStatus;
  }
  std::string_view length;
  Refusal refusal = FindLength(block, &length);
  if (refusal != Refusal::kNone) return refusal;

  const size_t before = text->size();
  Writer writer(text);
  writer.StatusLine(status);
  for (size_t i = 0; i < block.size(); ++i) {
    const Field field = block[i];
    if (IsPseudo(field.name)) continue;
    if (refusal = CheckField(field); refusal != Refusal::kNone) return Undo(text, before, refusal);
    if (field.name == "content-length" || field.name == "trailer" || IsOfConnection(field.name)) {
      continue;
    }
    writer.Field(field.name, field.value);
  }
  *framing = Framing::kNone;
  const bool bodiless = status < 200 || status == 204 || status == 304;
  if (method == "HEAD" || status == 304) {
    if (!length.empty()) writer.Field("Content-Length", length);
  } else if (!bodiless) {
    *framing = FramingOf(ended, length);
    if (ended) {
      writer.Field("Content-Length", "0");
    } else if (*framing == Framing::kLength) {
      writer.Field("Content-Length", length);
    } else {
      writer.Field("Transfer-Encoding", "chunked");
    }
  }
  writer.End();
  return Refusal::kNone;
}

Refusal WriteTrailer(const FieldBlock& block, std::string* text) {
  const size_t before = text->size();
  Writer writer(text);
  for (size_t i = 0; i < block.size(); ++i) {
    const Field field = block[i];
    if (IsForbiddenInTrailer(field.name)) continue;
    const Refusal refusal = CheckField(field);
    if (refusal != Refusal::kNone) return Undo(text, before, refusal);
    writer.Field(field.name, field.value);
  }
  return Refusal::kNone;
}

void ToFields(const http::ResponseHead& head, FieldBlock* block) {
  char status[20];
  block->Add(":status", {status, http::FormatDecimal(static_cast<uint64_t>(head.status), status)});
  CopyFields(head.headers, head.status >= 200 && head.status != 204, false, block);
}

void ToFields(const http::RequestHead& head, FieldBlock* block) {
  std::string path(head.path);
  if (!head.query.empty() || head.target.ends_with('?')) path.append("?").append(head.query);
  block->Add(":method", head.method);
  block->Add(":scheme", "http");
  block->Add(":authority", head.host.empty() ? std::string_view("localhost") : head.host);
  block->Add(":path", path);
  CopyFields(head.headers, true, true, block);
  // This hop understands them, whatever the one before does; gRPC servers insist on it.
  block->Add("te", "trailers");
}

void TrailerToFields(std::string_view lines, FieldBlock* block) {
  while (!lines.empty()) {
    const size_t end = std::min(lines.find("\r\n"), lines.size());
    const std::string_view line = lines.substr(0, end);
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      std::string_view value = line.substr(colon + 1);
      while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) {
        value.remove_prefix(1);
      }
      while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) {
        value.remove_suffix(1);
      }
      block->AddLowered(line.substr(0, colon), value);
    }
    lines.remove_prefix(std::min(end + 2, lines.size()));
  }
}

}  // namespace hearth::h2
