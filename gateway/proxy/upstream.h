#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/http/parser.h"
#include "core/net/buffer.h"
#include "core/net/loop.h"
#include "gateway/proxy/outbox.h"

namespace hearth::proxy {

class UpstreamPool;

// Who uses an upstream connection right now.
class UpstreamUser {
 public:
  virtual ~UpstreamUser() = default;
  virtual void OnUpstreamReadable() = 0;
  virtual void OnUpstreamWritable() = 0;
};

// One connection to a replica (or to the controller): lent to one exchange at a time, idle in the
// pool between two. Belongs to its loop.
class Upstream final : public net::StreamHandler {
 public:
  Upstream(UpstreamPool& pool, uint64_t target, std::unique_ptr<net::Stream> stream,
           const http::Limits& limits, net::BufferPool* buffers);
  ~Upstream() override;

  net::Stream& stream() { return *stream_; }
  Outbox& out() { return out_; }
  net::Buffer& in() { return in_; }  // a response head that came in pieces
  http::HeadParser& parser() { return parser_; }
  void Use(UpstreamUser* user) { user_ = user; }
  bool reused() const { return reused_; }
  uint64_t target() const { return target_; }

 private:
  friend class UpstreamPool;
  void OnReadable() override;
  void OnWritable() override;

  UpstreamPool& pool_;
  const uint64_t target_;
  std::unique_ptr<net::Stream> stream_;
  UpstreamUser* user_ = nullptr;
  Outbox out_;
  net::Buffer in_;
  http::HeadParser parser_;
  bool reused_ = false;
  MonotonicTime idle_since_{};
};

// The idle upstream connections of one loop, by target. The one used last is lent first, so that
// those not needed grow old and are closed.
class UpstreamPool {
 public:
  UpstreamPool(net::Loop& loop, Duration idle_timeout, size_t max_idle);
  ~UpstreamPool();

  // A number for a target that is no replica; replicas have their serials.
  uint64_t TargetFor(const std::string& address);

  // nullptr: connect. With `probe` the connection is first asked whether it is still good: for
  // requests that cannot be sent twice.
  std::unique_ptr<Upstream> Take(uint64_t target, bool probe);
  void Put(std::unique_ptr<Upstream> upstream);
  void Discard(Upstream* idle);  // it closed while idle
  void CloseAll();
  size_t idle() const { return idle_; }

 private:
  using Stack = std::vector<std::unique_ptr<Upstream>>;
  void Sweep();

  net::Loop& loop_;
  const Duration idle_timeout_;
  const size_t max_idle_;
  std::unordered_map<uint64_t, Stack> stacks_;
  std::unordered_map<std::string, uint64_t> targets_;
  size_t idle_ = 0;
  net::Timer sweep_;
};

}  // namespace hearth::proxy
