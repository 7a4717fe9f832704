#pragma once

#include <map>
#include <memory>
#include <string>

#include "watchdog/config/config.h"
#include "watchdog/front/mode.h"
#include "watchdog/runtimeapi/server.h"
#include "watchdog/runtimeapi/state.h"
#include "watchdog/supervise/service.h"

namespace hearth::watchdog {

// Native mode: requests become events that the function's runtime fetches from AWS's Runtime API.
// Belongs to the loop's thread; owned by the App.
class NativeMode final : public Mode, public RuntimeService, public ServiceObserver {
 public:
  struct Parts {
    net::Loop& loop;
    Launcher& launcher;
    FunctionLog& log;
    ModeHost& host;
    const Config& config;
  };
  explicit NativeMode(const Parts& parts);
  ~NativeMode() override;

  // Before Start; `make_spec` gets the Runtime API's real address.
  absl::Status Listen();
  net::Address api_address() const { return api_.address(); }
  void SetLaunchSpec(LaunchSpec spec);

  void Start() override;
  void Handle(Call& call) override;
  void Stop(std::function<void()> done) override;

  std::optional<ApiError> OnNext(uint64_t poller) override;
  void OnPollerGone(uint64_t poller) override;
  std::unique_ptr<ResponseSink> OnResponse(std::string_view id, const http::RequestHead& head,
                                           std::function<void()> resume, ApiError* error) override;
  std::optional<ApiError> OnError(std::string_view id, std::string_view body,
                                  std::string_view content_type) override;
  std::optional<ApiError> OnInitError(std::string_view body) override;

  void OnServiceStarted() override;
  void OnServiceExit(const ExitInfo& exit) override;
  void OnServiceFailed(std::string_view reason) override;

 private:
  class Invocation;
  class Buffered;
  class Streamed;
  friend class Invocation;

  void Offer(Invocation& invocation);
  void Deliver(uint64_t poller, const std::string& id);
  Invocation* Find(std::string_view id);
  std::string IdFor(const Call& call) const;
  void Expired(Invocation& invocation);
  void Forget(const std::string& id) { invocations_.erase(id); }

  net::Loop& loop_;
  FunctionLog& log_;
  ModeHost& host_;
  const Config& config_;
  Launcher& launcher_;
  ApiServer api_;
  RuntimeState state_;
  std::unique_ptr<Service> service_;
  std::map<std::string, Invocation*, std::less<>> invocations_;
  std::string init_error_;
};

}  // namespace hearth::watchdog
