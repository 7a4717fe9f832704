#include "tests/unit/gateway/proxy/harness.h"

#include <catch2/catch.hpp>

#include "core/base/strings.h"
#include "gateway/proxy/platform_error.h"

namespace hearth::proxy {

std::optional<std::string> Message::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (http::EqualsIgnoreCase(key, name)) return value;
  }
  return std::nullopt;
}

size_t Message::Count(std::string_view name) const {
  size_t count = 0;
  for (const auto& [key, value] : headers) count += http::EqualsIgnoreCase(key, name) ? 1 : 0;
  return count;
}

Message ParseMessage(std::string_view wire) {
  Message message;
  const size_t end = wire.find("\r\n\r\n");
  INFO("wire: " << std::string(wire.substr(0, 300)));
  REQUIRE(end != std::string_view::npos);
  std::string_view head = wire.substr(0, end + 2);
  message.body = wire.substr(end + 4);
  for (bool first = true; !head.empty(); first = false) {
    const size_t line_end = head.find("\r\n");
    const std::string_view line = head.substr(0, line_end);
    head.remove_prefix(line_end + 2);
    if (first) {
      message.start_line = line;
      continue;
    }
    const size_t colon = line.find(": ");
    REQUIRE(colon != std::string_view::npos);
    message.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return message;
}

std::variant<LocalResponse, ForwardTarget> FakeEdge::Handle(const http::RequestHead& request,
                                                            const RequestContext&) {
  if (request.path.starts_with("/refuse/")) {
    // As the front desk refuses, with a reason of the list in events.h.
    const size_t event = EventIndex(EventKind::kRefusal, request.path.substr(8));
    return ToResponse({.status = 403, .reason = kEvents[event].reason, .message = "no"}, {});
  }
  if (request.path.starts_with("/system/")) {
    ForwardTarget target;
    target.address = *net::Address::Parse("10.9.9.9:8081");
    target.headers.emplace_back("Authorization", "Internal secret");
    return target;
  }
  return LocalResponse{200, {{"Content-Type", "text/plain"}}, Cat("local ", request.path)};
}

AuthDecision FakeEdge::Authorize(const http::RequestHead& request, const route::Function&,
                                 const RequestContext&) {
  AuthDecision decision;
  decision.allowed = request.headers.Find("Authorization") == "Bearer good";
  if (request.headers.Find("Authorization") == "Bearer known") decision.status = 403;
  decision.www_authenticate = "Basic realm=\"Restricted\"";
  return decision;
}

void FakeEdge::OnFinished(const ExchangeRecord& r) {
  finished.push_back({r.function == nullptr ? "" : r.function->key.Text(), std::string(r.method),
                      std::string(r.path), std::string(r.call_id), std::string(r.replica_id),
                      std::string(r.reason), r.status, r.queued, r.first_byte, r.total, r.inside,
                      r.bytes_in, r.bytes_out, r.cold, r.tunnel, r.attempts});
  if (r.trace != nullptr) {
    RecordCopy& copy = finished.back();
    copy.trace_id = r.trace->context.trace();
    copy.span_id = r.trace->context.span();
    copy.parent_span_id = r.trace->parent_span_id;
    copy.sampled = r.trace->context.sampled();
  }
  if (also != nullptr) also->OnFinished(r);
}

Harness::Harness(Options options)
    : store(clock,
            {.loop_count = 1, .default_namespace = "default", .demand = &edge, .limits = &limits}),
      path({&loop}, std::move(options),
           Dependencies{
               .local = &edge, .authenticator = &edge, .exchanges = &edge, .failures = &edge}) {
  REQUIRE(path.Listen(*net::Address::Parse("127.0.0.1:80"), ListenerKind::kPublic).ok());
  REQUIRE(path.Listen(*net::Address::Parse("unix:/gateway"), ListenerKind::kFunctionsOnly).ok());
  path.Install(store.Apply({}, {}));  // a controller was reached, and it has no functions
  Run();
}

Harness::~Harness() = default;

route::FunctionSpec Harness::Function(std::vector<std::string> replicas, uint32_t capacity) const {
  route::FunctionSpec spec;
  spec.key = {"default", "f"};
  spec.is_default_namespace = true;
  route::RevisionSpec revision{"r-1", 10000, {}};
  for (size_t i = 0; i < replicas.size(); ++i) {
    revision.replicas.push_back({Cat("r-1-", i), replicas[i], Cat("token-", i), capacity});
  }
  spec.revisions.push_back(std::move(revision));
  return spec;
}

void Harness::Install(std::vector<route::FunctionSpec> upserts, std::vector<FunctionKey> deletes) {
  bool done = false;
  path.Install(store.Apply(std::move(upserts), deletes), [&done] { done = true; });
  Run();
  REQUIRE(done);
}

std::unique_ptr<TestPeer> Harness::Client() {
  auto peer = std::make_unique<TestPeer>(loop, "127.0.0.1:80");
  Run();
  REQUIRE(peer->connected());
  return peer;
}

std::unique_ptr<TestPeer> Harness::FunctionsClient() {
  auto peer = std::make_unique<TestPeer>(loop, "unix:/gateway");
  Run();
  REQUIRE(peer->connected());
  return peer;
}

void Harness::Send(TestPeer& peer, std::string_view bytes) {
  peer.Send(bytes);
  Run();
}

Message Harness::Call(std::string_view request) {
  const auto peer = Client();
  Send(*peer, request);
  return ParseMessage(peer->received());
}

void Harness::AnswerAll(TestServer& server, std::string body) {
  server.on_change = [body = std::move(body)](TestPeer& peer) {
    if (peer.received().find("\r\n\r\n") == std::string::npos) return;
    peer.TakeReceived();
    peer.Send(Ok(body));
  };
}

std::string Get(std::string_view target, std::string_view more) {
  return Cat("GET ", target, " HTTP/1.1\r\nHost: gw\r\n", more, "\r\n");
}

std::string Ok(std::string_view body, std::string_view more) {
  return Cat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n", more, "\r\n", body);
}

}  // namespace hearth::proxy
