#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>

#include "core/base/unique_fd.h"
#include "core/net/alive.h"
#include "core/net/epoll_loop.h"

namespace hearth::net {

// One descriptor on an EpollLoop: a connection (also while it is being made), a socketpair or a
// pipe. Registered once, for both directions, edge-triggered; remembers edges that nobody was there
// to take, and makes sure that an end that arrived together with data is seen.
class EpollStream final : public Stream, public EpollLoop::Source {
 public:
  enum class Kind : uint8_t { kSocket, kPipe };
  EpollStream(EpollLoop& loop, UniqueFd fd, Kind kind, std::string peer_ip);
  ~EpollStream() override;

  // While connecting: `on_connected` gets 0 or an errno, once, and no handler is called before.
  void Connecting(std::function<void(int error)> on_connected) {
    on_connected_ = std::move(on_connected);
  }

  void SetHandler(StreamHandler* handler) override;
  IoResult Read(std::span<char> buffer) override;
  IoResult Write(std::span<const iovec> pieces) override;
  void ShutdownWrite() override;
  void Abort() override;
  int fd() const override { return fd_.get(); }
  std::string_view peer_ip() const override { return peer_ip_; }

  void OnEvents(uint32_t events) override;

 private:
  void Close();
  void NotifyLater();
  void Notify(uint32_t events);
  IoResult Failed(int error);

  EpollLoop& loop_;
  UniqueFd fd_;
  Kind kind_;
  bool hung_up_ = false;     // the peer's end is in the queue, or an error is
  bool want_write_ = false;  // a write was short: OnWritable is owed
  bool readable_missed_ = false;
  bool writable_missed_ = false;
  bool notify_queued_ = false;
  Lifetime lifetime_;
  StreamHandler* handler_ = nullptr;
  std::function<void(int)> on_connected_;
  std::string peer_ip_;
  std::shared_ptr<EpollStream*> self_;  // for deferred notification; made when first needed
};

}  // namespace hearth::net
