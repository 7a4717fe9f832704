#include "watchdog/runtimeapi/server.h"

#include "core/base/json_escape.h"
#include "core/base/status_macros.h"

namespace hearth::watchdog {
namespace {

constexpr std::string_view kPrefix = "/2018-06-01/runtime/";
constexpr std::string_view kJsonField = "Content-Type: application/json\r\n";
constexpr size_t kMaxErrorBody = 1 << 20;

std::string JsonOf(const ApiError& error) {
  return "{\"errorMessage\":" + JsonString(error.message) +
         ",\"errorType\":" + JsonString(error.type) + "}\n";
}

}  // namespace

// One request of the runtime.
class ApiServer::Exchange final : public RequestHandler {
 public:
  Exchange(ApiServer& server, ServerConnection& connection)
      : server_(server), connection_(&connection) {}

  void Run() {
    const std::string_view path = connection_->head().path;
    const std::string_view method = connection_->head().method;
    if (path == "/2018-06-01/ping" && method == "GET") {
      connection_->Respond(200, "Content-Type: text/plain\r\n", "pong");
      return;
    }
    if (path.starts_with("/2020-01-01/extension/")) {
      Refuse({403, "Extension.RegistrationClosed", "Extensions are not supported"});
      return;
    }
    if (path.starts_with("/2022-07-01/telemetry") || path.starts_with("/2020-08-15/logs")) {
      Refuse({202, "Telemetry.NotSupported", "Telemetry API is not supported"});
      return;
    }
    if (path.starts_with(kPrefix)) {
      Dispatch(path.substr(kPrefix.size()), method);
    } else {
      Refuse({404, "ResourceNotFound", "404 page not found"});
    }
  }

  uint64_t poller() const { return poller_; }
  void Delivered() { poller_ = 0; }

  void OnBody(std::string_view piece) override {
    if (sink_ != nullptr) {
      if (!sink_->OnData(piece)) connection_->PauseBody();
    } else if (body_.size() + piece.size() <= kMaxErrorBody) {
      body_.append(piece);
    }
  }

  void OnBodyEnd(std::string_view trailer) override {
    std::optional<ApiError> error;
    if (sink_ != nullptr) {
      const std::unique_ptr<ResponseSink> sink = std::move(sink_);
      error = sink->OnEnd(trailer);
    } else if (kind_ == Kind::kError) {
      error = server_.service_.OnError(id_, body_, content_type_);
    } else if (kind_ == Kind::kInitError) {
      error = server_.service_.OnInitError(body_);
    } else {
      error = refusal_;
    }
    if (error) {
      Refuse(*error);
    } else {
      connection_->Respond(202, kJsonField, "{\"status\":\"OK\"}\n");
    }
  }

  void OnBodyFailed(BodyFailure, http::ParseError) override {
    Break();
    Refuse({400, "TruncatedHTTPRequest", "HTTP request detected as truncated"});
  }
  void OnWritable() override {}
  void OnPeerGone() override {
    Break();
    if (poller_ == 0) return;
    server_.parked_.erase(poller_);
    server_.service_.OnPollerGone(std::exchange(poller_, 0));
  }

 private:
  enum class Kind : uint8_t { kOther, kError, kInitError };

  void Break() {
    const std::unique_ptr<ResponseSink> sink = std::move(sink_);
    if (sink != nullptr) sink->OnBroken();
  }

  void Refuse(const ApiError& error) {
    connection_->Respond(error.status, kJsonField, JsonOf(error));
  }

  void Dispatch(std::string_view what, std::string_view method) {
    const std::string_view wanted = what == "invocation/next" ? "GET" : "POST";
    if (method != wanted) {
      Refuse({405, "MethodNotAllowed", "Method Not Allowed"});
    } else if (what == "invocation/next") {
      Next();
    } else if (what == "init/error") {
      kind_ = Kind::kInitError;
      connection_->ReadBody();
    } else if (what.starts_with("invocation/")) {
      what.remove_prefix(11);
      const size_t slash = what.find('/');
      id_ = what.substr(0, slash);
      const std::string_view verb =
          slash == std::string_view::npos ? std::string_view() : what.substr(slash + 1);
      Answer(verb);
    } else {
      Refuse({404, "ResourceNotFound", "404 page not found"});
    }
  }

