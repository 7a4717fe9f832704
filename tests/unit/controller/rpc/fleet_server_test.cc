#include "controller/rpc/fleet_server.h"

#include <catch2/catch.hpp>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>

#include <condition_variable>
#include <mutex>

#include "hearth/v1/fleet.grpc.pb.h"
#include "tests/unit/controller/store/temp_folder.h"

using namespace hearth;
using namespace hearth::controller;

namespace {

class RecordingListener final : public FleetListener {
 public:
  void OnGatewayConnected(const GatewayId& g, const std::string& url) override {
    Add("connected " + g.value() + " " + url);
  }
  void OnGatewayLost(const GatewayId& g) override { Add("lost " + g.value()); }
  void OnAcknowledged(const GatewayId& g) override { Add("ack " + g.value()); }
  void OnDemand(const GatewayId& g, bool full, std::vector<FunctionLoad> loads) override {
    Add("demand " + g.value() + (full ? " full " : " ") + std::to_string(loads.size()) + " " +
        (loads.empty() ? "" : loads[0].function.Text() + " " + std::to_string(loads[0].queued)));
  }
  void OnReplicaFailure(const FunctionKey& f, const ReplicaId& r,
                        const std::string& reason) override {
    Add("failure " + f.Text() + " " + r.value() + " " + reason);
  }
  // Waits for the next event, a few seconds at most.
  std::string Next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(10), [&] { return !events_.empty(); })) {
      return "nothing";
    }
    std::string event = events_.front();
    events_.erase(events_.begin());
    return event;
  }

 private:
  void Add(std::string event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
};

struct Fixture {
  RouteHub hub;
  RecordingListener listener;
  std::unique_ptr<FleetServer> server;

  void Start(std::vector<std::string> listen, uint32_t max_streams = 8) {
    FleetServerOptions options;
    options.listen = std::move(listen);
    options.identity = {7, "127.0.0.1:1", "unix:/s", "tok"};
    options.max_streams = max_streams;
    server = std::make_unique<FleetServer>(options, &hub, &listener, log::Logger::Null());
    REQUIRE(server->Start().ok());
  }
};

// A gateway's end of a stream.
class Client {
 public:
  explicit Client(const std::string& address)
      : channel_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())),
        stub_(v1::Fleet::NewStub(channel_)) {
    context_.set_wait_for_ready(true);
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    stream_ = stub_->Sync(&context_);
  }
  void Hello(const std::string& id) {
    v1::GatewayMessage m;
    m.mutable_hello()->set_gateway_id(id);
    m.mutable_hello()->set_function_url("http://f");
    stream_->Write(m);
  }
  void Send(const v1::GatewayMessage& m) { stream_->Write(m); }
  v1::ControllerMessage Read() {
    v1::ControllerMessage m;
    stream_->Read(&m);
    return m;
  }
  grpc::Status Finish() {
    v1::ControllerMessage rest;
    while (stream_->Read(&rest)) {
    }
    return stream_->Finish();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Fleet::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::GatewayMessage, v1::ControllerMessage>> stream_;
};

