#include "tests/fakes/fleet/fake_controller.h"

#include <algorithm>
#include <thread>

namespace hearth::fakes {

FakeController::FakeController(const std::string& address) {
  hello_.set_epoch(1);
  hello_.set_leader(true);
  routes_.set_sequence(1);
  if (!address.empty()) Listen(address);
}

FakeController::~FakeController() { Shutdown(); }

void FakeController::Listen(const std::string& address) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = address.starts_with("unix:") ? address : "127.0.0.1:" + std::to_string(port);
}

void FakeController::Shutdown() {
  if (server_ == nullptr) return;
  DropStreams();
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

void FakeController::SetHello(const v1::ControllerHello& hello) {
  std::lock_guard lock(mutex_);
  hello_ = hello;
  for (const auto& open : open_) {
    *open->outgoing.emplace_back().mutable_hello() = hello_;
    *open->outgoing.emplace_back().mutable_snapshot() = routes_;
  }
  changed_.notify_all();
}

v1::ControllerHello FakeController::Hello() {
  std::lock_guard lock(mutex_);
  return hello_;
}

uint64_t FakeController::Send(v1::RouteDelta delta) {
  delta.set_sequence(routes_.sequence() + 1);
  routes_.set_sequence(delta.sequence());
  for (const auto& open : open_) *open->outgoing.emplace_back().mutable_delta() = delta;
  changed_.notify_all();
  return delta.sequence();
}

uint64_t FakeController::Upsert(const v1::FunctionRoute& route) {
  std::lock_guard lock(mutex_);
  auto* functions = routes_.mutable_functions();
  const auto it = std::find_if(functions->begin(), functions->end(), [&](const auto& f) {
    return f.name() == route.name() && f.namespace_() == route.namespace_();
  });
  if (it != functions->end()) {
    *it = route;
  } else {
    *functions->Add() = route;
  }
  v1::RouteDelta delta;
  *delta.add_upserts() = route;
  return Send(std::move(delta));
}

uint64_t FakeController::Delete(const std::string& ns, const std::string& name) {
  std::lock_guard lock(mutex_);
  auto* functions = routes_.mutable_functions();
  for (int i = functions->size() - 1; i >= 0; --i) {
    if (functions->Get(i).name() == name && functions->Get(i).namespace_() == ns) {
      functions->DeleteSubrange(i, 1);
    }
  }
  v1::RouteDelta delta;
  v1::FunctionRef* ref = delta.add_deletes();
  ref->set_namespace_(ns);
  ref->set_name(name);
  return Send(std::move(delta));
}

void FakeController::SkipSequence() {
  std::lock_guard lock(mutex_);
  routes_.set_sequence(routes_.sequence() + 1);
}

void FakeController::DropStreams() {
  std::lock_guard lock(mutex_);
  for (const auto& open : open_) open->context->TryCancel();
}

FakeController::Messages FakeController::Heard() {
  std::lock_guard lock(mutex_);
  return heard_;
}

size_t FakeController::streams() {
  std::lock_guard lock(mutex_);
  return open_.size();
}

size_t FakeController::streams_opened() {
  std::lock_guard lock(mutex_);
  return opened_;
}

bool FakeController::WaitFor(const std::function<bool(const Messages&)>& holds,
                             std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return holds(heard_); });
}

bool FakeController::WaitForAck(uint64_t sequence) {
  return WaitFor([sequence](const Messages& heard) {
    return std::any_of(heard.begin(), heard.end(), [sequence](const v1::GatewayMessage& m) {
      return m.has_ack() && m.ack().sequence() >= sequence;
    });
  });
}

bool FakeController::WaitForDemand(const std::string& name,
                                   const std::function<bool(const v1::Demand&)>& holds) {
  return WaitFor([&](const Messages& heard) {
    for (const v1::GatewayMessage& m : heard) {
      for (const v1::Demand& demand : m.demand().functions()) {
        if (demand.name() == name && holds(demand)) return true;
      }
    }
    return false;
  });
}

grpc::Status FakeController::Sync(grpc::ServerContext* context, Stream* stream) {
  auto open = std::make_shared<Open>();
  open->context = context;
  {
    std::lock_guard lock(mutex_);
    *open->outgoing.emplace_back().mutable_hello() = hello_;
    *open->outgoing.emplace_back().mutable_snapshot() = routes_;
    open_.push_back(open);
    ++opened_;
    changed_.notify_all();
  }
  std::thread reader([&] {
    v1::GatewayMessage message;
    while (stream->Read(&message)) {
      std::lock_guard lock(mutex_);
      heard_.push_back(message);
      changed_.notify_all();
    }
    std::lock_guard lock(mutex_);
    open->over = true;
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return open->over || !open->outgoing.empty(); });
    if (open->over) break;
    const v1::ControllerMessage message = open->outgoing.front();
    open->outgoing.pop_front();
    lock.unlock();
    if (!stream->Write(message)) context->TryCancel();
    lock.lock();
  }
  std::erase(open_, open);
  changed_.notify_all();
  lock.unlock();
  reader.join();
  return grpc::Status::OK;
}

v1::FunctionRoute MakeRoute(const std::string& name, const std::string& address,
                            uint32_t capacity) {
  v1::FunctionRoute route;
  route.set_namespace_("default");
  route.set_name(name);
  route.set_is_default_namespace(true);
  v1::RoutePolicy* policy = route.mutable_policy();
  policy->set_timeout_ms(10000);
  policy->set_queue_max_requests(100);
  policy->set_queue_max_bytes(1 << 20);
  policy->set_queue_max_wait_ms(10000);
  policy->set_has_watchdog(true);
  policy->set_scale_to_zero(true);
  if (!address.empty()) {
    v1::RevisionRoute* revision = route.add_revisions();
    revision->set_revision("r-1");
    revision->set_weight(10000);
    v1::ReplicaRoute* replica = revision->add_replicas();
    replica->set_replica_id("r-1-" + name);
    replica->set_address(address);
    replica->set_capacity(capacity);
  }
  return route;
}

}  // namespace hearth::fakes
