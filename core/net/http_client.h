#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/http/message.h"
#include "core/net/address.h"
#include "core/net/http_headers.h"
#include "core/net/loop.h"

namespace hearth::net {

// One outgoing request. Host, Content-Length or Transfer-Encoding, and Connection: close are added.
struct ClientRequest {
  Address address = {};
  std::string method = "GET";
  std::string target = "/";
  // The Host field; empty: the address's text, "localhost" for a Unix socket.
  std::string host = {};
  Headers headers = {};
  std::string body = {};
  // The body comes by ClientExchange::Write (Fetch: FetchOptions::body_source) instead of `body`:
  // chunked, or with a Content-Length where it is known.
  bool streamed_body = false;
  std::optional<uint64_t> streamed_length = {};

  Duration connect_timeout = std::chrono::seconds(5);
  Duration head_timeout = std::chrono::seconds(60);  // request sent → response head; 0: none
  Duration idle_timeout = std::chrono::seconds(60);  // silence in the response's body; 0: none
  Duration total_timeout{};                          // 0: none
  http::Limits limits = {};
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;  // Fetch without on_data only
  Headers trailers;
};

// What an exchange tells its owner, on the loop's thread: OnHead, any number of OnData, OnEnd; or
// OnError at any time instead of what is left. The exchange may be destroyed inside any of them.
class ClientHandler {
 public:
  virtual ~ClientHandler() = default;
  virtual void OnHead(const ClientResponse& head) = 0;  // status and headers
  virtual void OnData(std::string_view piece) = 0;
  virtual void OnEnd(const Headers& trailers) = 0;
  // Unavailable: could not connect or the connection broke before a head; DeadlineExceeded: a
  // timeout, which the message names; DataLoss: broke inside the body; Internal: not HTTP.
  virtual void OnError(const absl::Status& error) = 0;
  virtual void OnWritable() {}  // streamed_body: what Write refused may be written now
};

// One request and its response on a connection of its own, without blocking. For announcements,
// event streams, log following, uploads: control traffic, not the invocation path. Belongs to one
// loop's thread; destroying it cancels it without a callback.
class ClientExchange {
 public:
  static std::unique_ptr<ClientExchange> Start(Loop& loop, ClientRequest request,
                                               ClientHandler* handler);
  virtual ~ClientExchange() = default;
  // streamed_body. False: enough is waiting for the peer (the piece was taken all the same); go on
  // at OnWritable. May be called before the connection stands.
  virtual bool Write(std::string_view piece) = 0;
  virtual void EndBody() = 0;
  virtual void Pause() = 0;  // stops reading the response: backpressure
  virtual void Resume() = 0;
};

struct FetchOptions {
  // Takes the response's body piece by piece; returning false ends the exchange early (not an
  // error). Unset: the body is collected, at most `max_body`.
  std::function<bool(std::string_view)> on_data = {};
  // Called before the first on_data.
  std::function<void(const ClientResponse& head)> on_head = {};
  // Fills the span with more of the request's body and returns how much; 0: the end. May block.
  std::function<absl::StatusOr<size_t>(std::span<char>)> body_source = {};
  uint64_t max_body = 64 << 20;
};

// The same, blocking the calling thread until the response is whole: for the CLI, the controller's
// worker threads and tests. Never on a loop's thread.
absl::StatusOr<ClientResponse> Fetch(const ClientRequest& request,
                                     const FetchOptions& options = {});

// "http://127.0.0.1:8080/path?x=1" or "http://[::1]:80/", and "unix:/run/x.sock" (target "/").
// Names are not resolved here: see resolve.h.
struct Url {
  std::string scheme;             // "http", "https" or "unix"
  std::string host;               // name or literal, without brackets; the path for "unix"
  uint16_t port = 0;              // given or the scheme's
  std::string target;             // at least "/"
  std::string HostField() const;  // as the Host field has it
};
absl::StatusOr<Url> ParseUrl(std::string_view text);

}  // namespace hearth::net
