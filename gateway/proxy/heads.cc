#include "gateway/proxy/heads.h"

#include <algorithm>

#include "core/http/writer.h"

namespace hearth::proxy {
namespace {

using http::BodyKind;
using http::EqualsIgnoreCase;
using http::HeaderField;

using http::FieldId;
using Writer = http::HeadWriter<http::HeadBuffer>;

// All values of Connection fields, to drop what they name.
class ConnectionNames {
 public:
  template <typename Head>
  explicit ConnectionNames(const Head& head) {
    if (!head.connection_names) return;
    for (const HeaderField& field : head.headers) {
      if (field.id == FieldId::kConnection && count_ < kMost) values_[count_++] = field.value;
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

// A set of field ids, so that the question asked for every field of every message is one test.
class FieldSet {
 public:
  template <typename... Ids>
  explicit constexpr FieldSet(Ids... ids) : bits_((0u | ... | Bit(ids))) {}
  constexpr bool Contains(FieldId id) const { return (bits_ & Bit(id)) != 0; }

 private:
  static constexpr uint32_t Bit(FieldId id) { return 1u << static_cast<unsigned>(id); }
  uint32_t bits_;
};

// The framing is written anew, and what only the platform may set is not taken from a client.
constexpr FieldSet kNotFromClient(FieldId::kContentLength, FieldId::kExpect, FieldId::kHost,
                                  FieldId::kHttp2Settings, FieldId::kXCallId, FieldId::kXStartTime,
                                  FieldId::kXHearthBusy, FieldId::kXHearthDraining,
                                  FieldId::kXHearthTimeoutMs, FieldId::kXHearthToken,
                                  FieldId::kXHearthOther);
constexpr FieldSet kNotFromReplica(FieldId::kContentLength, FieldId::kXCallId, FieldId::kXStartTime,
                                   FieldId::kXServedBy, FieldId::kXHearthBusy,
                                   FieldId::kXHearthDraining, FieldId::kXHearthToken);

// Copies fields of a received message. Those that stand one after the other go as one stretch of
// bytes: most messages pass in two or three copies, whatever the number of their fields.
class FieldCopier {
 public:
  explicit FieldCopier(http::HeadBuffer* out) : out_(out) {}
  ~FieldCopier() { Flush(); }
  FieldCopier(const FieldCopier&) = delete;
  FieldCopier& operator=(const FieldCopier&) = delete;

  void Copy(const HeaderField& field) {
    if (field.line_size == 0) {  // not as received: somebody has put it together
      Flush();
      Writer(out_).Field(field.name, field.value);
      return;
    }
    if (run_.data() + run_.size() != field.name.data()) {
      Flush();
      run_ = {field.name.data(), 0};
    }
    run_ = {run_.data(), run_.size() + field.line_size};
  }
  void Flush() {
    out_->append(run_);
    run_ = {};
  }

 private:
  http::HeadBuffer* out_;
  std::string_view run_;
};

bool IsReplaced(std::span<const HeaderPair> replace, std::string_view name) {
  return std::any_of(replace.begin(), replace.end(),
                     [&](const HeaderPair& h) { return EqualsIgnoreCase(h.first, name); });
}

void WriteForwarded(std::string_view known_for, bool have_host, bool have_proto,
                    const http::RequestHead& request, const UpstreamHead& with, Writer* writer) {
  const std::string_view client_ip = with.client_ip;
  if (!known_for.empty() && !client_ip.empty()) {
    writer->Field("X-Forwarded-For", {known_for, ", ", client_ip});
  } else if (!known_for.empty() || !client_ip.empty()) {
    writer->Field("X-Forwarded-For", known_for.empty() ? client_ip : known_for);
  }
  if (!have_host && !request.host.empty()) writer->Field("X-Forwarded-Host", request.host);
  if (!have_proto) {
    writer->Lines(with.encrypted ? "X-Forwarded-Proto: https\r\n" : "X-Forwarded-Proto: http\r\n");
  }
}

template <typename Head>
void WriteUpgrade(const Head& head, Writer* writer) {
  writer->Lines("Connection: Upgrade\r\n");
  for (const HeaderField& field : head.headers) {
    if (field.id == FieldId::kUpgrade) writer->Field("Upgrade", field.value);
  }
}

}  // namespace

void WriteUpstreamHead(const http::RequestHead& request, const UpstreamHead& with,
                       http::HeadBuffer* out) {
  Writer writer(out);
  writer.RequestLine(request.method, with.path, with.query);
  writer.Field("Host", request.host.empty() ? with.default_host : request.host);

  const ConnectionNames named(request);
  std::string_view forwarded_for;
  bool have_host = false;
  bool have_proto = false;
  FieldCopier copier(out);
  for (const HeaderField& field : request.headers) {
    if (http::IsHopByHop(field.id) || kNotFromClient.Contains(field.id)) continue;
    if (named.Name(field.name)) continue;
    if (!with.replace.empty() && IsReplaced(with.replace, field.name)) continue;
    if (field.id == FieldId::kXForwardedFor) {
      // The last one is continued with the client's address; those before stay lines of their own.
      copier.Flush();
      if (!forwarded_for.empty()) writer.Field("X-Forwarded-For", forwarded_for);
      forwarded_for = field.value;
      continue;
    }
    have_host |= field.id == FieldId::kXForwardedHost;
    have_proto |= field.id == FieldId::kXForwardedProto;
    copier.Copy(field);
  }
  copier.Flush();
  WriteForwarded(forwarded_for, have_host, have_proto, request, with, &writer);
  writer.Lines(with.stamp);
  for (const HeaderPair& header : with.replace) {
    if (!header.second.empty()) writer.Field(header.first, header.second);
  }
  if (with.upgrade) WriteUpgrade(request, &writer);
  if (request.body == BodyKind::kLength) writer.Field("Content-Length", request.content_length);
  if (request.body == BodyKind::kChunked) writer.Lines("Transfer-Encoding: chunked\r\n");
}

void WriteClientHead(const http::ResponseHead& response, const ClientHead& with,
                     http::HeadBuffer* out) {
  Writer writer(out);
  writer.StatusLine(response.status, response.reason);
  const ConnectionNames named(response);
  const bool keep_length = with.no_body_method || response.status == 304;
  FieldCopier copier(out);
  for (const HeaderField& field : response.headers) {
    if (!(keep_length && field.id == FieldId::kContentLength)) {
      if (http::IsHopByHop(field.id) || kNotFromReplica.Contains(field.id)) continue;
      if (named.Name(field.name)) continue;
    }
    copier.Copy(field);
  }
  copier.Flush();
  if (response.status == 101) WriteUpgrade(response, &writer);
  writer.Lines(with.stamp).Lines(with.served_by_line).Lines(with.timing);
  if (with.body == BodyKind::kLength) writer.Field("Content-Length", response.content_length);
  if (with.body == BodyKind::kChunked) writer.Lines("Transfer-Encoding: chunked\r\n");
  if (response.status != 101) {
    if (!with.keep_alive) {
      writer.Lines("Connection: close\r\n");
    } else if (with.http10) {
      writer.Lines("Connection: keep-alive\r\n");
    }
  }
  writer.End();
}

void WriteInterimHead(const http::ResponseHead& response, http::HeadBuffer* out) {
  Writer writer(out);
  writer.StatusLine(response.status, response.reason);
  const ConnectionNames named(response);
  FieldCopier copier(out);
  for (const HeaderField& field : response.headers) {
    if (http::IsHopByHop(field.id) || kNotFromReplica.Contains(field.id)) continue;
    if (!named.Name(field.name)) copier.Copy(field);
  }
  copier.Flush();
  writer.End();
}

bool IsIdempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS" || method == "TRACE";
}

}  // namespace hearth::proxy
