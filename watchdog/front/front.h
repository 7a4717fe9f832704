#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/random.h"
#include "core/net/loop.h"
#include "watchdog/config/config.h"
#include "watchdog/front/admission.h"
#include "watchdog/front/call.h"
#include "watchdog/front/metrics.h"
#include "watchdog/front/mode.h"

namespace hearth::watchdog {

// Where requests come in: accepts connections, counts slots, lets requests wait for a function that
// is not ready yet, refuses what does not fit before its body is read, and hands the rest to the
// mode. Belongs to the loop's thread; owned by the App.
class Front final : public ConnectionOwner, public CallOwner {
 public:
  // `on_finished` is called after each call has given its slot back.
  Front(net::Loop& loop, const Config& config, std::function<void()> on_finished);
  ~Front() override;

  absl::Status Listen();
  net::Address address() const { return listener_->address(); }
  void SetMode(Mode* mode) { mode_ = mode; }

  // Requests that wait are started, or refused with `reason`.
  void SetState(FunctionState state, std::string_view reason = {});
  FunctionState state() const { return state_; }
  // The requests that wait now get 502; later ones may wait again.
  void FailWaiting(std::string_view reason);
  void StartDraining() { draining_ = true; }
  bool draining() const override { return draining_; }
  // Ends of answers wait for callers that read slowly.
  bool HasUnsent() const;

  uint32_t in_flight() const { return static_cast<uint32_t>(calls_.size()); }
  uint64_t started_total() const { return started_total_; }
  MonotonicTime last_request() const { return last_request_; }
  // The id of the one request that is inside; empty for none or several.
  std::string_view OnlyCallId() const;
  void WriteMetrics(metrics::TextWriter* out) const;

  void OnRequest(ServerConnection& connection) override;
  void OnConnectionClosed(ServerConnection& connection) override;
  void OnCallFinished(Call& call) override;
  void OnCallEvent(CallEvent event, std::string_view reason) override {
    metrics_.Count(event, reason);
  }
  void OnHeadRefused(std::string_view reason) override {
    metrics_.Count(CallEvent::kRefusal, reason);
  }
  void OnConnectionTimeout(std::string_view kind) override {
    metrics_.Count(CallEvent::kTimeout, kind);
  }

 private:
  void AnswerReserved(ServerConnection& c);
  void Refuse(ServerConnection& c, int status, std::string_view component, std::string_view reason,
              std::string_view message);
  void RefuseBusy(ServerConnection& c);
  void RefuseFailed(ServerConnection& c);
  bool Authorized(const http::RequestHead& head) const;
  CallTimes TimesFor(const http::RequestHead& head) const;
  std::string CallIdFor(const http::RequestHead& head);
  void StartCall(Call& call);
  void Bury(std::unique_ptr<ServerConnection> connection, std::unique_ptr<Call> call);

  net::Loop& loop_;
  const Config& config_;
  std::function<void()> on_finished_;
  net::BufferPool buffers_{8};  // the watchdog is small: what it keeps as well
  ConnectionOptions connection_options_;
  std::unique_ptr<net::Listener> listener_;
  Mode* mode_ = nullptr;
  FunctionState state_ = FunctionState::kStarting;
  std::string failure_;
  bool draining_ = false;

  std::unordered_map<Call*, std::unique_ptr<Call>> calls_;  // each holds one slot
  std::vector<Call*> waiting_;                              // of those, in order of arrival
  std::unordered_map<ServerConnection*, std::unique_ptr<ServerConnection>> connections_;
  // Destroyed at the end of the turn, because their methods may be on the stack.
  std::vector<std::unique_ptr<ServerConnection>> dead_connections_;
  std::vector<std::unique_ptr<Call>> dead_calls_;
  bool burying_ = false;

  UuidSource ids_;
  RequestMetrics metrics_;
  uint64_t started_total_ = 0;
  uint64_t busy_total_ = 0;
  MonotonicTime last_request_{};
};

}  // namespace hearth::watchdog
