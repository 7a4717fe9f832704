#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/h2/field_block.h"
#include "core/h2/translate.h"
#include "core/http/body.h"
#include "core/http/parser.h"
#include "core/net/alive.h"
#include "core/net/buffer.h"
#include "core/net/stream.h"

namespace hearth::h2 {

class Engine;

// One HTTP/2 stream as the two directions of an HTTP/1.1 connection: what the peer sends is kept as
// text for the user to read, what the user writes is taken apart into a head, payload and a trailer
// for the peer. Both are bounded: reading gives the peer new window, and a write stops at the
// payload limit until the peer has taken some. It exists so that everything above knows one
// protocol. Belongs to its Engine and that one's loop.
class Lane {
 public:
  enum class Role : uint8_t { kServer, kClient };
  Lane(Engine& engine, Role role, int32_t id);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  int32_t id() const { return id_; }
  // The client's: ready for the next request on another stream.
  void Restart();

  // ---- The user's side
  net::IoResult Read(std::span<char> room);
  net::IoResult Write(std::span<const iovec> pieces);
  // The user writes no more: the end of a body that has no other.
  void EndWrite();
  void SetHandler(net::StreamHandler* handler);
  // The user is gone: what comes in is thrown away.
  void Detach();
  // Answered without a user: whatever else comes is thrown away.
  void Refuse() {
    head_taken_ = true;
    in_framing_ = Framing::kNone;
    Detach();
  }
  void KeepErrors() { keep_errors_ = true; }
  bool message_complete() const { return out_ended_; }
  bool answered() const { return in_ended_; }
  bool begun() const { return out_begun_; }
  bool closed() const { return closed_; }
  size_t unsent() const { return out_.size(); }

  // ---- The peer's side, from the Engine's callbacks
  // A field of the block that is coming in; past the limit only that fact is kept.
  void TakeField(std::string_view name, std::string_view value);
  const FieldBlock& block() const { return block_; }
  FieldBlock* mutable_block() { return &block_; }
  const std::string& method() const { return method_; }
  // The block is complete and is the message's head (an interim response is one as well).
  Refusal TakeHead(bool ended);
  Refusal TakeTrailer();
  void TakeData(std::string_view bytes);
  void TakeEnd();
  void Closed(bool orderly);
  bool head_taken() const { return head_taken_; }

  // ---- Payload on its way to the peer, for the Engine's data source
  struct Supply {
    size_t bytes = 0;
    bool wait = false;     // nothing now
    bool last = false;     // and nothing after these
    bool trailer = false;  // a trailer is to follow
  };
  Supply Take(std::span<char> room);
  // Its parts, for the Engine.
  FieldBlock& trailer() { return trailer_; }

  // ---- Edges for the user
  void NoteReadable();
  // Delivers what was noted; the lane may be gone afterwards.
  void Deliver();
  bool queued = false;  // in the engine's list of lanes with edges

 private:
  bool FeedHead(std::string_view* bytes);
  bool FeedBody(std::string_view* bytes);
  http::ParseState TakeText(std::string_view text, size_t* used);
  void SubmitResponse(const http::ResponseHead& head);
  void SubmitRequest(const http::RequestHead& head);
  void FinishMessage();
  void SubmitError();
  void Acknowledge(size_t keep);
  void Resume();

  Engine& engine_;
  const Role role_;
  int32_t id_;
  net::Lifetime lifetime_;
  net::StreamHandler* handler_ = nullptr;
  bool readable_ = false;
  bool writable_ = false;
  bool detached_ = false;
  bool closed_ = false;
  bool reset_ = false;

  // From the peer to the user.
  FieldBlock block_;
  bool oversize_ = false;
  std::string trailer_text_;
  std::string method_;
  net::Buffer in_;
  Framing in_framing_ = Framing::kNone;
  std::string held_;           // of the text, until the stream has ended
  uint64_t length_left_ = 0;   // of a client's answer of known length
  size_t unacknowledged_ = 0;  // payload in in_ that the peer has not got window for
  bool head_taken_ = false;
  bool in_ended_ = false;

  // From the user to the peer.
  net::Buffer head_text_;  // a head that came in pieces
  http::HeadParser parser_;
  http::BodyReader body_;
  net::Buffer out_;
  FieldBlock trailer_;
  struct KeptError {
    FieldBlock head;
    std::string body;
  };
  std::unique_ptr<KeptError> error_;
  bool keep_errors_ = false;
  bool out_begun_ = false;
  bool out_ended_ = false;
  bool out_until_close_ = false;
  bool deferred_ = false;  // the data source waits for payload
  bool blocked_ = false;   // a write was short
};

}  // namespace hearth::h2
