#include "watchdog/modes/probe.h"

#include <utility>

namespace hearth::watchdog {

ReadinessProbe::ReadinessProbe(net::Loop& loop, const net::Address& address, std::string request,
                               Duration timeout, std::function<void(ProbeResult)> on_done)
    : loop_(loop),
      request_(std::move(request)),
      on_done_(std::move(on_done)),
      timer_([this] { Done(ProbeResult::kSilent); }) {
  loop_.ArmAfter(timer_, timeout);
  connect_ = loop_.Connect(address, timeout, [this](auto stream) {
    if (!stream.ok()) {
      Done(ProbeResult::kRefused);
      return;
    }
    if (request_.empty()) {
      Done(ProbeResult::kAnswered);
      return;
    }
    connection_ = std::make_unique<UpstreamConnection>(loop_, std::move(*stream), *this);
    connection_->Start(this, "GET", request_, false);
    connection_->EndBody();
  });
}

ReadinessProbe::~ReadinessProbe() {
  if (connection_ != nullptr) connection_->Abandon();
}

// The answer is given at the end of the turn: the owner destroys the probe in it.
void ReadinessProbe::Done(ProbeResult result) {
  if (on_done_ == nullptr) return;
  timer_.SetCallback([done = std::exchange(on_done_, nullptr), result] {
    const auto call = done;
    call(result);
  });
  loop_.Arm(timer_, loop_.Now());
}

void ReadinessProbe::OnResponseHead(const http::ResponseHead& head) {
  Done(head.status >= 200 && head.status < 300 ? ProbeResult::kWell : ProbeResult::kAnswered);
}

void ReadinessProbe::OnUpstreamFailed(UpstreamFailure failure) {
  Done(failure == UpstreamFailure::kClosed ? ProbeResult::kRefused : ProbeResult::kAnswered);
}

}  // namespace hearth::watchdog
