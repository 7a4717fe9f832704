#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/http/message.h"
#include "core/net/http_headers.h"
#include "core/net/loop.h"

namespace hearth::net {

// One request as a handler sees it; owns its text.
struct ServerRequest {
  std::string method;
  std::string target;
  std::string path;   // as sent, not decoded
  std::string query;  // without "?"
  http::Version version = http::Version::kHttp11;
  Headers headers;
  std::optional<uint64_t> content_length;  // unset: none or chunked
  std::string peer_ip;                     // "" for a Unix socket
  std::string body;                        // only in BodyMode::kBuffered

  // The value of a query parameter, percent-decoded; nullopt where it is missing.
  std::optional<std::string> Query(std::string_view name) const;
};

// One request and its answer. The handler may keep the shared_ptr and answer later; when the peer
// goes away first, closed() turns true and everything written is dropped. Belongs to the loop's
// thread: answer from elsewhere through Loop::Post. A handler that lets go of the last reference
// without an answer gives the caller a 500.
class ServerExchange {
 public:
  virtual ~ServerExchange() = default;
  virtual const ServerRequest& request() const = 0;

  // BodyMode::kStreamed only: pieces come by `on_data` as they arrive, then `on_end` once: true
  // where the body is whole, false where it broke off, is malformed or is too large (then the
  // server has answered by itself already). Until this is called nothing of the body is read.
  virtual void ReadBody(std::function<void(std::string_view)> on_data,
                        std::function<void(bool complete)> on_end) = 0;
  virtual void PauseBody() = 0;
  virtual void ResumeBody() = 0;

  // A whole answer. Content-Length is added; Content-Type is the caller's.
  virtual void Respond(int status, const Headers& headers, std::string_view body) = 0;
  void RespondJson(int status, std::string_view json) {
    Respond(status, {{"Content-Type", "application/json"}}, json);
  }
  // {"error":message} with X-Hearth-Error: <options.component>;reason
  virtual void RespondError(int status, std::string_view reason, std::string_view message) = 0;

  // A streamed answer: Begin, any number of Writes, End. Chunked for HTTP/1.1; Content-Length where
  // `headers` has one. Each Write is sent at once.
  virtual void Begin(int status, const Headers& headers) = 0;
  // False: more than the watermark waits for the peer; OnDrained tells when to go on. What is
  // written all the same is kept up to four times the watermark, past which the connection is
  // aborted.
  virtual bool Write(std::string_view piece) = 0;
  virtual void End() = 0;
  // Breaks the connection off, so that a response that cannot be finished does not look whole.
  virtual void Abort() = 0;

  virtual void OnDrained(std::function<void()> callback) = 0;
  // The peer went away before the answer ended. Not called after End or Respond.
  virtual void OnClosed(std::function<void()> callback) = 0;
  virtual bool closed() const = 0;
  virtual bool responded() const = 0;  // Respond or Begin was called
};

enum class BodyMode : uint8_t { kBuffered, kStreamed };

struct HttpServerOptions {
  std::string component = "server";  // first half of X-Hearth-Error in answers of its own
  http::Limits limits = {};
  uint64_t max_body = 1 << 20;     // of a buffered request: past it 413
  uint64_t max_streamed_body = 0;  // 0: unlimited
  size_t max_connections = 1024;   // past it: stops accepting
  size_t write_watermark = 256 * 1024;
  Duration head_timeout = std::chrono::seconds(10);   // first byte → end of the head: 408
  Duration body_timeout = std::chrono::seconds(30);   // silence inside a request body: 408
  Duration write_timeout = std::chrono::seconds(60);  // the peer reads nothing: aborted
  Duration idle_timeout = std::chrono::seconds(75);   // between requests
};

// HTTP/1.1 server for control and admin endpoints, event streams and uploads: keep-alive, one
// exchange at a time on a connection (a pipelined request waits in the buffer), strict parsing,
// every size and time bounded. The invocation paths of the gateway and the watchdog have their own,
// leaner connections. One loop's thread; destroying it closes every connection.
class HttpServer {
 public:
  using Handler = std::function<void(std::shared_ptr<ServerExchange>)>;
  // Asked once the head is there. Unset: every body is buffered before the handler runs.
  using BodyPolicy = std::function<BodyMode(const ServerRequest&)>;

  HttpServer(Loop& loop, HttpServerOptions options, Handler handler, BodyPolicy policy = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // May be called several times. Takes "fd:N" as well.
  absl::Status Listen(const Address& address, const ListenOptions& options = {});
  Address address() const;                     // of the first listener, with the real port
  std::vector<int> Descriptors() const;        // what it listens on, for a successor
  void Serve(std::unique_ptr<Stream> stream);  // a connection accepted elsewhere

  // Stops accepting and closes idle connections; others after their exchange. Then `done`.
  void Drain(std::function<void()> done);
  size_t connections() const;

 private:
  class Impl;
  Loop& loop_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hearth::net
