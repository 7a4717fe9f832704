#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bench/load/options.h"
#include "bench/load/recorder.h"
#include "core/net/loop.h"

namespace hearth::load {

class Connection;

// What connections need of the run they belong to; it outlives them.
class Host {
 public:
  virtual ~Host() = default;
  virtual net::Loop& loop() = 0;
  virtual const Clock& clock() const = 0;
  virtual const Plan& plan() const = 0;
  virtual Recorder& recorder() = 0;
  virtual std::span<char> scratch() = 0;            // to read into; shared, not kept
  virtual std::string_view body_block() const = 0;  // repeated to make bodies
  virtual std::unique_ptr<net::Stream> Secure(std::unique_ptr<net::Stream> stream) = 0;  // TLS
  // The call is over and `connection` is idle: another may be started from inside.
  virtual void Finished(Connection& connection, const Call& call, const Outcome& outcome) = 0;
};

// One connection with at most one request under way: connects when a call needs it, writes, reads,
// and says how the call ended. What the bytes mean is the subclass's. One loop's thread; owned by
// the Host.
class Connection : public net::StreamHandler {
 public:
  explicit Connection(Host& host);
  ~Connection() override = default;

  bool idle() const { return !call_.has_value(); }
  MonotonicTime started() const { return started_; }  // of the call under way
  void Start(const Call& call);
  void GiveUp(Failure failure);  // ends the call under way and closes

 protected:
  // A request's bytes: `head`, then `body_size` bytes of the host's block.
  void Send(std::string head, uint64_t body_size);
  void Finish(const Outcome& outcome);
  void Close();
  bool sending() const { return head_sent_ < head_.size() || body_left_ > 0; }
  bool connected() const { return stream_ != nullptr; }
  const Call& call() const { return *call_; }
  const Target& target() const { return host_.plan().targets[call_->target]; }

  virtual void OnConnected() = 0;  // a new connection, with a call to carry
  virtual void OnReuse() = 0;      // an open one, with a call to carry
  // Called only while a call is under way; false where the bytes make no sense.
  virtual bool OnBytes(std::string_view bytes) = 0;
  virtual void OnEndOfInput() = 0;

  Host& host_;

 private:
  void OnReadable() override;
  void OnWritable() override;
  void Connect();
  void Read(size_t limit);
  void ReadSlowly();

  std::optional<Call> call_;
  MonotonicTime started_{};
  std::unique_ptr<net::PendingConnect> pending_;
  std::unique_ptr<net::Stream> stream_;
  uint64_t generation_ = 0;  // of stream_: a callee may have closed or replaced it
  uint32_t calls_made_ = 0;  // on stream_
  std::string head_;
  size_t head_sent_ = 0;
  uint64_t body_left_ = 0;
  net::Timer read_timer_;  // --read-rate
};

}  // namespace hearth::load
