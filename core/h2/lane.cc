#include "core/h2/lane.h"

#include <algorithm>
#include <cstring>

#include "core/base/strings.h"
#include "core/h2/engine.h"
#include "core/http/writer.h"

namespace hearth::h2 {

constexpr size_t kMostKept = 4096;  // of an error's body

using http::ParseState;
using net::IoResult;
using net::IoStatus;

Lane::Lane(Engine& engine, Role role, int32_t id)
    : engine_(engine),
      role_(role),
      id_(id),
      in_(&engine.loop().buffers()),
      head_text_(&engine.loop().buffers()),
      parser_(engine.options().limits),
      body_(engine.options().limits),
      out_(&engine.loop().buffers()) {}

void Lane::Restart() {
  id_ = 0;
  closed_ = reset_ = oversize_ = false;
  block_.Clear();
  trailer_.Clear();
  trailer_text_.clear();
  in_.Release();
  in_framing_ = Framing::kNone;
  held_.clear();
  unacknowledged_ = 0;
  head_taken_ = in_ended_ = false;
  head_text_.Release();
  parser_.Reset();
  out_.Release();
  out_begun_ = out_ended_ = out_until_close_ = deferred_ = blocked_ = false;
}

// ---- The user's side ----

void Lane::SetHandler(net::StreamHandler* handler) {
  handler_ = handler;
  if (handler_ == nullptr) return;
  if (readable_ || writable_ || !in_.empty() || reset_) {
    readable_ = true;
    engine_.Queue(*this);
  }
}

IoResult Lane::Read(std::span<char> room) {
  // A caller that has given up wants none of what it asked; an answer that was given is given.
  const bool dead = reset_ && (role_ == Role::kServer || in_.empty());
  if (dead) return {IoStatus::kReset, 0};
  if (room.empty()) return {IoStatus::kOk, 0};
  if (in_.empty()) {
    const bool over = role_ == Role::kServer ? out_ended_ || closed_ : in_ended_ && !out_ended_;
    return {over ? IoStatus::kEof : IoStatus::kWouldBlock, 0};
  }
  const size_t n = std::min(room.size(), in_.size());
  std::memcpy(room.data(), in_.data(), n);
  in_.Consume(n);
  in_.ReleaseIfEmpty();
  Acknowledge(in_.size());
  // A short read ends the user's loop: an end behind it needs an edge.
  const bool end_follows = role_ == Role::kServer ? closed_ : reset_ || (in_ended_ && !out_ended_);
  if (n < room.size() && end_follows) NoteReadable();
  return {IoStatus::kOk, n};
}

// New window for payload that was read. What is left in the text is at least as long as the payload
// in it.
void Lane::Acknowledge(size_t keep) {
  const size_t left = std::min(unacknowledged_, keep);
  const size_t read = unacknowledged_ - left;
  unacknowledged_ = left;
  if (read != 0) engine_.Consumed(id_, read);
}

IoResult Lane::Write(std::span<const iovec> pieces) {
  if (reset_) return {IoStatus::kReset, 0};
  const size_t limit = engine_.options().payload_limit;
  size_t taken = 0;
  for (const iovec& piece : pieces) {
    std::string_view bytes(static_cast<const char*>(piece.iov_base), piece.iov_len);
    const size_t size = bytes.size();
    while (!bytes.empty()) {
      if (closed_ || out_ended_) {  // the peer has what it wants
        bytes = {};
        break;
      }
      if (out_.size() >= limit) break;
      if (!(out_begun_ ? FeedBody(&bytes) : FeedHead(&bytes))) {
        engine_.Reset(id_, 2);  // INTERNAL_ERROR: what was written is no HTTP/1.1
        reset_ = true;
        NoteReadable();
        return {IoStatus::kReset, 0};
      }
    }
    taken += size - bytes.size();
    if (bytes.empty()) continue;
    blocked_ = true;
    if (taken == 0) return {IoStatus::kWouldBlock, 0};
    break;
  }
  return {IoStatus::kOk, taken};
}

bool Lane::FeedHead(std::string_view* bytes) {
  size_t used = 0;
  if (head_text_.empty()) {
    const ParseState state = TakeText(*bytes, &used);
    if (state == ParseState::kNeedMore) {
      head_text_.append(*bytes);
      used = bytes->size();
    }
    bytes->remove_prefix(used);
    return state != ParseState::kError;
  }
  head_text_.append(*bytes);
  bytes->remove_prefix(bytes->size());
  while (!head_text_.empty() && !out_begun_) {
    const ParseState state = TakeText(head_text_.view(), &used);
    if (state == ParseState::kError) return false;
    if (state == ParseState::kNeedMore) return true;
    head_text_.Consume(used);
  }
  const net::Buffer rest = std::move(head_text_);
  head_text_ = net::Buffer(&engine_.loop().buffers());
  std::string_view body = rest.view();
  while (!body.empty() && !out_ended_) {
    if (!FeedBody(&body)) return false;
  }
  return true;
}

// One head at the front of `text`.
ParseState Lane::TakeText(std::string_view text, size_t* used) {
  *used = 0;
  ParseState state;
  if (role_ == Role::kServer) {
    http::ResponseHead head;
    state = parser_.ParseResponse(text, method_, &head);
    if (state != ParseState::kDone) return state;
    if (head.status == 101) return ParseState::kError;
    *used = head.size;
    SubmitResponse(head);
  } else {
    http::RequestHead head;
    state = parser_.ParseRequest(text, &head);
    if (state != ParseState::kDone) return state;
    *used = head.size;
    SubmitRequest(head);
  }
  parser_.Reset();
  return state;
}

void Lane::SubmitResponse(const http::ResponseHead& head) {
  FieldBlock fields;
  ToFields(head, &fields);
  if (head.status < 200) return engine_.SubmitInterim(*this, fields);
  body_.Start(head.body, head.content_length);
  out_begun_ = true;
  out_until_close_ = head.body == http::BodyKind::kUntilClose;
  out_ended_ = body_.done();
  if (keep_errors_ && head.status >= 400 && fields.Has("x-hearth-error")) {
    error_ = std::make_unique<KeptError>();
    error_->head = std::move(fields);
    if (out_ended_) SubmitError();
    return;
  }
  // gRPC's answer without a message is its head alone.
  if (out_ended_ && fields.Has("grpc-status")) fields.Remove("content-length");
  engine_.Submit(*this, fields, !out_ended_);
}

void Lane::SubmitRequest(const http::RequestHead& head) {
  FieldBlock fields;
  ToFields(head, &fields);
  method_.assign(head.method);
  body_.Start(head.body, head.content_length);
  out_begun_ = true;
  out_ended_ = body_.done();
  id_ = engine_.Submit(*this, fields, !out_ended_);
}

bool Lane::FeedBody(std::string_view* bytes) {
  const size_t limit = engine_.options().payload_limit;
  const size_t room = out_.size() < limit ? limit - out_.size() : 1;
  const http::ChunkedDecoder::Result result = body_.Feed(bytes->substr(0, room));
  if (result.state == ParseState::kError) return false;
  bytes->remove_prefix(result.consumed);
  if (error_ != nullptr) {
    error_->body.append(result.payload.substr(0, kMostKept - error_->body.size()));
    out_ended_ = result.state == ParseState::kDone;
    if (out_ended_) SubmitError();
    return true;
  }
  out_.append(result.payload);
  if (result.state == ParseState::kDone) {
    TrailerToFields(body_.trailer(), &trailer_);
    FinishMessage();
  } else if (!result.payload.empty()) {
    Resume();
  }
  return true;
}

void Lane::SubmitError() {
  engine_.RewriteError(&error_->head, error_->body);
  engine_.Submit(*this, error_->head, false);
  error_.reset();
}

void Lane::FinishMessage() {
  out_ended_ = true;
  Resume();
}

void Lane::Resume() {
  if (deferred_) {
    deferred_ = false;
    engine_.ResumeData(id_);
  }
  engine_.Touch();
}

void Lane::EndWrite() {
  if (out_begun_ && !out_ended_ && out_until_close_) FinishMessage();
}

void Lane::Detach() {
  handler_ = nullptr;
  detached_ = true;
  in_.Release();
  Acknowledge(0);
}

Lane::Supply Lane::Take(std::span<char> room) {
  Supply supply;
  supply.bytes = std::min(room.size(), out_.size());
  if (supply.bytes != 0) {
    std::memcpy(room.data(), out_.data(), supply.bytes);
    out_.Consume(supply.bytes);
    if (blocked_ && out_.size() <= engine_.options().payload_limit / 2) {
      blocked_ = false;
      writable_ = true;
      engine_.Queue(*this);
    }
  }
  if (out_.empty()) {
    out_.Release();
    supply.last = out_ended_;
    supply.trailer = out_ended_ && !trailer_.empty();
    supply.wait = !out_ended_ && supply.bytes == 0;
    if (supply.wait) deferred_ = true;
  }
  return supply;
}

// ---- The peer's side ----

void Lane::TakeField(std::string_view name, std::string_view value) {
  if (block_.weight() + name.size() + value.size() + 32 > engine_.options().max_header_list) {
    oversize_ = true;
  } else {
    block_.Add(name, value);
  }
}

Refusal Lane::TakeHead(bool ended) {
  if (oversize_) return Refusal::kTooLarge;
  std::string text;
  text.reserve(block_.weight() + 128);
  Refusal refusal;
  bool interim = false;
  uint64_t length = 0;
  if (role_ == Role::kServer) {
    method_.assign(block_.Find(":method"));
    refusal = WriteRequest(block_, ended, &text, &in_framing_);
  } else {
    const std::string_view status = block_.Find(":status");
    interim = status.starts_with('1');
    length = ParseUint(block_.Find("content-length")).value_or(0);
    refusal = WriteResponse(block_, ended, method_, &text, &in_framing_);
    if (status == "100") text.clear();  // what it is an answer to was never passed on
    if (interim && ended) refusal = Refusal::kBadStatus;
  }
  block_.Clear();
  if (refusal != Refusal::kNone) return refusal;
  head_taken_ = !interim;
  if (role_ == Role::kClient && !ended) {
    // For the user the answer ends where HTTP/1.1 says so; it is told once the stream has ended.
    length_left_ = in_framing_ == Framing::kLength ? length : 0;
    if (head_taken_ &&
        (in_framing_ == Framing::kNone || (in_framing_ == Framing::kLength && length == 0))) {
      held_.swap(text);
    }
  }
  in_.append(text);
  NoteReadable();
  return refusal;
}

Refusal Lane::TakeTrailer() {
  if (oversize_) return Refusal::kTooLarge;
  const Refusal refusal = WriteTrailer(block_, &trailer_text_);
  block_.Clear();
  if (refusal != Refusal::kNone) return refusal;
  return trailer_text_.size() > engine_.options().limits.trailer ? Refusal::kTooLarge
                                                                 : Refusal::kNone;
}

void Lane::TakeData(std::string_view bytes) {
  if (bytes.empty()) return;
  if (detached_ || in_framing_ == Framing::kNone) return engine_.Consumed(id_, bytes.size());
  unacknowledged_ += bytes.size();
  if (in_framing_ == Framing::kChunked) {
    char size[24];
    in_.append(size, http::WriteChunkSize(bytes.size(), size));
    in_.append(bytes);
    in_.append("\r\n");
  } else {
    if (role_ == Role::kClient &&
        bytes.size() >= length_left_) {  // the last byte waits for the end
      held_.assign(bytes.substr(bytes.size() - 1));
      bytes.remove_suffix(1);
    }
    length_left_ -= bytes.size();
    in_.append(bytes);
  }
  NoteReadable();
}

void Lane::TakeEnd() {
  if (in_ended_) return;
  in_ended_ = true;
  if (!detached_) in_.append(held_);
  if (in_framing_ == Framing::kChunked && !detached_) {
    in_.append("0\r\n");
    in_.append(trailer_text_);
    in_.append("\r\n");
  }
  NoteReadable();
}

void Lane::Closed(bool orderly) {
  if (closed_) return;
  closed_ = true;
  const bool whole = role_ == Role::kServer ? out_ended_ : in_ended_;
  reset_ = reset_ || !whole || (!orderly && role_ == Role::kServer);
  out_.Release();
  writable_ = writable_ || blocked_;
  if (role_ == Role::kServer || reset_ || writable_) NoteReadable();
}

// ---- Edges ----

void Lane::NoteReadable() {
  readable_ = true;
  if (!detached_) engine_.Queue(*this);
}

void Lane::Deliver() {
  if (handler_ == nullptr) return;
  const bool readable = std::exchange(readable_, false);
  const bool writable = std::exchange(writable_, false);
  const net::AliveCheck check(lifetime_);
  if (readable) handler_->OnReadable();
  if (check.alive() && writable && handler_ != nullptr) handler_->OnWritable();
}

}  // namespace hearth::h2
