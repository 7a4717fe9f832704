#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/net/loop.h"

namespace hearth::fakes {

// The other side of a connection, played by a test: keeps what it received, sends what it is told,
// however large. Reads by itself unless paused. Works on any loop, on its thread.
class TestPeer final : public net::StreamHandler {
 public:
  // Connects at the loop's next turn; what is sent before is kept.
  TestPeer(net::Loop& loop, std::string_view address);
  explicit TestPeer(std::unique_ptr<net::Stream> stream);
  ~TestPeer() override;

  void Send(std::string_view bytes);
  void FinishSending();  // half-close after what was sent
  void Close();          // both directions, orderly; what is not sent yet is lost
  void Abort();          // with a reset
  void Pause() { paused_ = true; }
  void Resume();

  const std::string& received() const { return received_; }
  std::string TakeReceived() { return std::exchange(received_, {}); }
  bool connected() const { return stream_ != nullptr; }
  bool eof() const { return eof_; }      // the other side has finished sending
  bool reset() const { return reset_; }  // the connection broke
  bool refused() const { return refused_; }
  size_t unsent() const { return outgoing_.size(); }
  // Called after each arrival and at the end, so that a peer can answer.
  std::function<void(TestPeer&)> on_change;

 private:
  void OnReadable() override;
  void OnWritable() override { Flush(); }
  void Attach(std::unique_ptr<net::Stream> stream);
  void Flush();

  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<net::Stream> stream_;
  std::string outgoing_;
  std::string received_;
  bool paused_ = false;
  bool finish_ = false;
  bool eof_ = false;
  bool reset_ = false;
  bool refused_ = false;
};

// Listens and turns every connection into a TestPeer.
class TestServer {
 public:
  TestServer(net::Loop& loop, std::string_view address);
  net::Address address() const { return listener_->address(); }
  size_t size() const { return peers_.size(); }
  TestPeer& peer(size_t i) { return *peers_.at(i); }
  TestPeer& last() { return *peers_.back(); }
  // Given to each peer as its on_change.
  std::function<void(TestPeer&)> on_change;

 private:
  std::vector<std::unique_ptr<TestPeer>> peers_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace hearth::fakes
