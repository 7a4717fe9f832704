#include "controller/stream/stream_server.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "controller/bundle/bundle_store.h"
#include "controller/logs/log_store.h"
#include "controller/process/worker_pool.h"
#include "controller/stream/log_request.h"
#include "core/base/absl_compat.h"
#include "core/base/status_codes.h"
#include "core/base/strings.h"
#include "core/net/http_server.h"
#include "core/net/loop.h"

namespace hearth::controller {
namespace {

using ExchangePtr = std::shared_ptr<net::ServerExchange>;

constexpr std::string_view kBundles = "/system/bundles/";
constexpr size_t kLinesAtOnce = 500;
constexpr Duration kUploadSilence = std::chrono::minutes(2);

bool SecureEquals(std::string_view a, std::string_view b) {
  return !b.empty() && a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void RespondStatus(const ExchangePtr& exchange, const absl::Status& status) {
  exchange->RespondError(HttpStatusOf(status.code()), ReasonOf(status.code()), Message(status));
}

// One follower: writes what is new a few times a second. Lives as long as its exchange and timer.
struct Follower : std::enable_shared_from_this<Follower> {
  FunctionKey function;
  std::unique_ptr<LogCursor> cursor;
  ExchangePtr exchange;
  net::Timer timer;
  bool follow = false;
  bool paused = false;
};

// One upload. Its pieces are written on the loop's thread (to the page cache), its end on the
// worker.
struct UploadState {
  std::unique_ptr<BundleUpload> upload;
  absl::Status status;
};

}  // namespace

class StreamServer::Impl {
 public:
  Impl(StreamServerOptions options, StreamServerDeps deps)
      : options_(std::move(options)),
        deps_(std::move(deps)),
        loop_(net::NewEpollLoop(*deps_.clock)) {
    net::HttpServerOptions server;
    server.component = "controller";
    server.body_timeout = kUploadSilence;
    server_ = std::make_unique<net::HttpServer>(
        *loop_, server, [this](ExchangePtr exchange) { Handle(exchange); },
        [](const net::ServerRequest& request) {
          return request.method == "PUT" ? net::BodyMode::kStreamed : net::BodyMode::kBuffered;
        });
  }
  ~Impl() { Stop(); }

  absl::Status Start() {
    const absl::Status status = server_->Listen(options_.listen);
    if (!status.ok()) return status;
    address_ = server_->address();
    thread_ = std::thread([this] { loop_->Run(); });
    return absl::OkStatus();
  }

  net::Address address() const { return address_; }

  void Stop() {
    committer_.Stop();
    if (!thread_.joinable()) return;
    loop_->Post([this] {
      followers_.clear();
      server_.reset();
      loop_->Stop();
    });
    thread_.join();
  }

 private:
  void Handle(const ExchangePtr& exchange) {
    const net::ServerRequest& request = exchange->request();
    if (!SecureEquals(request.headers.Get("X-Hearth-Internal-Token"), options_.internal_token)) {
      exchange->RespondError(401, "unauthenticated", "only gateways may ask here");
      return;
    }
    if (request.path == "/system/logs") {
      if (request.method == "GET") return Logs(exchange);
      exchange->RespondError(405, "method_not_allowed", "logs are read with GET");
    } else if (std::string_view(request.path).starts_with(kBundles)) {
      Bundle(exchange, std::string(request.path.substr(kBundles.size())));
    } else {
      exchange->RespondError(404, "not_found", Cat("there is nothing at ", request.path));
    }
  }

  void Logs(const ExchangePtr& exchange) {
    const auto parsed =
        ParseLogRequest([&](std::string_view name) { return exchange->request().Query(name); },
                        options_.default_namespace, deps_.clock->WallNow());
    if (!parsed.ok()) {
      exchange->RespondError(422, "bad_query", Message(parsed.status()));
      return;
    }
    const FunctionKey& key = parsed->query.function;
    if (deps_.function_exists && !deps_.function_exists(key)) {
      exchange->RespondError(404, "not_found", Cat("there is no function ", key.Text()));
      return;
    }
    auto follower = std::make_shared<Follower>();
    follower->function = key;
    follower->cursor = deps_.logs->Follow(parsed->query);
    follower->exchange = exchange;
    follower->follow = parsed->follow;
    followers_.insert(follower);
    const std::weak_ptr<Follower> weak = follower;
    follower->timer.SetCallback([this, weak] {
      if (const auto held = weak.lock()) Pump(held);
    });
    exchange->OnClosed([this, weak] {
      if (const auto held = weak.lock()) Drop(held);
    });
    exchange->OnDrained([this, weak] {
      const auto held = weak.lock();
      if (held == nullptr || !held->paused) return;
      held->paused = false;
      Pump(held);
    });
    exchange->Begin(200, {{"Content-Type", "application/x-ndjson"}});
    Pump(follower);
  }

