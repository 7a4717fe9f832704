#include "gateway/trace/otlp.h"

#include "core/base/strings.h"
#include "hearth/otlp/v1/trace.pb.h"

namespace hearth::gateway::trace {
namespace {

namespace pb = ::hearth::otlp::v1;

constexpr int kServer = 2;
constexpr int kError = 2;
// Flags of a span say as well whether its parent is known to be elsewhere: it always is.
constexpr uint32_t kParentIsKnown = 0x100;
constexpr uint32_t kParentIsRemote = 0x200;

std::string FromHex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

uint64_t Nanos(WallTime time) { return static_cast<uint64_t>(time.time_since_epoch().count()); }

template <typename Message>
pb::AnyValue* Attribute(Message* to, std::string_view key) {
  pb::KeyValue* attribute = to->add_attributes();
  attribute->set_key(key.data(), key.size());
  return attribute->mutable_value();
}

// Strings of protobuf are UTF-8; a path is what a client has sent.
std::string Utf8(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return out;
}

template <typename Message>
void Text(Message* to, std::string_view key, std::string_view value) {
  if (!value.empty()) Attribute(to, key)->set_string_value(Utf8(value));
}

void Number(pb::Span* to, std::string_view key, uint64_t value) {
  Attribute(to, key)->set_int_value(static_cast<int64_t>(value));
}

void Happened(pb::Span* to, std::string_view name, WallTime when) {
  pb::Event* event = to->add_events();
  event->set_name(name.data(), name.size());
  event->set_time_unix_nano(Nanos(when));
}

void Fill(const Span& span, pb::Span* out) {
  out->set_trace_id(FromHex(span.context.trace()));
  out->set_span_id(FromHex(span.context.span()));
  out->set_parent_span_id(FromHex(span.parent_span_id));
  out->set_trace_state(Utf8(span.tracestate));
  out->set_name(span.function.empty() ? Utf8(span.method)
                                      : Cat(Utf8(span.method), " /function/", span.function));
  out->set_kind(kServer);
  out->set_start_time_unix_nano(Nanos(span.start));
  out->set_end_time_unix_nano(Nanos(span.start + span.total));
  out->set_flags(span.context.flags | kParentIsKnown |
                 (span.parent_span_id.empty() ? 0 : kParentIsRemote));
  Text(out, "http.request.method", span.method);
  Text(out, "url.path", span.path);
  Text(out, "user_agent.original", span.user_agent);
  Text(out, "client.address", span.client_ip);
  if (span.status != 0) {
    Number(out, "http.response.status_code", static_cast<uint64_t>(span.status));
  }
  Number(out, "http.request.body.size", span.bytes_in);
  Number(out, "http.response.body.size", span.bytes_out);
  Text(out, "faas.name", span.function);
  Attribute(out, "faas.coldstart")->set_bool_value(span.cold);
  Text(out, "faas.instance", span.replica);
  Text(out, "hearth.namespace", span.ns);
  Text(out, "hearth.call_id", span.call_id);
  Number(out, "hearth.attempts", span.attempts);
  Attribute(out, "hearth.queue_ms")
      ->set_double_value(static_cast<double>(span.queued.count()) / 1e6);
  if (span.attempts != 0) Happened(out, "slot", span.start + span.queued);
  if (span.first_byte > Duration::zero()) Happened(out, "response", span.start + span.first_byte);
  if (!span.reason.empty()) Text(out, "error.type", span.reason);
  if (!span.reason.empty() || span.status >= 500) {
    out->mutable_status()->set_code(kError);
    out->mutable_status()->set_message(span.reason);
  }
}

}  // namespace

std::string EncodeExport(const Origin& origin, const std::vector<Span>& spans) {
  pb::ExportRequest request;
  pb::ResourceSpans* resource = request.add_resource_spans();
  Text(resource->mutable_resource(), "service.name", origin.service);
  Text(resource->mutable_resource(), "service.version", origin.version);
  Text(resource->mutable_resource(), "service.instance.id", origin.instance);
  pb::ScopeSpans* scope = resource->add_scope_spans();
  scope->mutable_scope()->set_name("hearth-gateway");
  scope->mutable_scope()->set_version(origin.version);
  for (const Span& span : spans) Fill(span, scope->add_spans());
  return request.SerializeAsString();
}

uint64_t RejectedSpans(std::string_view body) {
  pb::ExportResponse response;
  if (!response.ParseFromArray(body.data(), static_cast<int>(body.size()))) return 0;
  const int64_t rejected = response.partial_success().rejected_spans();
  return rejected < 0 ? 0 : static_cast<uint64_t>(rejected);
}

}  // namespace hearth::gateway::trace
