#include "watchdog/app/announcer.h"

#include <algorithm>

namespace hearth::watchdog {
namespace {

constexpr Duration kFirstDelay = std::chrono::milliseconds(20);
constexpr Duration kLongestDelay = std::chrono::seconds(2);

}  // namespace

Announcer::Announcer(net::Loop& loop, const net::Url& url, std::string token,
                     std::function<std::string()> document)
    : loop_(loop), document_(std::move(document)), retry_([this] { Announce(); }) {
  request_.address.host = url.host;
  request_.address.port = url.port;
  request_.method = "POST";
  request_.target = url.target;
  request_.host = url.HostField();
  request_.headers.Add("Content-Type", "application/json");
  if (!token.empty()) request_.headers.Add("X-Hearth-Token", token);
  request_.connect_timeout = std::chrono::seconds(2);
  request_.head_timeout = std::chrono::seconds(5);
  delay_ = kFirstDelay;
}

void Announcer::Announce() {
  accepted_ = false;
  request_.body = document_();
  exchange_ = net::ClientExchange::Start(loop_, request_, this);
}

void Announcer::OnHead(const net::ClientResponse& head) {
  accepted_ = head.status >= 200 && head.status < 300;
}

void Announcer::OnEnd(const net::Headers&) {
  exchange_.reset();
  if (accepted_) {
    delay_ = kFirstDelay;
  } else {
    Retry();
  }
}

void Announcer::OnError(const absl::Status&) {
  exchange_.reset();
  Retry();
}

void Announcer::Retry() {
  loop_.ArmAfter(retry_, delay_);
  delay_ = std::min(delay_ * 2, kLongestDelay);
}

}  // namespace hearth::watchdog
