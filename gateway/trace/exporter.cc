#include "gateway/trace/exporter.h"

#include <algorithm>
#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/net/resolve.h"

namespace hearth::gateway::trace {
namespace {

constexpr const char* kPath = "/v1/traces";

absl::StatusOr<net::ClientResponse> SendByFetch(const net::ClientRequest& request) {
  net::FetchOptions options;
  options.max_body = 64 << 10;
  return net::Fetch(request, options);
}

bool IsWorthAnotherTry(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace

absl::StatusOr<net::Url> ParseEndpoint(std::string_view text) {
  ASSIGN_OR_RETURN(net::Url url, net::ParseUrl(text));
  if (url.scheme != "http") {
    return InvalidArgument(
        Cat("\"", text,
            "\" is not http://HOST:PORT; send spans to a collector on this machine or "
            "network, which can pass them on by https"));
  }
  while (url.target.ends_with('/')) url.target.pop_back();
  return url;
}

Exporter::Exporter(ExporterOptions options, const log::Logger& logger, Send send)
    : options_(std::move(options)),
      logger_(logger),
      send_(send ? std::move(send) : Send(SendByFetch)) {
  for (uint32_t i = 0; i < options_.loops; ++i) waiting_.push_back(std::make_unique<Waiting>());
  thread_ = std::thread([this] { Run(); });
}

Exporter::~Exporter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Exporter::Add(uint32_t loop, Span span) {
  Waiting& waiting = *waiting_[loop];
  size_t size = 0;
  {
    const std::lock_guard lock(waiting.mutex);
    size = waiting.spans.size();
    if (size < options_.most_waiting) waiting.spans.push_back(std::move(span));
  }
  if (size >= options_.most_waiting) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
  } else if (size + 1 == options_.most_at_once) {
    wake_.notify_one();
  }
}

bool Exporter::Pause(Duration duration) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, duration, [this] { return stop_; });
  return !stop_;
}

bool Exporter::stopping() {
  const std::lock_guard lock(mutex_);
  return stop_;
}

std::vector<Span> Exporter::Collect() {
  std::vector<Span> all;
  for (const auto& waiting : waiting_) {
    std::vector<Span> some;
    {
      const std::lock_guard lock(waiting->mutex);
      some.swap(waiting->spans);
    }
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

void Exporter::Run() {
  bool last = false;
  while (!last) {
    {
      std::unique_lock lock(mutex_);
      if (!stop_) wake_.wait_for(lock, options_.interval);  // less where a loop has a whole batch
      last = stop_;
    }
    std::vector<Span> all = Collect();
    for (size_t at = 0; at < all.size();) {
      const size_t end = std::min(all.size(), at + options_.most_at_once);
      const std::vector<Span> batch(std::make_move_iterator(all.begin() + static_cast<long>(at)),
                                    std::make_move_iterator(all.begin() + static_cast<long>(end)));
      at = end;
      if (Export(batch) || !stopping()) continue;
      // The gateway ends and the collector is away: the rest is not worth the wait.
      failed_.fetch_add(all.size() - end, std::memory_order_relaxed);
      return;
    }
  }
}

bool Exporter::Export(const std::vector<Span>& spans) {
  const std::string body = EncodeExport(options_.origin, spans);
  Duration pause = options_.first_pause;
  for (uint32_t attempt = 1;; ++attempt, pause *= 2) {
    const absl::Status status = Try(body, spans.size());
    if (status.ok()) {
      if (complained_) logger_.Info("the collector takes spans again");
      complained_ = false;
      return true;
    }
    if (!complained_) {
      logger_.Warn("the collector does not take spans",
                   {{"endpoint", options_.endpoint.HostField()}, {"error", Message(status)}});
      complained_ = true;
    }
    if (!absl::IsUnavailable(status) || attempt >= options_.most_tries || !Pause(pause)) break;
  }
  failed_.fetch_add(spans.size(), std::memory_order_relaxed);
  return false;
}

absl::Status Exporter::Try(const std::string& body, size_t spans) {
  const auto addresses = net::Resolve(options_.endpoint.host, options_.endpoint.port);
  if (!addresses.ok()) return Unavailable(Message(addresses.status()));
  if (addresses->empty()) return Unavailable(Cat(options_.endpoint.host, " has no address"));
  net::ClientRequest request;
  request.address = addresses->front();
  request.method = "POST";
  request.target = options_.endpoint.target + kPath;
  request.host = options_.endpoint.HostField();
  request.headers = {{"Content-Type", "application/x-protobuf"}};
  request.body = body;
  request.connect_timeout = request.head_timeout = request.idle_timeout = options_.timeout;
  request.total_timeout = options_.timeout;
  const auto response = send_(request);
  if (!response.ok()) return Unavailable(Message(response.status()));
  if (IsWorthAnotherTry(response->status)) return Unavailable(Cat("status ", response->status));
  if (response->status < 200 || response->status >= 300) {
    return InvalidArgument(Cat("status ", response->status));
  }
  const uint64_t rejected = std::min<uint64_t>(RejectedSpans(response->body), spans);
  failed_.fetch_add(rejected, std::memory_order_relaxed);
  exported_.fetch_add(spans - rejected, std::memory_order_relaxed);
  return absl::OkStatus();
}

}  // namespace hearth::gateway::trace
