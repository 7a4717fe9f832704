#pragma once

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
#include "gateway/fleet/backoff.h"

namespace grpc {
class ClientContext;
}

namespace hearth::v1 {
class ControllerMessage;
class GatewayHello;
class GatewayMessage;
}  // namespace hearth::v1

namespace hearth::fleet {

// How a gateway proves itself to a controller and the other way round; all empty: no TLS. Files are
// read at each connect, so that a renewed certificate counts.
struct TlsFiles {
  std::string ca;
  std::string certificate;
  std::string key;
  bool enabled() const { return !ca.empty(); }
};

// What a Link tells its owner and asks of it; called on the link's threads.
class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  enum class Next : uint8_t { kReadOn, kReconnect };

  virtual v1::GatewayHello Hello() const = 0;
  virtual Next OnMessage(size_t link, const v1::ControllerMessage& message) = 0;
  // The stream is over, or never was. Called once for each attempt.
  virtual void OnLost(size_t link, const std::string& reason) = 0;
  // The session in which this link may write; 0 while another controller is obeyed.
  virtual uint64_t SessionOf(size_t link) const = 0;
  // Blocks until there is something to write in the session; empty: it is over.
  virtual std::vector<v1::GatewayMessage> NextToWrite(uint64_t session) = 0;
};

// The stream to one controller address, opened again and again: a thread that reads, and one that
// writes while this controller is obeyed. The synchronous API of gRPC is used because the callback
// API's threads sleep up to 100 ms on an idle stream. Owned by FleetClient.
class Link {
 public:
  Link(size_t index, std::string address, TlsFiles tls, LinkOwner* owner,
       const log::Logger& logger);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void Start();
  void Stop();     // returns at once; the destructor waits
  void Restart();  // breaks the stream off, so that it is opened again

  const std::string& address() const { return address_; }

 private:
  class Session;
  void Run();
  void RunStream(bool* spoke);
  void Report(bool spoke, const std::string& reason);
  bool WaitBackoff();  // false: stopping

  const size_t index_;
  const std::string address_;
  const TlsFiles tls_;
  LinkOwner* const owner_;
  const log::Logger logger_;
  Backoff backoff_;   // of the reader's thread
  int failures_ = 0;  // likewise: attempts since it was last reached

  std::mutex mutex_;  // guards context_ and stopping_
  std::condition_variable wake_;
  grpc::ClientContext* context_ = nullptr;
  bool stopping_ = false;
  std::thread reader_;
};

}  // namespace hearth::fleet
