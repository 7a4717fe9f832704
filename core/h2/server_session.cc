#include "core/h2/server_session.h"

#include <nghttp2/nghttp2.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/strings.h"

namespace hearth::h2 {
namespace {

// Between "send no more" and the number of the last stream that counts: requests that crossed the
// first are served.
constexpr Duration kFarewell = std::chrono::milliseconds(100);

}  // namespace

// One request as its user sees it.
class ServerSession::Facade final : public net::Stream {
 public:
  Facade(ServerSession& session, Lane& lane)
      : loop_(session.loop()),
        session_(&session),
        lane_(&lane),
        peer_ip_(session.peer_ip()),
        encrypted_(session.encrypted()) {}
  ~Facade() override {
    if (self_) *self_ = nullptr;
    if (session_ != nullptr) session_->OnUserGone(lane_->id());
  }

  void SetHandler(net::StreamHandler* handler) override {
    handler_ = handler;
    if (lane_ != nullptr) {
      lane_->SetHandler(handler);
    } else if (handler != nullptr) {
      TellLater();
    }
  }
  net::IoResult Read(std::span<char> room) override {
    if (lane_ == nullptr) return {net::IoStatus::kReset, 0};
    return lane_->Read(room);
  }
  net::IoResult Write(std::span<const iovec> pieces) override {
    if (lane_ == nullptr) return {net::IoStatus::kReset, 0};
    return lane_->Write(pieces);
  }
  bool encrypted() const override { return encrypted_; }
  void ShutdownWrite() override {
    if (lane_ != nullptr) lane_->EndWrite();
  }
  void Abort() override {
    if (session_ == nullptr) return;
    ServerSession* session = std::exchange(session_, nullptr);
    session->OnUserGone(std::exchange(lane_, nullptr)->id());
  }
  std::string_view peer_ip() const override { return peer_ip_; }

  // The session has ended.
  void Orphan() {
    session_ = nullptr;
    lane_ = nullptr;
    TellLater();
  }

 private:
  void TellLater() {
    if (!self_) self_ = std::make_shared<Facade*>(this);
    loop_.Defer([self = self_] {
      if (*self != nullptr && (*self)->handler_ != nullptr) (*self)->handler_->OnReadable();
      if (*self != nullptr && (*self)->handler_ != nullptr) (*self)->handler_->OnWritable();
    });
  }

  net::Loop& loop_;
  ServerSession* session_;
  Lane* lane_;
  net::StreamHandler* handler_ = nullptr;
  std::string peer_ip_;
  const bool encrypted_;
  std::shared_ptr<Facade*> self_;
};

ServerSession::ServerSession(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                             const Options& options, SessionOwner& owner)
    : Engine(loop, std::move(stream), options, Lane::Role::kServer),
      owner_(owner),
      idle_([this] { GoAway(); }),
      stuck_([this] { LookForStuck(); }),
      farewell_([this] {
        nghttp2_submit_goaway(session(), NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session()), NGHTTP2_NO_ERROR,
                              nullptr, 0);
        Touch();
      }) {}

ServerSession::~ServerSession() { Forget(); }

void ServerSession::Start(std::string_view early) { Begin(early); }

void ServerSession::GoAway() {
  if (leaving_ || closed()) return;
  leaving_ = true;
  idle_.Cancel();
  if (lanes_.empty()) return Terminate(NGHTTP2_NO_ERROR);
  nghttp2_submit_shutdown_notice(session());
  loop().ArmAfter(farewell_, kFarewell);
  Touch();
}

Lane* ServerSession::OnStreamBegun(int32_t id) {
  if (!owner_.HasRoom() || lanes_.size() >= 2 * size_t{options().max_streams}) return nullptr;
  Entry& entry = lanes_[id];
  entry.lane = std::make_unique<Lane>(*this, Lane::Role::kServer, id);
  return entry.lane.get();
}

