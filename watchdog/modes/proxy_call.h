#pragma once

#include <memory>
#include <string>

#include "watchdog/modes/proxy.h"

namespace hearth::watchdog {

// One request on its way to the function's server and back, streamed both ways. Owned by its Call.
class ProxyMode::ProxyCall final : public CallHandler, public UpstreamHandler {
 public:
  ProxyCall(ProxyMode& mode, Call& call);
  ~ProxyCall() override;
  void Run();
  // The function's process has ended with the request inside it.
  void Crashed(const ExitInfo& exit);

  void OnBody(std::string_view piece) override;
  void OnBodyEnd(std::string_view trailer) override;
  void OnWritable() override;
  void OnCallerGone() override;
  void OnTimeout() override;

  void OnResponseHead(const http::ResponseHead& head) override;
  void OnResponseData(std::string_view piece) override;
  void OnResponseEnd(std::string_view trailer) override;
  void OnUpstreamWritable() override;
  void OnUpstreamFailed(UpstreamFailure failure) override;

 private:
  void Connect();
  void Send();
  void MakeHead(std::optional<uint64_t> length);
  void Drop();
  void Break(std::string_view reason, std::string_view message);
  void GiveUp();
  void FinishTunnel();

  ProxyMode& mode_;
  Call& call_;
  std::unique_ptr<net::PendingConnect> connect_;
  UpstreamConnection* upstream_ = nullptr;
  std::string head_;
  std::string buffered_body_;
  net::Timer verdict_;  // the next attempt to connect, or the moment to say what broke
  std::string broken_reason_;
  std::string broken_message_;
  int connect_attempts_ = 0;
  bool chunked_ = false;
  bool body_started_ = false;
  bool body_ended_ = false;
  bool broken_ = false;  // the connection is gone and nobody knows why yet
  bool done_ = false;
  bool tunnel_ = false;
  bool tunnel_up_done_ = false;
  bool tunnel_down_done_ = false;
};

}  // namespace hearth::watchdog
