#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/clock.h"
#include "core/http/message.h"
#include "core/http/trace_context.h"
#include "core/net/address.h"
#include "gateway/proxy/events.h"
#include "gateway/route/table.h"

namespace hearth::tls {
class CertificateStore;
}

// What the data path asks of the rest of the gateway. All of these are called on the loops, by
// several threads at once, and must neither block nor call back into the proxy.
namespace hearth::proxy {

enum class ListenerKind : uint8_t {
  kPublic,         // everything
  kFunctionsOnly,  // the socket that functions reach: /function/* and nothing else
  kTls,            // connections become public ones once their TLS handshake is done
  kRedirect,       // in the clear, where everything belongs to TLS: 308 to https
};

struct RequestContext {
  ListenerKind listener = ListenerKind::kPublic;
  std::string_view client_ip;  // "" for a Unix socket
  std::string_view call_id;
};

// An answer the gateway makes by itself. A body above some tens of kilobytes belongs elsewhere.
struct LocalResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // without Content-Length and Date
  std::string body;
  std::string_view reason = {};  // of a refusal: a literal; empty: an answer as wanted
};

// Where to stream a request that is no function's: the same code as for functions, without slot and
// queue. The path and the query are sent on as they came.
struct ForwardTarget {
  net::Address address;
  std::vector<std::pair<std::string, std::string>> headers;  // replace those of the same name
  Duration head_timeout = std::chrono::seconds(60);          // 0: none
  Duration stream_idle_timeout = std::chrono::minutes(5);    // 0: none
  uint64_t max_body_bytes = 0;                               // 0: unlimited
};

// Answers whatever is not /function/* (and not /async-function/*): /system/*, /healthz, / and the
// unknown. Authenticates by itself.
class LocalHandler {
 public:
  virtual ~LocalHandler() = default;
  virtual std::variant<LocalResponse, ForwardTarget> Handle(const http::RequestHead& request,
                                                            const RequestContext& context) = 0;
};

struct AuthDecision {
  bool allowed = false;
  int status = 401;              // 401 or 403
  std::string www_authenticate;  // for 401
  std::string message;           // where it is not allowed: why
};

// Decides who may call a private function. Not asked for open ones.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual AuthDecision Authorize(const http::RequestHead& request, const route::Function& function,
                                 const RequestContext& context) = 0;
};

// A request's place in a trace, where the gateway takes part in traces.
struct RequestTrace {
  http::TraceContext context;  // the span of this request, as the function is told
  std::string parent_span_id;  // 16 digits; empty: the trace began here
  std::string tracestate;      // of the client
};

// One finished exchange. Views are valid during the call only.
struct ExchangeRecord {
  uint32_t loop = 0;
  const route::Function* function = nullptr;  // nullptr: not a function's (or unknown)
  int status = 0;                             // 0: the caller left before an answer began
  std::string_view method;
  std::string_view path;  // as the client sent it, without the query
  std::string_view call_id;
  std::string_view client_ip;
  std::string_view replica_id;
  std::string_view
      reason;  // of the platform's error, or "client_closed"; empty where all went well
  std::string_view user_agent;
  Duration queued{};       // arrival → slot
  Duration first_byte{};   // arrival → response head
  Duration total{};        // arrival → end
  Duration inside{};       // slot taken → end
  uint64_t bytes_in = 0;   // request body
  uint64_t bytes_out = 0;  // response body
  bool cold = false;       // waited because no replica was ready
  bool tunnel = false;     // became an Upgrade
  uint32_t attempts = 0;
  const RequestTrace* trace = nullptr;  // null: none
  bool refused = false;                 // the gateway answered by itself, for `reason`
};

// Counts. One object serves all loops and keeps a slab for each (`loop` tells which).
class ExchangeObserver {
 public:
  virtual ~ExchangeObserver() = default;
  virtual void OnStarted(uint32_t loop, const route::Function& function) = 0;
  virtual void OnFinished(const ExchangeRecord& record) = 0;
  // Bytes that were no acceptable request (http::NameOf), or a peer that was too slow.
  virtual void OnRejected(uint32_t loop, int status, std::string_view reason) = 0;
  virtual void OnConnections(uint32_t loop, int64_t change) = 0;  // +1 accepted, -1 closed
  // Something of the list in events.h that no record tells of. `function` may be null.
  virtual void OnEvent(uint32_t loop, const route::Function* function, EventKind kind,
                       std::string_view reason) = 0;
  // A TLS handshake that came to its end; those that fail are events.
  virtual void OnTlsHandshake(uint32_t /*loop*/, bool /*resumed*/) {}
};

// A replica failed when the gateway tried it (proto ReplicaFailure).
class ReplicaFailureObserver {
 public:
  virtual ~ReplicaFailureObserver() = default;
  virtual void OnReplicaFailure(const FunctionKey& function, const ReplicaId& replica,
                                std::string_view reason) = 0;
};

// Everything a Worker needs from outside. All outlive the DataPath; observers may be null.
struct Dependencies {
  LocalHandler* local = nullptr;           // required
  Authenticator* authenticator = nullptr;  // required where any function is private: else refused
  ExchangeObserver* exchanges = nullptr;
  ReplicaFailureObserver* failures = nullptr;
  const tls::CertificateStore* certificates = nullptr;  // required where a listener is kTls
};

}  // namespace hearth::proxy