  void Pump(const std::shared_ptr<Follower>& follower) {
    while (true) {
      const auto lines = follower->cursor->Next(kLinesAtOnce);
      if (lines.empty()) break;
      std::string text;
      for (const LogLine& line : lines) text += FormatLogMessage(follower->function, line);
      if (!follower->exchange->Write(text)) {
        follower->paused = true;  // until the peer has read
        return;
      }
      if (follower->exchange->closed()) return;
    }
    if (follower->follow) {
      loop_->ArmAfter(follower->timer, options_.follow_interval);
      return;
    }
    follower->exchange->End();
    Drop(follower);
  }

  void Drop(const std::shared_ptr<Follower>& follower) {
    loop_->Defer([follower] {});  // it may be what called us
    followers_.erase(follower);
  }

  void Bundle(const ExchangePtr& exchange, const std::string& digest) {
    const std::string& method = exchange->request().method;
    if (!IsDigest(digest)) {
      exchange->RespondError(400, "bad_digest",
                             "a bundle is named by \"sha256:\" and 64 hexadecimal digits");
      return;
    }
    const bool there = deps_.bundles->Has(digest);
    if (method == "HEAD" || method == "GET") {
      if (there) return exchange->Respond(200, {}, "");
      exchange->RespondError(404, "not_found", Cat("the bundle ", digest, " is not here"));
    } else if (method == "PUT") {
      Put(exchange, digest, there);
    } else {
      exchange->RespondError(405, "method_not_allowed", "bundles take HEAD and PUT");
    }
  }

  void Put(const ExchangePtr& exchange, const std::string& digest, bool there) {
    if (uploads_ >= options_.max_uploads) {
      exchange->RespondError(429, "too_many_uploads", "too many uploads at once; try again");
      return;
    }
    auto begun = deps_.bundles->BeginUpload(digest);
    if (!begun.ok()) return RespondStatus(exchange, begun.status());
    auto state = std::make_shared<UploadState>();
    state->upload = std::move(*begun);
    ++uploads_;
    exchange->ReadBody(
        [state](std::string_view piece) {
          if (state->status.ok()) state->status = state->upload->Write(piece);
        },
        [this, state, exchange, there](bool complete) {
          --uploads_;
          if (!complete) return;  // the server has answered
          if (!state->status.ok()) return RespondStatus(exchange, state->status);
          Commit(exchange, state, there);
        });
  }

  void Commit(const ExchangePtr& exchange, const std::shared_ptr<UploadState>& state, bool there) {
    committer_.Submit([this, exchange = exchange, state = state, there]() mutable {
      const absl::Status status = state->upload->Commit();
      state->upload.reset();
      const int code = status.ok() ? (there ? 200 : 201) : HttpStatusOf(status.code());
      // The exchange belongs to the loop: its last reference goes there.
      loop_->Post([exchange = std::move(exchange), code, reason = ReasonOf(status.code()),
                   message = std::string(Message(status))] {
        if (code >= 400) return exchange->RespondError(code, reason, message);
        exchange->Respond(code, {}, "");
      });
    });
  }

  const StreamServerOptions options_;
  const StreamServerDeps deps_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::HttpServer> server_;
  net::Address address_;
  std::set<std::shared_ptr<Follower>> followers_;
  uint32_t uploads_ = 0;
  WorkerPool committer_{1};
  std::thread thread_;
};

StreamServer::StreamServer(StreamServerOptions options, StreamServerDeps deps)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(deps))) {}
StreamServer::~StreamServer() = default;
absl::Status StreamServer::Start() { return impl_->Start(); }
net::Address StreamServer::address() const { return impl_->address(); }
void StreamServer::Stop() { impl_->Stop(); }

}  // namespace hearth::controller
