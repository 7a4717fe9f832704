#include "controller/rpc/fleet_server.h"

#include <grpcpp/grpcpp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "controller/rpc/fleet_wire.h"
#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "hearth/v1/fleet.grpc.pb.h"

namespace hearth::controller {
namespace {

constexpr int kMaxMessage = 64 << 20;
constexpr std::string_view kUnix = "unix:";

using Stream = grpc::ServerReaderWriter<v1::ControllerMessage, v1::GatewayMessage>;

// Which stream speaks for a gateway: a gateway that reconnects may be here twice for a while, and
// the end of its old stream must not look like its loss.
class Gateways {
 public:
  uint64_t Enter(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return current_[id] = ++next_;
  }
  bool Leave(const std::string& id, uint64_t stream) {
    const std::lock_guard lock(mutex_);
    const auto it = current_.find(id);
    if (it == current_.end() || it->second != stream) return false;
    current_.erase(it);
    return true;
  }
  bool IsCurrent(const std::string& id, uint64_t stream) const {
    const std::lock_guard lock(mutex_);
    const auto it = current_.find(id);
    return it != current_.end() && it->second == stream;
  }

 private:
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, uint64_t> current_;
  uint64_t next_ = 0;
};

}  // namespace

class FleetServer::Impl final : public v1::Fleet::Service {
 public:
  Impl(FleetServerOptions options, RouteHub* hub, FleetListener* listener, log::Logger logger)
      : options_(std::move(options)), hub_(hub), listener_(listener), log_(std::move(logger)) {}

  absl::Status Start() {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(kMaxMessage);
    builder.SetMaxSendMessageSize(-1);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
    std::vector<int> ports(options_.listen.size(), 0);
    for (size_t i = 0; i < options_.listen.size(); ++i) {
      const std::string& address = options_.listen[i];
      // A socket left by a controller that was killed; the data folder's lock says that it is dead.
      if (address.starts_with(kUnix)) ::unlink(address.substr(kUnix.size()).c_str());
      builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &ports[i]);
    }
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    for (size_t i = 0; i < ports.size(); ++i) {
      if (server_ == nullptr || ports[i] == 0) {
        Stop();
        return Unavailable(Cat("cannot listen for gateways on ", options_.listen[i],
                               ": is it in use already? Choose another with --fleet-listen"));
      }
      addresses_.push_back(WithPort(options_.listen[i], ports[i]));
    }
    return absl::OkStatus();
  }

  void Stop() {
    stopping_ = true;
    if (server_ == nullptr) return;
    // In the past: streams are ended at once. (time_point::min() would mean never: gRPC takes what
    // lies before 1970 for infinity.)
    server_->Shutdown(std::chrono::system_clock::time_point());
    server_->Wait();
    server_.reset();
    for (const std::string& address : addresses_) {
      if (address.starts_with(kUnix)) ::unlink(address.substr(kUnix.size()).c_str());
    }
  }

  const std::vector<std::string>& addresses() const { return addresses_; }

  grpc::Status Sync(grpc::ServerContext* context, Stream* stream) override {
    const Slot slot(streams_);
    if (slot.number > options_.max_streams || stopping_) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many gateways; try again later"};
    }
    v1::GatewayMessage first;
    if (!stream->Read(&first)) return grpc::Status::CANCELLED;
    if (!first.has_hello() || first.hello().gateway_id().empty()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "the first message must be a GatewayHello"};
    }
    Serve(first.hello(), context, stream);
    return grpc::Status::OK;
  }

 private:
  struct Slot {
    explicit Slot(std::atomic<uint32_t>& count) : count_(count), number(++count) {}
    ~Slot() { --count_; }
    std::atomic<uint32_t>& count_;
    const uint32_t number;
  };

  static std::string WithPort(const std::string& address, int port) {
    if (address.starts_with(kUnix)) {
      ::chmod(address.substr(kUnix.size()).c_str(), 0600);
      return address;
    }
    return address.substr(0, address.rfind(':') + 1) + std::to_string(port);
  }

  void Serve(const v1::GatewayHello& hello, grpc::ServerContext* context, Stream* stream) {
    const std::string& name = hello.gateway_id();
    const GatewayId id(name);
    const uint64_t number = gateways_.Enter(name);
    const auto subscription = hub_->Subscribe();
    listener_->OnGatewayConnected(id, hello.function_url());
    log_.Info("gateway connected", {{"gateway", name}, {"version", hello.version()}});

    std::thread writer([&] {
      if (!WriteAll(*subscription, stream)) context->TryCancel();
    });
    v1::GatewayMessage message;
    while (stream->Read(&message)) {
      if (gateways_.IsCurrent(name, number)) Dispatch(id, message, *subscription);
    }
    subscription->Close();
    // A writer that waits for a peer which reads nothing ends with the call.
    context->TryCancel();
    writer.join();
    if (gateways_.Leave(name, number)) {
      listener_->OnGatewayLost(id);
      log_.Info("gateway disconnected", {{"gateway", name}});
    }
  }

  bool WriteAll(RouteHub::Subscription& subscription, Stream* stream) {
    v1::ControllerMessage message;
    v1::ControllerHello* hello = message.mutable_hello();
    hello->set_epoch(options_.identity.epoch);
    hello->set_leader(true);
    hello->set_api_address(options_.identity.api_address);
    hello->set_stream_address(options_.identity.stream_address);
    hello->set_internal_token(options_.identity.internal_token);
    if (!stream->Write(message)) return false;
    while (auto update = subscription.Next()) {
      message.Clear();
      ToWire(*update, &message);
      if (!stream->Write(message)) return false;
    }
    return true;
  }

  void Dispatch(const GatewayId& id, const v1::GatewayMessage& message,
                RouteHub::Subscription& subscription) {
    switch (message.message_case()) {
      case v1::GatewayMessage::kAck:
        if (message.ack().epoch() != options_.identity.epoch) return;
        subscription.Ack(message.ack().sequence());
        listener_->OnAcknowledged(id);
        return;
      case v1::GatewayMessage::kDemand:
        listener_->OnDemand(id, message.demand().full(), FromWire(message.demand()));
        return;
      case v1::GatewayMessage::kReplicaFailure: {
        const auto& f = message.replica_failure();
        listener_->OnReplicaFailure({f.namespace_(), f.name()}, ReplicaId(f.replica_id()),
                                    f.reason());
        return;
      }
      case v1::GatewayMessage::kHello:
      case v1::GatewayMessage::MESSAGE_NOT_SET:
        return;
    }
  }

  const FleetServerOptions options_;
  RouteHub* const hub_;
  FleetListener* const listener_;
  const log::Logger log_;
  Gateways gateways_;
  std::atomic<uint32_t> streams_{0};
  std::atomic<bool> stopping_{false};
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;
};

FleetServer::FleetServer(FleetServerOptions options, RouteHub* hub, FleetListener* listener,
                         log::Logger logger)
    : impl_(std::make_unique<Impl>(std::move(options), hub, listener, std::move(logger))) {}
FleetServer::~FleetServer() { Stop(); }
absl::Status FleetServer::Start() { return impl_->Start(); }
void FleetServer::Stop() { impl_->Stop(); }
const std::vector<std::string>& FleetServer::addresses() const { return impl_->addresses(); }

}  // namespace hearth::controller
