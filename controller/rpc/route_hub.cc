#include "controller/rpc/route_hub.h"

#include <algorithm>
#include <limits>

namespace hearth::controller {

struct RouteHub::State {
  mutable std::mutex mutex;  // guards everything, the subscriptions' fields included
  std::condition_variable changed;
  std::map<FunctionKey, std::shared_ptr<const FunctionRoutes>> routes;
  uint64_t version = kFirstVersion;
  std::vector<Subscription*> subscriptions;

  uint64_t Changed(const FunctionKey& function) {
    ++version;
    for (Subscription* s : subscriptions) {
      if (s->snapshot_sent_) s->pending_.insert(function);
    }
    changed.notify_all();
    return version;
  }
};

RouteHub::RouteHub() : state_(std::make_shared<State>()) {}
RouteHub::~RouteHub() = default;

uint64_t RouteHub::Publish(FunctionRoutes routes) {
  const std::lock_guard lock(state_->mutex);
  auto& slot = state_->routes[routes.function];
  if (slot != nullptr && *slot == routes) return state_->version;
  slot = std::make_shared<const FunctionRoutes>(std::move(routes));
  return state_->Changed(slot->function);
}

uint64_t RouteHub::Withdraw(const FunctionKey& function) {
  const std::lock_guard lock(state_->mutex);
  if (state_->routes.erase(function) == 0) return state_->version;
  return state_->Changed(function);
}

RouteHub::Acknowledged RouteHub::acknowledged() const {
  const std::lock_guard lock(state_->mutex);
  Acknowledged out{state_->subscriptions.size(), std::numeric_limits<uint64_t>::max()};
  for (const Subscription* s : state_->subscriptions) {
    out.version = std::min(out.version, s->acked_version_);
  }
  return out;
}

size_t RouteHub::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->routes.size();
}

std::shared_ptr<RouteHub::Subscription> RouteHub::Subscribe() {
  std::shared_ptr<Subscription> s(new Subscription(state_));
  const std::lock_guard lock(state_->mutex);
  state_->subscriptions.push_back(s.get());
  return s;
}

RouteHub::Subscription::~Subscription() { Close(); }

void RouteHub::Subscription::Close() {
  const std::lock_guard lock(state_->mutex);
  closed_ = true;
  std::erase(state_->subscriptions, this);
  state_->changed.notify_all();
}

std::optional<RouteUpdate> RouteHub::Subscription::Next() {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [this] { return closed_ || HasUpdate(); });
  if (closed_) return std::nullopt;
  return TakeUpdate();
}

std::optional<RouteUpdate> RouteHub::Subscription::Poll() {
  const std::lock_guard lock(state_->mutex);
  if (closed_ || !HasUpdate()) return std::nullopt;
  return TakeUpdate();
}

RouteUpdate RouteHub::Subscription::TakeUpdate() {
  RouteUpdate update;
  update.sequence = ++sequence_;
  if (!snapshot_sent_) {
    update.snapshot = true;
    snapshot_sent_ = true;
    for (const auto& [key, routes] : state_->routes) update.upserts.push_back(routes);
  } else {
    for (const auto& key : pending_) {
      const auto it = state_->routes.find(key);
      if (it != state_->routes.end()) {
        update.upserts.push_back(it->second);
      } else {
        update.deletes.push_back(key);
      }
    }
  }
  pending_.clear();
  unacked_.emplace_back(update.sequence, state_->version);
  return update;
}

void RouteHub::Subscription::Ack(uint64_t sequence) {
  const std::lock_guard lock(state_->mutex);
  if (sequence > sequence_) return;
  while (!unacked_.empty() && unacked_.front().first <= sequence) {
    acked_version_ = unacked_.front().second;
    unacked_.pop_front();
  }
  // With nothing on its way or waiting, it is up to date whatever changed before it came.
  if (unacked_.empty() && snapshot_sent_ && pending_.empty()) acked_version_ = state_->version;
}

}  // namespace hearth::controller
