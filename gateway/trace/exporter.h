#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/net/http_client.h"
#include "gateway/trace/otlp.h"

namespace hearth::gateway::trace {

struct ExporterOptions {
  net::Url endpoint;  // "/v1/traces" is added to its path
  Origin origin;
  uint32_t loops = 1;
  size_t most_waiting = 2048;  // spans of one loop; what comes past it is dropped and counted
  size_t most_at_once = 512;   // spans in one request
  Duration interval = std::chrono::seconds(1);
  Duration timeout = std::chrono::seconds(5);             // of one request
  uint32_t most_tries = 5;                                // then a batch is given up
  Duration first_pause = std::chrono::milliseconds(500);  // between tries; doubles
};

// "http://collector:4318" as OTEL_EXPORTER_OTLP_ENDPOINT has it; https and anything else is
// refused.
absl::StatusOr<net::Url> ParseEndpoint(std::string_view text);

// Sends spans to a collector, from a thread of its own, so that a slow or dead one costs the loops
// nothing but a push into a bounded list. Owned by the application; outlives the loops.
class Exporter {
 public:
  // How a request is sent: net::Fetch, or a test's own.
  using Send = std::function<absl::StatusOr<net::ClientResponse>(const net::ClientRequest&)>;
  Exporter(ExporterOptions options, const log::Logger& logger, Send send = {});
  ~Exporter();  // tries once more to send what waits

  void Add(uint32_t loop, Span span);  // on that loop

  uint64_t exported() const { return exported_.load(std::memory_order_relaxed); }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }  // no room
  uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }    // not taken

 private:
  struct alignas(64) Waiting {
    std::mutex mutex;  // guards spans
    std::vector<Span> spans;
  };
  void Run();
  std::vector<Span> Collect();  // everything
  bool stopping();
  bool Export(const std::vector<Span>& spans);  // false: the collector has not taken them
  // OK, Unavailable (worth another try), or anything else (not).
  absl::Status Try(const std::string& body, size_t spans);
  bool Pause(Duration duration);  // false: it is time to end

  const ExporterOptions options_;
  const log::Logger logger_;
  const Send send_;
  std::vector<std::unique_ptr<Waiting>> waiting_;
  std::atomic<uint64_t> exported_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint64_t> failed_{0};
  bool complained_ = false;  // the thread's: one line in the log for each outage
  std::mutex mutex_;         // guards stop_
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace hearth::gateway::trace
