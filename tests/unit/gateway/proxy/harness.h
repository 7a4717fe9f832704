#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/proxy/data_path.h"
#include "gateway/route/route_store.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"

namespace hearth::proxy {

using fakes::TestPeer;
using fakes::TestServer;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A message as it came over the wire, taken apart by the simplest code that can.
struct Message {
  std::string start_line;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // as on the wire, chunk sizes included
  int status() const { return std::stoi(start_line.substr(9, 3)); }
  std::optional<std::string> Header(std::string_view name) const;
  size_t Count(std::string_view name) const;
};
// Everything up to the end of `wire` is the body.
Message ParseMessage(std::string_view wire);

struct RecordCopy {
  std::string function, method, path, call_id, replica_id, reason;
  int status;
  Duration queued, first_byte, total, inside;
  uint64_t bytes_in, bytes_out;
  bool cold, tunnel;
  uint32_t attempts;
  std::string trace_id = {}, span_id = {}, parent_span_id = {};
  bool sampled = false;
};

class FakeEdge final : public LocalHandler,
                       public Authenticator,
                       public ExchangeObserver,
                       public ReplicaFailureObserver,
                       public route::DemandObserver {
 public:
  std::variant<LocalResponse, ForwardTarget> Handle(const http::RequestHead& request,
                                                    const RequestContext& context) override;
  AuthDecision Authorize(const http::RequestHead& request, const route::Function& function,
                         const RequestContext& context) override;
  void OnStarted(uint32_t loop, const route::Function& function) override {
    ++started;
    if (also != nullptr) also->OnStarted(loop, function);
  }
  void OnFinished(const ExchangeRecord& record) override;
  void OnRejected(uint32_t loop, int status, std::string_view reason) override {
    rejected.emplace_back(status, reason);
    if (also != nullptr) also->OnRejected(loop, status, reason);
  }
  void OnConnections(uint32_t, int64_t change) override { connections += change; }
  void OnEvent(uint32_t loop, const route::Function* function, EventKind kind,
               std::string_view reason) override {
    if (also != nullptr) also->OnEvent(loop, function, kind, reason);
  }
  void OnReplicaFailure(const FunctionKey&, const ReplicaId& replica,
                        std::string_view reason) override {
    failures.emplace_back(replica.value() + ":" + std::string(reason));
  }
  void OnDemand(const std::shared_ptr<route::FunctionState>& state,
                route::DemandUrgency urgency) override {
    demanded = state;
    if (urgency == route::DemandUrgency::kNow) ++urgent;
  }

  ExchangeObserver* also = nullptr;  // told everything as well
  int started = 0;
  int urgent = 0;
  int64_t connections = 0;
  std::vector<RecordCopy> finished;
  std::vector<std::pair<int, std::string>> rejected;
  std::vector<std::string> failures;
  std::shared_ptr<route::FunctionState> demanded;
};

// One whole data path in memory: one loop, a clock that stands still, and the world around it.
class Harness {
 public:
  explicit Harness(Options options = {});
  ~Harness();

  // "f" in the namespace "default" with replicas at these addresses.
  route::FunctionSpec Function(std::vector<std::string> replicas, uint32_t capacity = 1) const;
  void Install(std::vector<route::FunctionSpec> upserts, std::vector<FunctionKey> deletes = {});
  std::unique_ptr<TestPeer> Client();
  std::unique_ptr<TestPeer> FunctionsClient();  // on the socket for functions
  // Sends and runs until nothing moves.
  void Send(TestPeer& peer, std::string_view bytes);
  void Run() { loop.RunUntilIdle(); }
  // A whole exchange on a connection of its own.
  Message Call(std::string_view request);
  // One that answers each request that has no body at once with 200 and this body.
  static void AnswerAll(TestServer& server, std::string body = "ok");

  fakes::FakeClock clock;
  fakes::MemoryLoop loop{clock};
  FakeEdge edge;
  route::PlatformLimits limits;
  route::RouteStore store;
  DataPath path;
};

std::string Get(std::string_view target = "/function/f", std::string_view more = "");
std::string Ok(std::string_view body, std::string_view more = "");

inline constexpr std::string_view kReplica = "10.0.0.1:8080";
inline constexpr std::string_view kReplica2 = "10.0.0.2:8080";

}  // namespace hearth::proxy
