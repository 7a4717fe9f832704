#include "controller/api/api_server.h"

#include <arpa/inet.h>
#include <cpprest/http_listener.h>
#include <openssl/crypto.h>
#include <pplx/threadpool.h>
#include <sys/socket.h>

#include <mutex>

#include "controller/api/respond.h"
#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {
namespace {

using web::http::http_request;
using web::http::http_response;
using web::http::experimental::listener::http_listener;

constexpr const char* kTokenHeader = "X-Hearth-Internal-Token";
constexpr int kPortAttempts = 20;

// The library cannot say which port it was given, so that one is chosen for it.
uint16_t FreePort(const std::string& host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return 0;
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto* any = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (!fd.valid() || ::bind(fd.get(), any, size) != 0) return 0;
  if (::getsockname(fd.get(), any, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

bool SameText(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::map<std::string, std::string> QueryOf(const std::string& query) {
  std::map<std::string, std::string> out;
  for (const std::string_view pair : Split(query, '&')) {
    const size_t equals = pair.find('=');
    const auto name = PercentDecode(pair.substr(0, equals), true);
    const auto value = equals == std::string_view::npos
                           ? std::optional<std::string>("")
                           : PercentDecode(pair.substr(equals + 1), true);
    if (name && value && !name->empty()) out[*name] = *value;
  }
  return out;
}

void Reply(const http_request& request, const ApiResponse& answer) {
  http_response response(static_cast<web::http::status_code>(answer.status));
  response.set_body(answer.body, answer.content_type);
  for (const auto& [name, value] : answer.headers) response.headers().add(name, value);
  // The caller may be gone already; that is no error of ours.
  request.reply(response).then([](pplx::task<void> sent) {
    try {
      sent.get();
    } catch (const std::exception&) {
    }
  });
}

}  // namespace

class ApiServer::Impl {
 public:
  Impl(ApiServerOptions options, const Api* api, log::Logger logger)
      : options_(std::move(options)), api_(api), log_(std::move(logger)) {}

  absl::Status Start() {
    // Before anything of the library runs: else it makes forty threads.
    static std::once_flag threads;
    std::call_once(threads, [] { crossplat::threadpool::initialize_with_threads(4); });
    std::string error;
    for (int attempt = 0; attempt < (options_.port == 0 ? kPortAttempts : 1); ++attempt) {
      port_ = options_.port == 0 ? FreePort(options_.host) : options_.port;
      if (port_ == 0) break;
      try {
        listener_ = std::make_unique<http_listener>(
            web::uri(Cat("http://", options_.host, ":", port_, "/")));
        listener_->support([this](const http_request& request) { Serve(request); });
        listener_->open().wait();
        return absl::OkStatus();
      } catch (const std::exception& e) {
        error = e.what();
        listener_.reset();
      }
    }
    return Unavailable(Cat("the management API cannot listen on ", options_.host, ":",
                           options_.port, " (", error, "); choose another with --api-listen"));
  }

  void Stop() {
    if (listener_ == nullptr) return;
    try {
      listener_->close().wait();
    } catch (const std::exception& e) {
      log_.Warn("the management API did not close cleanly", {{"error", e.what()}});
    }
    listener_.reset();
  }

  std::string address() const { return Cat(options_.host, ":", port_); }

 private:
  void Serve(const http_request& request) {
    try {
      ServeOrThrow(request);
    } catch (const std::exception& e) {
      log_.Warn("request to the management API failed", {{"error", e.what()}});
      Reply(request, Error(400, "bad_request", "the request could not be read"));
    }
  }

  void ServeOrThrow(const http_request& request) {
    const auto token = request.headers().find(kTokenHeader);
    if (token == request.headers().end() || !SameText(token->second, options_.internal_token)) {
      Reply(request, Error(403, "not_through_gateway",
                           "the management API is reached through a gateway, at /system/"));
      return;
    }
    ApiRequest in;
    in.method = request.method();
    const web::uri uri = request.request_uri();
    const auto path = PercentDecode(uri.path());
    if (!path) {
      Reply(request, Error(400, "bad_request", "the path is not percent-encoded correctly"));
      return;
    }
    in.path = *path;
    in.query = QueryOf(uri.query());
    if (request.headers().content_length() > options_.max_body) {
      Reply(request, Error(413, "body_too_large",
                           Cat("the body is larger than ", options_.max_body, " bytes")));
      return;
    }
    request.extract_vector().then(
        [this, request, in](pplx::task<std::vector<unsigned char>> body) mutable {
          try {
            const std::vector<unsigned char> bytes = body.get();
            in.body.assign(bytes.begin(), bytes.end());
            Reply(request, api_->Handle(in));
          } catch (const std::exception& e) {
            log_.Warn("request to the management API failed", {{"error", e.what()}});
            Reply(request, Error(400, "bad_request", "the request's body could not be read"));
          }
        });
  }

  const ApiServerOptions options_;
  const Api* const api_;
  const log::Logger log_;
  uint16_t port_ = 0;
  std::unique_ptr<http_listener> listener_;
};

ApiServer::ApiServer(ApiServerOptions options, const Api* api, log::Logger logger)
    : impl_(std::make_unique<Impl>(std::move(options), api, std::move(logger))) {}
ApiServer::~ApiServer() { Stop(); }
absl::Status ApiServer::Start() { return impl_->Start(); }
void ApiServer::Stop() { impl_->Stop(); }
std::string ApiServer::address() const { return impl_->address(); }

}  // namespace hearth::controller