  void Next() {
    poller_ = ++server_.last_poller_;
    server_.parked_.emplace(poller_, connection_);
    if (const auto error = server_.service_.OnNext(poller_)) {
      server_.parked_.erase(std::exchange(poller_, 0));
      Refuse(*error);
    }
  }

  void Answer(std::string_view verb) {
    const http::RequestHead& head = connection_->head();
    if (verb == "error") {
      kind_ = Kind::kError;
      content_type_ = head.headers.Find("Content-Type").value_or("");
    } else if (verb == "response") {
      ApiError error;
      sink_ = server_.service_.OnResponse(
          id_, head, [c = connection_] { c->ResumeBody(); }, &error);
      // What is refused is read all the same: runtimes look at the status only after they have sent
      // everything.
      if (sink_ == nullptr) refusal_ = error;
    } else {
      Refuse({404, "ResourceNotFound", "404 page not found"});
      return;
    }
    connection_->ReadBody();
  }

  ApiServer& server_;
  ServerConnection* connection_;
  Kind kind_ = Kind::kOther;
  std::string id_;
  std::string content_type_;
  std::string body_;
  std::optional<ApiError> refusal_;
  std::unique_ptr<ResponseSink> sink_;
  uint64_t poller_ = 0;
};

ApiServer::ApiServer(net::Loop& loop, RuntimeService& service) : loop_(loop), service_(service) {
  // Error causes for X-Ray may take a megabyte of header or trailer.
  options_.limits.head = (1 << 20) + (64 << 10);
  options_.limits.trailer = 1 << 20;
  options_.body_timeout = Duration::zero();  // a stream is as slow as the function makes it
  options_.idle_timeout = Duration::zero();
}

ApiServer::~ApiServer() = default;

absl::Status ApiServer::Listen(const net::Address& address) {
  ASSIGN_OR_RETURN(listener_, loop_.Listen(address, {}, [this](auto stream) {
    auto connection = std::make_unique<ServerConnection>(loop_, std::move(stream), options_, *this);
    ServerConnection* key = connection.get();
    connections_[key].connection = std::move(connection);
    key->OnReadable();
  }));
  return absl::OkStatus();
}

void ApiServer::OnRequest(ServerConnection& connection) {
  Entry& entry = connections_[&connection];
  if (entry.exchange != nullptr) {
    dead_.push_back({nullptr, std::move(entry.exchange)});
    Bury();
  }
  entry.exchange = std::make_unique<Exchange>(*this, connection);
  Exchange* exchange = entry.exchange.get();
  connection.SetHandler(exchange);
  exchange->Run();
}

void ApiServer::Deliver(uint64_t poller, std::string_view fields, std::string_view event) {
  const auto it = parked_.find(poller);
  if (it == parked_.end()) return;
  ServerConnection* connection = it->second;
  parked_.erase(it);
  connections_[connection].exchange->Delivered();
  connection->Respond(200, fields, event);
}

void ApiServer::CloseAll() {
  std::vector<ServerConnection*> all;
  for (auto& [key, entry] : connections_) all.push_back(key);
  for (ServerConnection* c : all) {
    if (connections_.contains(c)) c->Abort();
  }
}

void ApiServer::OnConnectionClosed(ServerConnection& connection) {
  const auto it = connections_.find(&connection);
  if (it == connections_.end()) return;
  dead_.push_back(std::move(it->second));
  connections_.erase(it);
  Bury();
}

void ApiServer::Bury() {
  if (dead_.size() != 1) return;
  loop_.Defer([this] {
    std::vector<Entry> dead;
    dead.swap(dead_);
  });
}

}  // namespace hearth::watchdog
