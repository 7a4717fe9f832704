#include "gateway/fleet/fleet_client.h"

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "gateway/fleet/route_cache.h"
#include "hearth/v1/fleet.pb.h"

namespace hearth::fleet {
namespace {

// Functions that are copied for the cache before others get the lock.
constexpr size_t kMirroredAtOnce = 256;
// With changes all the time, the cache is written at this many bytes each cache_delay.
constexpr size_t kBytesADelay = 1 << 20;

}  // namespace

FleetClient::FleetClient(FleetOptions options, Outbox* outbox, route::RouteStore* store,
                         Install install, OnController on_controller, const log::Logger& logger)
    : options_(std::move(options)),
      outbox_(outbox),
      install_(std::move(install)),
      on_controller_(std::move(on_controller)),
      logger_(logger),
      store_(store),
      gate_(options_.controllers.size()) {
  LinkOwner* const self = this;
  for (size_t i = 0; i < options_.controllers.size(); ++i) {
    links_.push_back(
        std::make_unique<Link>(i, options_.controllers[i], options_.tls, self, logger_));
  }
}

FleetClient::~FleetClient() { Stop(); }

void FleetClient::Start() {
  if (!options_.route_cache.empty()) {
    LoadCache();
    saver_ = std::thread([this] { SaveLoop(); });
  }
  for (const auto& link : links_) link->Start();
}

void FleetClient::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    save_wake_.notify_all();
  }
  for (const auto& link : links_) link->Stop();
  links_.clear();
  if (saver_.joinable()) saver_.join();
}

void FleetClient::LoadCache() {
  const absl::StatusOr<v1::RouteSnapshot> cached = LoadRoutes(options_.route_cache);
  if (!cached.ok()) {
    if (cached.status().code() != absl::StatusCode::kNotFound) {
      logger_.Warn("route cache not used", {{"error", Message(cached.status())}});
    }
    return;
  }
  std::lock_guard lock(mutex_);
  mirror_.Apply(*cached);
  mirror_.ExpectSnapshot();
  has_routes_ = from_cache_ = true;
  install_(store_->Reset(*cached), [] {});
  logger_.Info("starting from cached routes",
               {{"file", options_.route_cache}, {"functions", cached->functions_size()}});
}

v1::GatewayHello FleetClient::Hello() const {
  v1::GatewayHello hello;
  hello.set_gateway_id(options_.gateway_id);
  hello.set_version(options_.version);
  hello.set_function_url(options_.function_url);
  return hello;
}

LinkOwner::Next FleetClient::OnMessage(size_t link, const v1::ControllerMessage& message) {
  switch (message.message_case()) {
    case v1::ControllerMessage::kHello:
      OnHello(link, message);
      return Next::kReadOn;
    case v1::ControllerMessage::kSnapshot:
    case v1::ControllerMessage::kDelta:
      return OnRoutes(link, message);
    case v1::ControllerMessage::MESSAGE_NOT_SET:
      return Next::kReadOn;  // of a newer controller
  }
  return Next::kReadOn;
}

void FleetClient::EndSession() {
  outbox_->Close(session_);
  session_ = 0;
  controller_.reset();
}

void FleetClient::OnHello(size_t link, const v1::ControllerMessage& message) {
  const v1::ControllerHello& hello = message.hello();
  const std::string& address = options_.controllers[link];
  std::lock_guard lock(mutex_);
  const bool was_obeyed = gate_.Obeyed(link);
  switch (gate_.OnHello(link, hello.epoch(), hello.leader())) {
    case EpochGate::Verdict::kObey:
      session_ = outbox_->Open();
      mirror_.ExpectSnapshot();
      controller_ = ControllerInfo{address, hello.epoch(), hello.api_address(),
                                   hello.stream_address(), hello.internal_token()};
      on_controller_(controller_);
      logger_.Info("following controller", {{"controller", address}, {"epoch", hello.epoch()}});
      return;
    case EpochGate::Verdict::kStale:
      logger_.Warn(
          "ignoring a controller with an old epoch; if its state was reset on purpose, "
          "restart this gateway",
          {{"controller", address}, {"epoch", hello.epoch()}, {"newest", gate_.newest_epoch()}});
      break;
    case EpochGate::Verdict::kStandby:
    case EpochGate::Verdict::kDuplicate:
      break;
  }
  if (was_obeyed) {
    EndSession();
    on_controller_(std::nullopt);
  }
}

