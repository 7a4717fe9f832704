#include "watchdog/modes/probe.h"

#include <utility>

#include "core/h2/client_stream.h"

namespace hearth::watchdog {

ReadinessProbe::ReadinessProbe(net::Loop& loop, const Upstream& upstream, std::string request,
                               Duration timeout, std::function<void(ProbeResult)> on_done)
    : loop_(loop),
      request_(std::move(request)),
      on_done_(std::move(on_done)),
      timer_([this] { Done(ProbeResult::kSilent); }) {
  loop_.ArmAfter(timer_, timeout);
  connect_ = loop_.Connect(upstream.address, timeout, [this, h2c = upstream.h2c](auto stream) {
    if (!stream.ok()) {
      Done(ProbeResult::kRefused);
      return;
    }
    if (request_.empty()) {
      Done(ProbeResult::kAnswered);
      return;
    }
    std::unique_ptr<net::Stream> connected = std::move(*stream);
    if (h2c) connected = h2::NewClientStream(loop_, std::move(connected));
    connection_ = std::make_unique<UpstreamConnection>(loop_, std::move(connected), *this);
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
