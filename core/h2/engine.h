#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/h2/field_block.h"
#include "core/h2/flood_guard.h"
#include "core/h2/lane.h"
#include "core/h2/options.h"
#include "core/net/alive.h"
#include "core/net/loop.h"

struct nghttp2_session;

namespace hearth::h2 {

struct Callbacks;

// One HTTP/2 connection: the framing library between a socket and lanes. Reads are fed to it, what
// it wants to send is gathered and written once a turn, and users hear of their lanes only between
// the two, so that nothing of theirs runs inside the library. Bounded by windows and by not reading
// while the peer does not. Belongs to its loop's thread; its derived class owns lanes and socket.
class Engine : public net::StreamHandler {
 public:
  Engine(net::Loop& loop, std::unique_ptr<net::Stream> stream, const Options& options,
         Lane::Role role);
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  net::Loop& loop() { return loop_; }
  const Options& options() const { return options_; }
  bool closed() const { return state_ == State::kClosed; }
  std::string_view peer_ip() const { return stream_->peer_ip(); }
  bool encrypted() const { return stream_->encrypted(); }

  // For lanes. Each asks for a flush at the end of this turn.
  int32_t Submit(Lane& lane, const FieldBlock& head, bool with_body);
  void SubmitInterim(Lane& lane, const FieldBlock& head);
  void SubmitTrailer(int32_t id, const FieldBlock& trailer);
  void Reset(int32_t id, uint32_t error);
  void Consumed(int32_t id, size_t bytes);
  void ResumeData(int32_t id);
  // An answer that was kept because it is an error: the head that goes out instead, alone.
  virtual void RewriteError(FieldBlock*, std::string_view) {}
  void Queue(Lane& lane);  // it has something to tell its user
  void Touch();            // something is to be sent, or told

 protected:
  enum class State : uint8_t { kOpen, kFinishing, kLingering, kClosed };

  // `early`: bytes that were read from the socket before it was known to speak HTTP/2.
  void Begin(std::string_view early);
  void Close();
  void SendNow();       // as far as the socket takes it
  void DeliverLater();  // Dispatch at the end of this turn, even where the connection is over
  // Says GOAWAY and closes once that is out.
  void Terminate(uint32_t error);
  nghttp2_session* session() { return session_; }

  // What the library found. None of these may call the user.
  virtual Lane* OnStreamBegun(int32_t id) = 0;  // nullptr: refused
  virtual void OnHeadComplete(Lane& lane, bool ended) = 0;
  virtual void OnStreamGone(Lane& lane) = 0;  // the library has forgotten it; may delete the lane
  virtual void OnEndSent(Lane&) {}
  // Between reading and writing: users may be called.
  virtual void Dispatch() = 0;
  // The connection is over: users have to be told, but later.
  virtual void OnClosed() = 0;
  virtual void OnFlood(std::string_view) {}  // the peer was cut off for this
  virtual void OnPeerLeaves() {}             // it said GOAWAY
  virtual void OnLastWord() {}               // everything was said; the connection only lingers
  virtual void OnSettled() {}                // after each turn's work

  std::vector<int32_t> queue_;  // lanes with edges, in order

 private:
  friend struct Callbacks;
  void OnReadable() override;
  void OnWritable() override;
  void Feed(std::string_view bytes);
  void AwaitBlock();
  void OnBlockTimeout();
  void Turn();
  void Send();
  bool Gather();
  void Discard();
  void FinishIfDone();

  net::Loop& loop_;
  const Options options_;
  const Lane::Role role_;
  std::unique_ptr<net::Stream> stream_;
  nghttp2_session* session_ = nullptr;
  net::Buffer out_;
  FloodGuard flood_;               // frames of no use
  FloodGuard resets_;              // streams that the peer gave up
  std::shared_ptr<Engine*> self_;  // for deferred turns
  net::Lifetime lifetime_;
  net::Timer go_on_;               // with reading, in the next turn
  net::Timer deadline_for_block_;  // of the preface or a header block
  net::Timer deadline_for_write_;  // and of lingering
  State state_ = State::kOpen;
  bool turn_queued_ = false;
  bool working_ = false;
  bool read_blocked_ = false;
  bool dead_ = false;  // nothing more is read
  size_t block_weight_ = 0;
  size_t lingered_ = 0;
};

}  // namespace hearth::h2