LinkOwner::Next FleetClient::OnRoutes(size_t link, const v1::ControllerMessage& message) {
  std::lock_guard lock(mutex_);
  if (!gate_.Obeyed(link)) return Next::kReadOn;
  const RouteMirror::Result result =
      message.has_snapshot() ? mirror_.Apply(message.snapshot()) : mirror_.Apply(message.delta());
  switch (result) {
    case RouteMirror::Result::kApplied:
      break;
    case RouteMirror::Result::kRepeated:
      return Next::kReadOn;
    case RouteMirror::Result::kGap:
    case RouteMirror::Result::kNoSnapshot:
      return Next::kReconnect;
  }
  InstallCurrent(message.has_snapshot() ? store_->Reset(message.snapshot())
                                        : store_->Apply(message.delta()));
  return Next::kReadOn;
}

void FleetClient::InstallCurrent(std::shared_ptr<const route::Table> table) {
  has_routes_ = true;
  from_cache_ = false;
  dirty_ = true;
  save_wake_.notify_all();
  install_(std::move(table),
           [outbox = outbox_, session = session_, epoch = controller_->epoch,
            sequence = mirror_.sequence()] { outbox->Ack(session, epoch, sequence); });
}

void FleetClient::OnLost(size_t link, const std::string& /*reason*/) {
  std::lock_guard lock(mutex_);
  const bool was_obeyed = gate_.Obeyed(link);
  const std::optional<size_t> other = gate_.OnLost(link);
  if (was_obeyed) {
    EndSession();
    if (!stopping_) on_controller_(std::nullopt);
  }
  if (other && !stopping_) links_[*other]->Restart();
}

uint64_t FleetClient::SessionOf(size_t link) const {
  std::lock_guard lock(mutex_);
  return gate_.Obeyed(link) ? session_ : 0;
}

std::vector<v1::GatewayMessage> FleetClient::NextToWrite(uint64_t session) {
  return outbox_->Next(session, [this] {
    std::lock_guard lock(mutex_);
    return store_->States();
  });
}

FleetStatus FleetClient::status() const {
  std::lock_guard lock(mutex_);
  return {has_routes_,          from_cache_,        controller_,
          gate_.newest_epoch(), mirror_.sequence(), mirror_.size()};
}

absl::Status FleetClient::Flush() {
  std::lock_guard save_lock(save_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (!dirty_ || options_.route_cache.empty()) return absl::OkStatus();
    dirty_ = false;
  }
  // In pieces: a change that comes meanwhile does not wait for all of it. What it changes behind
  // the walk makes the file dirty again.
  std::string snapshot;
  FunctionKey last;
  for (bool more = true; more;) {
    std::lock_guard lock(mutex_);
    more = mirror_.AppendTo(&snapshot, &last, kMirroredAtOnce);
  }
  saved_bytes_ = snapshot.size();
  return SaveRoutes(options_.route_cache, snapshot);
}

void FleetClient::SaveLoop() {
  std::unique_lock lock(mutex_);
  bool failed = false;
  for (;;) {
    save_wake_.wait(lock, [this] { return stopping_ || dirty_; });
    // A burst of changes is one save, and a large file is written less often than a small one.
    if (!stopping_) {
      const Duration pause = options_.cache_delay * (1 + saved_bytes_ / kBytesADelay);
      save_wake_.wait_for(lock, pause, [this] { return stopping_; });
    }
    const bool last = stopping_;
    lock.unlock();
    const absl::Status status = Flush();
    if (!status.ok() && !failed) {
      logger_.Warn("routes not saved", {{"error", Message(status)}});
    }
    failed = !status.ok();
    if (last) return;
    lock.lock();
  }
}

}  // namespace hearth::fleet
