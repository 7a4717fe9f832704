#include "cli/client/net_transport.h"

#include <algorithm>
#include <cstring>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/net/http_client.h"
#include "core/net/resolve.h"

namespace hearth::cli {
namespace {

HttpResponse HeadOf(const net::ClientResponse& from) {
  HttpResponse head;
  head.status = from.status;
  for (const auto& [name, value] : from.headers) head.headers.emplace_back(name, value);
  return head;
}

// What `body` holds first, then what the source gives.
class BodySource {
 public:
  explicit BodySource(const HttpRequest& request) : request_(request) {}
  absl::StatusOr<size_t> operator()(std::span<char> out) {
    const size_t n = std::min(out.size(), request_.body.size() - at_);
    if (n == 0) return request_.body_source(out);
    std::memcpy(out.data(), request_.body.data() + at_, n);
    at_ += n;
    return n;
  }

 private:
  const HttpRequest& request_;
  size_t at_ = 0;
};

class NetTransport final : public Transport {
 public:
  explicit NetTransport(std::unique_ptr<Transport> rest) : rest_(std::move(rest)) {}

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request) override {
    return rest_->Send(request);
  }

  absl::StatusOr<HttpResponse> Stream(const HttpRequest& request, const StreamSink& sink) override {
    ASSIGN_OR_RETURN(const net::Url url, net::ParseUrl(request.url));
    if (url.scheme != "http") return rest_->Stream(request, sink);
    net::ClientRequest out;
    out.method = request.method;
    out.target = url.target;
    out.host = url.HostField();
    for (const auto& [name, value] : request.headers) out.headers.Add(name, value);
    out.head_timeout = request.timeout;
    out.idle_timeout = request.timeout;
    net::FetchOptions options;
    if (request.body_source != nullptr) {
      out.streamed_body = true;
      out.streamed_length = request.length;
      options.body_source = BodySource(request);
    } else {
      out.body = request.body;
    }
    options.on_data = sink.on_data;
    options.on_head = [&](const net::ClientResponse& head) {
      if (sink.on_head != nullptr) sink.on_head(HeadOf(head));
    };
    auto addresses = net::Resolve(url.host, url.port);
    if (!addresses.ok()) return Unavailable(Message(addresses.status()));
    absl::Status last = Unavailable(Cat("no address for ", url.host));
    // The next address is tried only while nothing of the body has been taken.
    for (const auto& address : *addresses) {
      out.address = address;
      auto response = net::Fetch(out, options);
      if (response.ok()) return HeadOf(*response);
      last = response.status();
      if (last.code() != absl::StatusCode::kUnavailable || request.body_source != nullptr) break;
    }
    return last;
  }

 private:
  std::unique_ptr<Transport> rest_;
};

}  // namespace

std::unique_ptr<Transport> NewNetTransport(std::unique_ptr<Transport> rest) {
  return std::make_unique<NetTransport>(std::move(rest));
}

}  // namespace hearth::cli
