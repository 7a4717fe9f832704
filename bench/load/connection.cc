#include "bench/load/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace hearth::load {
namespace {

constexpr auto kReadSlowlyEvery = std::chrono::milliseconds(20);

// A slow reader's kernel must not read ahead for it.
void ShrinkReceiveBuffer(int fd) {
  const int bytes = 16 * 1024;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

}  // namespace

Connection::Connection(Host& host) : host_(host), read_timer_([this] { ReadSlowly(); }) {}

void Connection::Start(const Call& call) {
  call_ = call;
  started_ = host_.clock().Now();
  const uint32_t most = host_.plan().options.requests_per_connection;
  if (most > 0 && calls_made_ >= most) Close();
  ++calls_made_;
  if (stream_ == nullptr) return Connect();
  OnReuse();
}

void Connection::Connect() {
  calls_made_ = 1;
  pending_ = host_.loop().Connect(host_.plan().address, host_.plan().options.timeout,
                                  [this](absl::StatusOr<std::unique_ptr<net::Stream>> stream) {
                                    pending_.reset();
                                    if (!stream.ok()) return Finish({Failure::kConnect, 0});
                                    stream_ = *std::move(stream);
                                    ++generation_;
                                    if (host_.plan().options.read_rate > 0)
                                      ShrinkReceiveBuffer(stream_->fd());
                                    if (host_.plan().tls)
                                      stream_ = host_.Secure(std::move(stream_));
                                    host_.recorder().Opened();
                                    stream_->SetHandler(this);
                                    OnConnected();
                                  });
}

void Connection::Close() {
  pending_.reset();
  stream_.reset();
  ++generation_;
  read_timer_.Cancel();
  head_.clear();
  head_sent_ = 0;
  body_left_ = 0;
}

void Connection::GiveUp(Failure failure) {
  Close();
  if (!idle()) Finish({failure, 0});
}

void Connection::Finish(const Outcome& outcome) {
  if (outcome.failure != Failure::kNone) Close();
  const Call call = *call_;
  call_.reset();
  host_.Finished(*this, call, outcome);
}

void Connection::Send(std::string head, uint64_t body_size) {
  head_ = std::move(head);
  head_sent_ = 0;
  body_left_ = body_size;
  OnWritable();
}

void Connection::OnWritable() {
  const std::string_view block = host_.body_block();
  while (stream_ != nullptr && sending()) {
    std::array<iovec, 2> pieces{};
    size_t count = 0;
    size_t wanted = head_.size() - head_sent_;
    if (wanted > 0) pieces[count++] = {head_.data() + head_sent_, wanted};
    if (body_left_ > 0) {
      const size_t piece = std::min<uint64_t>(body_left_, block.size());
      pieces[count++] = {const_cast<char*>(block.data()), piece};
      wanted += piece;
    }
    const net::IoResult result = stream_->Write({pieces.data(), count});
    if (result.status == net::IoStatus::kReset) return GiveUp(Failure::kReset);
    host_.recorder().Sent(result.bytes);
    const size_t of_head = std::min(result.bytes, head_.size() - head_sent_);
    head_sent_ += of_head;
    body_left_ -= result.bytes - of_head;
    if (result.bytes < wanted) return;
  }
}

void Connection::OnReadable() {
  if (host_.plan().options.read_rate == 0) return Read(SIZE_MAX);
  if (!read_timer_.armed()) host_.loop().ArmAfter(read_timer_, kReadSlowlyEvery);
}

void Connection::ReadSlowly() {
  if (stream_ == nullptr) return;
  host_.loop().ArmAfter(read_timer_, kReadSlowlyEvery);
  const uint64_t turns = std::chrono::seconds(1) / kReadSlowlyEvery;
  Read(std::max<uint64_t>(1, host_.plan().options.read_rate / turns));
}

// Until nothing is there or `limit` is reached. Any callee may close or replace the stream.
void Connection::Read(size_t limit) {
  const uint64_t generation = generation_;
  while (stream_ != nullptr && generation == generation_ && limit > 0) {
    const std::span<char> room = host_.scratch().first(std::min(limit, host_.scratch().size()));
    const net::IoResult result = stream_->Read(room);
    if (result.status == net::IoStatus::kWouldBlock) return;
    if (result.status == net::IoStatus::kReset) return GiveUp(Failure::kReset);
    if (result.status == net::IoStatus::kEof) {
      if (idle()) return Close();
      return OnEndOfInput();
    }
    limit -= result.bytes;
    host_.recorder().Received(result.bytes);
    if (idle()) return Close();  // bytes that nobody asked for
    if (!OnBytes({room.data(), result.bytes})) return GiveUp(Failure::kProtocol);
    if (result.bytes < room.size()) return;
  }
}

}  // namespace hearth::load
