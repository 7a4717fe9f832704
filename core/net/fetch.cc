#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/base/strings.h"
#include "core/net/http_client.h"

namespace hearth::net {
namespace {

// Runs one exchange on a loop of its own, in the calling thread.
class Fetcher final : public ClientHandler {
 public:
  Fetcher(const ClientRequest& request, const FetchOptions& options)
      : options_(options), loop_(NewEpollLoop(clock_)) {
    ClientRequest copy = request;
    if (options_.body_source) copy.streamed_body = true;
    exchange_ = ClientExchange::Start(*loop_, std::move(copy), this);
    if (options_.body_source) {
      loop_->Post([this] { Pump(); });
    } else if (request.streamed_body) {
      exchange_->EndBody();
    }
  }

  absl::StatusOr<ClientResponse> Run() {
    loop_->Run();
    exchange_.reset();
    if (!status_.ok()) return status_;
    return std::move(response_);
  }

 private:
  void OnHead(const ClientResponse& head) override {
    response_.status = head.status;
    response_.headers = head.headers;
    if (options_.on_head) options_.on_head(head);
  }

  void OnData(std::string_view piece) override {
    if (options_.on_data) {
      if (!options_.on_data(piece)) Finish(absl::OkStatus());
      return;
    }
    if (response_.body.size() + piece.size() > options_.max_body) {
      Finish(ResourceExhausted(Cat("the response is larger than ", options_.max_body, " bytes")));
      return;
    }
    response_.body.append(piece);
  }

  void OnEnd(const Headers& trailers) override {
    response_.trailers = trailers;
    Finish(absl::OkStatus());
  }

  void OnError(const absl::Status& error) override { Finish(error); }
  void OnWritable() override { Pump(); }

  void Pump() {
    if (body_done_ || exchange_ == nullptr) return;
    for (;;) {
      char piece[16 * 1024];
      const absl::StatusOr<size_t> n = options_.body_source(piece);
      if (!n.ok()) return Finish(n.status());
      if (*n == 0) {
        body_done_ = true;
        exchange_->EndBody();
        return;
      }
      if (!exchange_->Write({piece, *n})) return;
    }
  }

  void Finish(absl::Status status) {
    status_ = std::move(status);
    body_done_ = true;
    exchange_.reset();
    loop_->Stop();
  }

  const FetchOptions& options_;
  RealClock clock_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<ClientExchange> exchange_;
  ClientResponse response_;
  absl::Status status_;
  bool body_done_ = false;
};

}  // namespace

absl::StatusOr<ClientResponse> Fetch(const ClientRequest& request, const FetchOptions& options) {
  return Fetcher(request, options).Run();
}

std::string Url::HostField() const {
  if (scheme == "unix") return "localhost";
  const std::string name = host.find(':') != std::string::npos ? Cat("[", host, "]") : host;
  const bool default_port = (scheme == "http" && port == 80) || (scheme == "https" && port == 443);
  return default_port ? name : Cat(name, ":", port);
}

absl::StatusOr<Url> ParseUrl(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return InvalidArgument(
        Cat("\"", text, "\" is not a URL: ", why, "; write it like \"http://127.0.0.1:8080\""));
  };
  Url url;
  if (text.starts_with("unix:")) {
    url.scheme = "unix";
    url.host = text.substr(5);
    url.target = "/";
    if (url.host.empty()) return bad("the path is missing");
    return url;
  }
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return bad("it does not begin with http:// or https://");
  url.scheme = ToLower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return bad("it is neither http nor https");
  url.port = url.scheme == "http" ? 80 : 443;
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const size_t path = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, path);
  url.target = path == std::string_view::npos ? "/" : std::string(rest.substr(path));
  if (url.target.front() == '?') url.target.insert(0, "/");
  for (const char c : url.target) {
    if (c <= ' ' || c == 0x7f) return bad("it holds a space or a control character");
  }
  if (authority.find('@') != std::string_view::npos) return bad("credentials do not belong in it");
  std::string_view port;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return bad("a bracket is not closed");
    url.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else {
    const size_t at = authority.find(':');
    url.host = authority.substr(0, at);
    port = at == std::string_view::npos ? std::string_view() : authority.substr(at);
  }
  if (url.host.empty()) return bad("the host is missing");
  if (!port.empty()) {
    const auto number = ParseUint(port.substr(1));
    if (port.front() != ':' || !number || *number == 0 || *number > 65535) {
      return bad("the port is not a number from 1 to 65535");
    }
    url.port = static_cast<uint16_t>(*number);
  }
  return url;
}

}  // namespace hearth::net
