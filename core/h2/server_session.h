#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/h2/engine.h"

namespace hearth::h2 {

// What a session tells whoever accepted its connection.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  virtual bool HasRoom() = 0;  // for one more request; else it is refused and may be sent again
  // A request's fields before they are translated. May change them. True: an answer to it that is
  // an error of the platform (x-hearth-error, status 400 and more) is kept until it is whole, and
  // OnError says how it goes out.
  virtual bool OnRequest(FieldBlock*) { return false; }
  virtual void OnError(FieldBlock*, std::string_view) {}  // its head, to be changed; its body
  // One request, as a connection that carries just this one in HTTP/1.1.
  virtual void OnStream(std::unique_ptr<net::Stream> stream) = 0;
  // A request, or all of the peer, was refused.
  virtual void OnRefused(int status, std::string_view reason) = 0;
  // It is over: to be destroyed, but not before this turn of the loop ends.
  virtual void OnSessionClosed() = 0;
};

// The server's side of one HTTP/2 connection. Owned by its SessionOwner; the streams that it gives
// away may outlive it, and then read a reset. Loop's thread.
class ServerSession final : public Engine {
 public:
  ServerSession(net::Loop& loop, std::unique_ptr<net::Stream> stream, const Options& options,
                SessionOwner& owner);
  ~ServerSession() override;

  void Start(std::string_view early);
  // No new requests; ends when those inside have been answered.
  void GoAway();
  void CutOff() { Close(); }
  size_t streams() const { return lanes_.size(); }

 private:
  class Facade;
  struct Entry {
    std::unique_ptr<Lane> lane;
    Facade* facade = nullptr;  // null before it is handed over and after the user has left
    bool handed_over = false;
    size_t unsent = 0;  // when the user had left and it was last looked at
  };
  Lane* OnStreamBegun(int32_t id) override;
  void OnHeadComplete(Lane& lane, bool ended) override;
  void OnStreamGone(Lane& lane) override;
  void OnEndSent(Lane& lane) override;
  void RewriteError(FieldBlock* head, std::string_view body) override {
    owner_.OnError(head, body);
  }
  void Dispatch() override;
  void OnClosed() override;
  void OnFlood(std::string_view reason) override { owner_.OnRefused(400, reason); }
  void OnLastWord() override { Forget(); }
  void OnSettled() override;

  void HandOver(int32_t id, Entry& entry);
  void OnUserGone(int32_t id);
  void Refuse(Lane& lane, Refusal refusal);
  void LookForStuck();
  void Forget();

  SessionOwner& owner_;
  std::unordered_map<int32_t, Entry> lanes_;
  net::Timer idle_;
  net::Timer stuck_;
  net::Timer farewell_;
  bool leaving_ = false;
};

}  // namespace hearth::h2
