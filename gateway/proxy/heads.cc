#include "gateway/proxy/heads.h"

#include <algorithm>

#include "core/http/writer.h"

namespace hearth::proxy {
namespace {

using http::BodyKind;
using http::EqualsIgnoreCase;
using http::HeaderField;

using Writer = http::HeadWriter<std::string>;

// All values of Connection fields, to drop what they name. Few messages name anything but
// keep-alive, close and upgrade, which are dropped anyway.
class ConnectionNames {
 public:
  explicit ConnectionNames(const http::HeaderList& headers) {
    for (const HeaderField& field : headers) {
      if (field.name.size() != 10 || !EqualsIgnoreCase(field.name, "connection")) continue;
      if (EqualsIgnoreCase(field.value, "keep-alive") || EqualsIgnoreCase(field.value, "close") ||
          EqualsIgnoreCase(field.value, "upgrade")) {
        continue;
      }
      if (count_ < kMost) values_[count_++] = field.value;
    }
  }
  bool Name(std::string_view name) const {
    for (size_t i = 0; i < count_; ++i) {
      if (Lists(values_[i], name)) return true;
    }
    return false;
  }

 private:
  static constexpr size_t kMost = 8;
  static bool Lists(std::string_view list, std::string_view name) {
    while (!list.empty()) {
      const size_t comma = list.find(',');
      std::string_view item = list.substr(0, comma);
      while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
      while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
      if (EqualsIgnoreCase(item, name)) return true;
      if (comma == std::string_view::npos) break;
      list.remove_prefix(comma + 1);
    }
    return false;
  }
  std::string_view values_[kMost];
  size_t count_ = 0;
};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool HasHearthPrefix(std::string_view name) {
  return name.size() > 9 && EqualsIgnoreCase(name.substr(0, 9), "x-hearth-");
}

// The connection's own fields and the framing, which is written anew. By first letter, because this
// runs for every field of every message.
bool IsConnectionField(std::string_view name) {
  switch (Lower(name.front())) {
    case 'c':
      return EqualsIgnoreCase(name, "connection") || EqualsIgnoreCase(name, "content-length");
    case 'k':
      return EqualsIgnoreCase(name, "keep-alive");
    case 'p':
      return EqualsIgnoreCase(name, "proxy-connection") ||
             EqualsIgnoreCase(name, "proxy-authenticate") ||
             EqualsIgnoreCase(name, "proxy-authorization");
    case 't':
      return EqualsIgnoreCase(name, "te") || EqualsIgnoreCase(name, "trailer") ||
             EqualsIgnoreCase(name, "transfer-encoding");
    case 'u':
      return EqualsIgnoreCase(name, "upgrade");
    default:
      return false;
  }
}

enum class Special : uint8_t { kNone, kDrop, kForwardedFor, kForwardedHost, kForwardedProto };

Special ClassifyRequest(std::string_view name) {
  switch (Lower(name.front())) {
    case 'h':
      return EqualsIgnoreCase(name, "host") || EqualsIgnoreCase(name, "http2-settings")
                 ? Special::kDrop
                 : Special::kNone;
    case 'e':
      return EqualsIgnoreCase(name, "expect") ? Special::kDrop : Special::kNone;
    case 'x':
      break;
    default:
      return IsConnectionField(name) ? Special::kDrop : Special::kNone;
  }
  if (EqualsIgnoreCase(name, "x-forwarded-for")) return Special::kForwardedFor;
  if (EqualsIgnoreCase(name, "x-forwarded-host")) return Special::kForwardedHost;
  if (EqualsIgnoreCase(name, "x-forwarded-proto")) return Special::kForwardedProto;
  if (EqualsIgnoreCase(name, "x-call-id") || EqualsIgnoreCase(name, "x-start-time") ||
      HasHearthPrefix(name)) {
    return Special::kDrop;
  }
  return Special::kNone;
}

bool IsReplaced(std::span<const HeaderPair> replace, std::string_view name) {
  return std::any_of(replace.begin(), replace.end(),
                     [&](const HeaderPair& h) { return EqualsIgnoreCase(h.first, name); });
}

bool DroppedFromResponse(std::string_view name) {
  if (Lower(name.front()) != 'x') return IsConnectionField(name);
  return EqualsIgnoreCase(name, "x-call-id") || EqualsIgnoreCase(name, "x-start-time") ||
         EqualsIgnoreCase(name, "x-served-by") || EqualsIgnoreCase(name, "x-hearth-busy") ||
         EqualsIgnoreCase(name, "x-hearth-draining") || EqualsIgnoreCase(name, "x-hearth-token");
}

void WriteForwarded(std::string_view known_for, bool have_host, bool have_proto,
                    const http::RequestHead& request, std::string_view client_ip,
                    std::string* out) {
  Writer writer(out);
  if (!known_for.empty() || !client_ip.empty()) {
    out->append("X-Forwarded-For: ").append(known_for);
    if (!known_for.empty() && !client_ip.empty()) out->append(", ");
    out->append(client_ip).append("\r\n");
  }
  if (!have_host && !request.host.empty()) writer.Field("X-Forwarded-Host", request.host);
  if (!have_proto) writer.Field("X-Forwarded-Proto", "http");
}

}  // namespace

void WriteUpstreamHead(const http::RequestHead& request, const UpstreamHead& with,
                       std::string* out) {
  Writer writer(out);
  out->append(request.method).append(" ").append(with.path);
  if (!with.query.empty()) out->append("?").append(with.query);
  out->append(" HTTP/1.1\r\n");
  writer.Field("Host", request.host.empty() ? with.default_host : request.host);

  const ConnectionNames named(request.headers);
  std::string_view forwarded_for;
  bool have_host = false;
  bool have_proto = false;
  for (const HeaderField& field : request.headers) {
    const Special special = ClassifyRequest(field.name);
    if (special == Special::kDrop) continue;
    if (named.Name(field.name)) continue;
    if (!with.replace.empty() && IsReplaced(with.replace, field.name)) continue;
    if (special == Special::kForwardedFor) {
      // The last one is continued with the client's address; those before stay lines of their own.
      if (!forwarded_for.empty()) writer.Field("X-Forwarded-For", forwarded_for);
      forwarded_for = field.value;
      continue;
    }
    have_host |= special == Special::kForwardedHost;
    have_proto |= special == Special::kForwardedProto;
    writer.Field(field.name, field.value);
  }
  WriteForwarded(forwarded_for, have_host, have_proto, request, with.client_ip, out);
  writer.Field("X-Call-Id", with.call_id).Field("X-Start-Time", with.start_time);
  for (const HeaderPair& header : with.replace) writer.Field(header.first, header.second);
  if (with.upgrade) {
    writer.Field("Connection", "Upgrade");
    for (const HeaderField& field : request.headers) {
      if (EqualsIgnoreCase(field.name, "upgrade")) writer.Field("Upgrade", field.value);
    }
  }
  if (request.body == BodyKind::kLength) writer.Field("Content-Length", request.content_length);
  if (request.body == BodyKind::kChunked) writer.Field("Transfer-Encoding", "chunked");
}

void WriteClientHead(const http::ResponseHead& response, const ClientHead& with, std::string* out) {
  Writer writer(out);
  writer.StatusLine(response.status, response.reason);
  const ConnectionNames named(response.headers);
  const bool keep_length = with.no_body_method || response.status == 304;
  for (const HeaderField& field : response.headers) {
    if (keep_length && EqualsIgnoreCase(field.name, "content-length")) {
      writer.Field(field.name, field.value);
      continue;
    }
    if (DroppedFromResponse(field.name) || named.Name(field.name)) continue;
    writer.Field(field.name, field.value);
  }
  if (response.status == 101) {
    writer.Field("Connection", "Upgrade");
    for (const HeaderField& field : response.headers) {
      if (EqualsIgnoreCase(field.name, "upgrade")) writer.Field("Upgrade", field.value);
    }
  }
  writer.Field("X-Call-Id", with.call_id).Field("X-Start-Time", with.start_time);
  writer.Field("X-Served-By", with.served_by);
  if (with.body == BodyKind::kLength) writer.Field("Content-Length", response.content_length);
  if (with.body == BodyKind::kChunked) writer.Field("Transfer-Encoding", "chunked");
  if (response.status != 101) {
    if (!with.keep_alive) {
      writer.Field("Connection", "close");
    } else if (with.http10) {
      writer.Field("Connection", "keep-alive");
    }
  }
  writer.End();
}

void WriteInterimHead(const http::ResponseHead& response, std::string* out) {
  Writer writer(out);
  writer.StatusLine(response.status, response.reason);
  const ConnectionNames named(response.headers);
  for (const HeaderField& field : response.headers) {
    if (DroppedFromResponse(field.name) || named.Name(field.name)) continue;
    writer.Field(field.name, field.value);
  }
  writer.End();
}

bool IsAcceptableCallId(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  return std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool IsIdempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS" || method == "TRACE";
}

}  // namespace hearth::proxy