void ServerSession::OnHeadComplete(Lane& lane, bool ended) {
  if (owner_.OnRequest(lane.mutable_block())) lane.KeepErrors();
  const Refusal refusal = lane.TakeHead(ended);
  if (refusal != Refusal::kNone) Refuse(lane, refusal);
}

// Answered without a user: nothing of the request is passed on.
void ServerSession::Refuse(Lane& lane, Refusal refusal) {
  owner_.OnRefused(StatusFor(refusal), NameOf(refusal));
  FieldBlock answer;
  answer.Add(":status", std::to_string(StatusFor(refusal)));
  answer.Add("x-hearth-error", Cat("gateway;", NameOf(refusal)));
  answer.Add("content-length", "0");
  lanes_.at(lane.id()).handed_over = true;
  lane.Refuse();
  Submit(lane, answer, false);
}

// Where the request is not whole yet, its rest is of no interest any more.
void ServerSession::OnEndSent(Lane& lane) {
  if (!lane.answered()) Reset(lane.id(), NGHTTP2_NO_ERROR);
}

void ServerSession::OnStreamGone(Lane& lane) {
  const auto it = lanes_.find(lane.id());
  if (it == lanes_.end()) return;
  if (it->second.facade != nullptr) return;
  lane.Detach();  // what nobody has read gives its window back
  lanes_.erase(it);
}

void ServerSession::Dispatch() {
  for (size_t i = 0; i < queue_.size(); ++i) {  // may grow meanwhile
    const auto it = lanes_.find(queue_[i]);
    if (it == lanes_.end()) continue;
    Entry& entry = it->second;
    entry.lane->queued = false;
    if (!entry.handed_over && entry.lane->head_taken()) {
      HandOver(it->first, entry);
    } else if (entry.facade != nullptr) {
      entry.lane->Deliver();
    }
  }
  queue_.clear();
}

void ServerSession::HandOver(int32_t, Entry& entry) {
  entry.handed_over = true;
  auto facade = std::make_unique<Facade>(*this, *entry.lane);
  entry.facade = facade.get();
  owner_.OnStream(std::move(facade));
}

void ServerSession::OnUserGone(int32_t id) {
  const auto it = lanes_.find(id);
  if (it == lanes_.end()) return;
  Entry& entry = it->second;
  entry.facade = nullptr;
  entry.lane->Detach();
  if (entry.lane->closed()) {
    lanes_.erase(it);
    Touch();
    return;
  }
  if (!entry.lane->message_complete()) return Reset(id, NGHTTP2_INTERNAL_ERROR);
  // The rest of the answer waits for the peer; not for ever.
  entry.unsent = SIZE_MAX;
  if (!stuck_.armed()) loop().ArmAfter(stuck_, options().write_timeout);
}

void ServerSession::LookForStuck() {
  bool any = false;
  std::vector<int32_t> stuck;
  for (auto& [id, entry] : lanes_) {
    if (entry.facade != nullptr || !entry.handed_over) continue;
    any = true;
    const size_t unsent = entry.lane->unsent();
    if (unsent == entry.unsent) stuck.push_back(id);
    entry.unsent = unsent;
  }
  for (const int32_t id : stuck) Reset(id, NGHTTP2_CANCEL);
  if (any) loop().ArmAfter(stuck_, options().write_timeout);
}

void ServerSession::OnSettled() {
  if (!lanes_.empty()) {
    idle_.Cancel();
  } else if (leaving_) {
    Terminate(NGHTTP2_NO_ERROR);
  } else if (!idle_.armed()) {
    loop().ArmAfter(idle_, options().idle_timeout);
  }
}

void ServerSession::Forget() {
  for (auto& [id, entry] : lanes_) {
    if (Facade* facade = std::exchange(entry.facade, nullptr)) facade->Orphan();
  }
  lanes_.clear();
  idle_.Cancel();
  stuck_.Cancel();
  farewell_.Cancel();
}

void ServerSession::OnClosed() {
  Forget();
  owner_.OnSessionClosed();
}

}  // namespace hearth::h2