FunctionRoutes Routes(std::string name) {
  FunctionRoutes r;
  r.function = {"default", std::move(name)};
  r.revisions = {{RevisionId("r-1"), 10'000, {{ReplicaId("x"), "unix:/x", "secret", 3}}}};
  r.policy.timeout = std::chrono::seconds(60);
  return r;
}

v1::GatewayMessage AckOf(uint64_t epoch, uint64_t sequence) {
  v1::GatewayMessage m;
  m.mutable_ack()->set_epoch(epoch);
  m.mutable_ack()->set_sequence(sequence);
  return m;
}

}  // namespace

TEST_CASE("A gateway is greeted, told everything, and followed") {
  const TempFolder folder;
  const std::string socket = folder.path() + "/fleet.sock";
  Fixture f;
  f.hub.Publish(Routes("a"));
  f.Start({"unix:" + socket, "127.0.0.1:0"});
  struct stat info {};
  REQUIRE(::stat(socket.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  REQUIRE(f.server->addresses().size() == 2);

  const std::string address = f.server->addresses()[GENERATE(0u, 1u)];
  Client client(address);
  client.Hello("g1");
  CHECK(f.listener.Next() == "connected g1 http://f");
  const v1::ControllerMessage hello = client.Read();
  REQUIRE(hello.has_hello());
  CHECK(hello.hello().epoch() == 7);
  CHECK(hello.hello().leader());
  CHECK(hello.hello().internal_token() == "tok");

  v1::ControllerMessage m = client.Read();
  REQUIRE(m.has_snapshot());
  REQUIRE(m.snapshot().functions_size() == 1);
  CHECK(m.snapshot().functions(0).revisions(0).replicas(0).capacity() == 3);
  CHECK(m.snapshot().functions(0).policy().timeout_ms() == 60'000);

  const uint64_t version = f.hub.Publish(Routes("b"));
  m = client.Read();
  REQUIRE(m.has_delta());
  CHECK(m.delta().sequence() == 2);
  CHECK(m.delta().upserts(0).name() == "b");
  CHECK(f.hub.acknowledged().version < version);
  client.Send(AckOf(6, 2));  // of an earlier start: says nothing about this one
  client.Send(AckOf(7, 2));
  CHECK(f.listener.Next() == "ack g1");
  CHECK(f.hub.acknowledged().version >= version);

  v1::GatewayMessage demand;
  demand.mutable_demand()->set_full(true);
  auto* d = demand.mutable_demand()->add_functions();
  d->set_namespace_("default");
  d->set_name("a");
  d->set_queued(4);
  client.Send(demand);
  CHECK(f.listener.Next() == "demand g1 full 1 a.default 4");

  client.Cancel();
  CHECK(f.listener.Next() == "lost g1");
  CHECK(f.hub.acknowledged().gateways == 0);
}

TEST_CASE("The first message must say who it is") {
  Fixture f;
  f.Start({"127.0.0.1:0"});
  Client client(f.server->addresses()[0]);
  client.Send(AckOf(7, 1));
  CHECK(client.Finish().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("More gateways than allowed are turned away") {
  Fixture f;
  f.Start({"127.0.0.1:0"}, 1);
  Client first(f.server->addresses()[0]);
  first.Hello("g1");
  REQUIRE(first.Read().has_hello());
  Client second(f.server->addresses()[0]);
  second.Hello("g2");
  CHECK(second.Finish().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  first.Cancel();
}

TEST_CASE("A gateway that came back is not lost when its old stream ends") {
  Fixture f;
  f.Start({"127.0.0.1:0"});
  Client old_stream(f.server->addresses()[0]);
  old_stream.Hello("g1");
  CHECK(f.listener.Next() == "connected g1 http://f");
  Client new_stream(f.server->addresses()[0]);
  new_stream.Hello("g1");
  CHECK(f.listener.Next() == "connected g1 http://f");
  old_stream.Cancel();
  old_stream.Finish();
  new_stream.Cancel();
  CHECK(f.listener.Next() == "lost g1");
}

TEST_CASE("Stop ends every stream") {
  Fixture f;
  f.Start({"127.0.0.1:0"});
  Client client(f.server->addresses()[0]);
  client.Hello("g1");
  REQUIRE(client.Read().has_hello());
  f.server->Stop();
  CHECK_FALSE(client.Finish().ok());
  CHECK(f.hub.acknowledged().gateways == 0);
}

TEST_CASE("An address in use is an error that names it") {
  Fixture f;
  f.Start({"127.0.0.1:0"});
  FleetServerOptions options;
  options.listen = {f.server->addresses()[0]};
  FleetServer second(options, &f.hub, &f.listener, log::Logger::Null());
  const absl::Status status = second.Start();
  REQUIRE_FALSE(status.ok());
  CHECK(std::string(status.message()).find(options.listen[0]) != std::string::npos);
}
