#include "controller/backend/local/control_watch.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

// A status document holds at most 20 lines of 64 KiB.
constexpr size_t kMaxLine = 2 << 20;

}  // namespace

absl::StatusOr<WatchdogStatus> ParseWatchdogStatus(std::string_view text) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    WatchdogStatus status;
    status.state = json.at("state").get<std::string>();
    status.reason = json.value("reason", "");
    status.restarts = json.value("restarts", uint64_t{0});
    if (const auto it = json.find("init_ms"); it != json.end() && it->is_number()) {
      status.init_ms = it->get<int64_t>();  // null until the function has answered
    }
    if (const auto exit = json.find("last_exit"); exit != json.end() && exit->is_object()) {
      status.last_exit_reason = exit->value("reason", "");
    }
    if (const auto lines = json.find("last_output"); lines != json.end() && lines->is_array()) {
      for (const auto& line : *lines) {
        if (line.is_string()) status.last_output.push_back(line.get<std::string>());
      }
    }
    return status;
  } catch (const nlohmann::json::exception& e) {
    return InvalidArgument(Cat("status of a watchdog: ", e.what()));
  }
}

ControlWatch::ControlWatch(net::Loop& loop, const std::string& control_socket,
                           StatusCallback on_status, EndCallback on_end)
    : on_status_(std::move(on_status)), on_end_(std::move(on_end)) {
  net::ClientRequest request;
  request.address.kind = net::Address::Kind::kUnix;
  request.address.host = control_socket;
  request.target = "/events";
  request.head_timeout = Duration::zero();  // how long it may take to start is the owner's to say
  request.idle_timeout = Duration::zero();
  exchange_ = net::ClientExchange::Start(loop, std::move(request), this);
}

ControlWatch::~ControlWatch() { *alive_ = false; }

void ControlWatch::OnHead(const net::ClientResponse& head) {
  if (head.status != 200) Finish(Unavailable(Cat("the watchdog answers ", head.status)));
}

void ControlWatch::OnData(std::string_view piece) {
  const auto alive = alive_;
  line_.append(piece);
  size_t end = 0;
  while (*alive && (end = line_.find('\n')) != std::string::npos) {
    const std::string text = line_.substr(0, end);
    line_.erase(0, end + 1);
    if (Trim(text).empty()) continue;
    const auto status = ParseWatchdogStatus(text);
    if (!status.ok()) {
      Finish(status.status());
      return;
    }
    on_status_(*status);
  }
  if (*alive && line_.size() > kMaxLine) Finish(Unavailable("a status document without an end"));
}

void ControlWatch::OnEnd(const net::Headers&) { Finish(absl::OkStatus()); }
void ControlWatch::OnError(const absl::Status& error) { Finish(error); }

void ControlWatch::Finish(const absl::Status& status) {
  if (!on_end_) return;
  const auto callback = std::exchange(on_end_, nullptr);
  callback(status);
}

}  // namespace hearth::controller
