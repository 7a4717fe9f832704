#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"

namespace hearth::cli {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // "http://host:port/path?query", percent-encoded
  HeaderFields headers;
  std::string body;
  // Stream only: more of the body, after `body`; 0 is the end. May block.
  std::function<absl::StatusOr<size_t>(std::span<char>)> body_source;
  std::optional<uint64_t> length;               // of the whole body, where it is known
  Duration timeout = std::chrono::seconds(60);  // of silence; 0: none
};

struct HttpResponse {
  int status = 0;
  HeaderFields headers;
  std::string body;
  std::string_view Header(std::string_view name) const;  // case-insensitive; "" where there is none
};

struct StreamSink {
  std::function<void(const HttpResponse& head)> on_head;
  std::function<bool(std::string_view)> on_data;  // false: enough
};

// The only way to the network: tests pass their own. Blocks the calling thread. Unavailable where
// there is no connection, DeadlineExceeded for silence.
class Transport {
 public:
  virtual ~Transport() = default;
  // For JSON: the body is collected.
  virtual absl::StatusOr<HttpResponse> Send(const HttpRequest& request) = 0;
  // For what is large or endless: invocations, logs, bundles.
  virtual absl::StatusOr<HttpResponse> Stream(const HttpRequest& request,
                                              const StreamSink& sink) = 0;
};

// What the certificate of a server with TLS is held against.
struct Certificates {
  bool accept_any = false;
  std::string ca_file = {};  // beside this machine's CAs
};
std::unique_ptr<Transport> NewTransport(Certificates certificates);

}  // namespace hearth::cli
