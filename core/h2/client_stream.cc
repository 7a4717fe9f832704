#include "core/h2/client_stream.h"

#include <memory>
#include <utility>

#include "core/h2/engine.h"

namespace hearth::h2 {
namespace {

constexpr uint32_t kProtocolError = 1;
constexpr uint32_t kCancel = 8;

class ClientStream final : public net::Stream, private Engine {
 public:
  ClientStream(net::Loop& loop, std::unique_ptr<net::Stream> stream, const Options& options)
      : Engine(loop, std::move(stream), options, Lane::Role::kClient),
        lane_(*this, Lane::Role::kClient, 0) {}

  void Start() { Begin({}); }

  void SetHandler(net::StreamHandler* handler) override {
    lane_.SetHandler(handler);
    if (handler != nullptr && (leaving_ || closed())) lane_.NoteReadable();
  }

  net::IoResult Read(std::span<char> room) override {
    const net::IoResult result = lane_.Read(room);
    if (result.status == net::IoStatus::kOk && leaving_ && Idle()) lane_.NoteReadable();
    if (result.status != net::IoStatus::kWouldBlock) return result;
    if (Idle()) return {over() ? net::IoStatus::kEof : net::IoStatus::kWouldBlock, 0};
    return {closed() ? net::IoStatus::kReset : net::IoStatus::kWouldBlock, 0};
  }

  net::IoResult Write(std::span<const iovec> pieces) override {
    if (Idle()) {
      if (over()) return {net::IoStatus::kReset, 0};
      lane_.Restart();
    } else if (lane_.message_complete() && lane_.answered()) {
      return {net::IoStatus::kReset, 0};  // the last request is still on its way
    }
    const net::IoResult result = lane_.Write(pieces);
    if (lane_.begun() && lane_.id() < 0) {  // no more streams on this connection
      leaving_ = true;
      lane_.Closed(false);
      return {net::IoStatus::kReset, 0};
    }
    return result;
  }

  void ShutdownWrite() override {
    lane_.EndWrite();
    // Nobody writes any more: with nothing under way that is the end of the connection.
    if (Idle() && !closed()) Terminate(0);
  }

  void Abort() override {
    if (closed()) return;
    if (lane_.begun() && !lane_.closed()) Reset(lane_.id(), kCancel);
    lane_.SetHandler(nullptr);
    SendNow();
    Close();
  }

  std::string_view peer_ip() const override { return Engine::peer_ip(); }

 private:
  // Between two requests.
  bool Idle() const {
    return !lane_.begun() || (lane_.closed() && lane_.message_complete() && lane_.answered());
  }
  bool over() const { return leaving_ || closed(); }

  Lane* OnStreamBegun(int32_t) override { return nullptr; }  // pushes were not asked for
  void OnHeadComplete(Lane& lane, bool ended) override {
    if (lane.TakeHead(ended) != Refusal::kNone) Engine::Reset(lane.id(), kProtocolError);
  }
  void OnStreamGone(Lane&) override {}
  void OnPeerLeaves() override {
    leaving_ = true;
    if (Idle()) lane_.NoteReadable();
  }
  void Dispatch() override {
    queue_.clear();
    lane_.queued = false;
    lane_.Deliver();  // may destroy this
  }
  void OnLastWord() override { OnClosed(); }
  void OnClosed() override {
    leaving_ = true;
    if (lane_.begun()) {
      lane_.Closed(false);
    } else {
      lane_.NoteReadable();
    }
    // No turn follows on a closed connection: the user is told at the end of this one.
    DeliverLater();
  }

  Lane lane_;
  bool leaving_ = false;
};

}  // namespace

std::unique_ptr<net::Stream> NewClientStream(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                                             const Options& options) {
  auto client = std::make_unique<ClientStream>(loop, std::move(stream), options);
  client->Start();
  return client;
}

}  // namespace hearth::h2
