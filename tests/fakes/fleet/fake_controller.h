#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hearth/v1/fleet.grpc.pb.h"

namespace hearth::fakes {

// A controller as a gateway sees it: a real gRPC server that says what the test tells it to and
// keeps what it hears. Each stream gets the hello and the snapshot of that moment, then deltas.
class FakeController final : public v1::Fleet::Service {
 public:
  // `address`: "unix:/path" or "127.0.0.1:0"; an empty one does not listen until Listen is called.
  explicit FakeController(const std::string& address = {});
  ~FakeController() override;

  void Listen(const std::string& address);
  void Shutdown();  // like a crash: streams break, nobody listens
  const std::string& address() const { return address_; }

  void SetHello(const v1::ControllerHello& hello);  // said at once on open streams, too
  v1::ControllerHello Hello();
  // What routes there are: sent as a delta on open streams, part of the snapshot of new ones.
  uint64_t Upsert(const v1::FunctionRoute& route);  // returns the delta's sequence
  uint64_t Delete(const std::string& ns, const std::string& name);
  // Loses one sequence number, as if a delta had gone missing.
  void SkipSequence();
  void DropStreams();

  using Messages = std::vector<v1::GatewayMessage>;
  // What was heard on all streams, in order.
  Messages Heard();
  size_t streams();         // open now
  size_t streams_opened();  // ever
  // Waits until `holds` of what was heard; false after `timeout`.
  bool WaitFor(const std::function<bool(const Messages&)>& holds,
               std::chrono::milliseconds timeout = std::chrono::seconds(10));
  bool WaitForAck(uint64_t sequence);
  // A demand report of that function for which `holds`.
  bool WaitForDemand(const std::string& name, const std::function<bool(const v1::Demand&)>& holds);

 private:
  using Stream = grpc::ServerReaderWriter<v1::ControllerMessage, v1::GatewayMessage>;
  struct Open {
    grpc::ServerContext* context;
    std::deque<v1::ControllerMessage> outgoing;
    bool over = false;
  };
  grpc::Status Sync(grpc::ServerContext* context, Stream* stream) override;
  uint64_t Send(v1::RouteDelta delta);  // mutex_ held

  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  v1::ControllerHello hello_;
  v1::RouteSnapshot routes_;
  std::vector<std::shared_ptr<Open>> open_;
  size_t opened_ = 0;
  Messages heard_;
};

// A function with one ready replica, or none where `address` is empty.
v1::FunctionRoute MakeRoute(const std::string& name, const std::string& address,
                            uint32_t capacity = 1);

}  // namespace hearth::fakes
