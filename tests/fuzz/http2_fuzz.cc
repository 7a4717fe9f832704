// Both sides of HTTP/2 on memory: whatever a peer sends, in whatever pieces, nothing crashes, what
// a user reads does not depend on the pieces, and everything ends. The first byte chooses how.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/h2/client_stream.h"
#include "core/h2/server_session.h"
#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"
#include "tests/fuzz/require.h"

namespace hearth::fuzz {
namespace {

using fakes::TestPeer;

class Owner final : public h2::SessionOwner {
 public:
  bool HasRoom() override { return true; }
  bool OnRequest(h2::FieldBlock* block) override { return block->Has("x-errors"); }
  void OnError(h2::FieldBlock* head, std::string_view) override { head->Set(":status", "200"); }
  void OnStream(std::unique_ptr<net::Stream> stream) override {
    requests.push_back(std::make_unique<TestPeer>(std::move(stream)));
  }
  void OnRefused(int, std::string_view) override {}
  void OnSessionClosed() override { ended = true; }
  std::vector<std::unique_ptr<TestPeer>> requests;
  bool ended = false;
};

// What the users of a session read when its peer sends `bytes` in pieces of `step`.
std::vector<std::string> Serve(std::string_view bytes, size_t step, bool answer) {
  fakes::FakeClock clock;
  fakes::MemoryLoop loop(clock);
  std::vector<std::string> texts;
  {
    Owner owner;
    auto [near, far] = loop.Pipe();
    TestPeer peer(std::move(near));
    h2::ServerSession session(loop, std::move(far), {}, owner);
    session.Start({});
    peer.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    for (size_t at = 0; at < bytes.size(); at += step) {
      peer.Send(bytes.substr(at, step));
      loop.RunUntilIdle();
    }
    if (answer) {
      for (size_t i = 0; i < owner.requests.size(); ++i) {
        owner.requests[i]->Send(
            i % 2 == 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                       : "HTTP/1.1 503 No\r\nX-Hearth-Error: a\r\nContent-Length: 1\r\n\r\nx");
        loop.RunUntilIdle();
      }
    }
    for (const auto& request : owner.requests) texts.push_back(request->received());
    owner.requests.clear();
    loop.Advance(std::chrono::minutes(10));
    Require(owner.ended, "every session ends by itself");
    Require(session.streams() == 0, "no stream is left");
  }
  loop.RunUntilIdle();
  Require(loop.open_streams() == 0, "every connection is closed");
  return texts;
}

// A server that sends `bytes` in answer to a request.
void Ask(std::string_view bytes, size_t step) {
  fakes::FakeClock clock;
  fakes::MemoryLoop loop(clock);
  auto [near, far] = loop.Pipe();
  auto server = std::make_unique<TestPeer>(std::move(far));
  auto client = std::make_unique<TestPeer>(h2::NewClientStream(loop, std::move(near)));
  client->Send("POST /x HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  for (size_t at = 0; at < bytes.size(); at += step) {
    server->Send(bytes.substr(at, step));
    loop.RunUntilIdle();
  }
  client->Send("0\r\n\r\nGET / HTTP/1.1\r\nHost: f\r\n\r\n");
  loop.RunUntilIdle();
  client.reset();
  server.reset();
  loop.RunUntilIdle();
  Require(loop.open_streams() == 0, "every connection is closed");
}

void Check(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t step = 1 + data[0] / 4 % 37;
  if (data[0] % 4 == 3) return Ask(bytes, step);
  const bool answer = data[0] % 4 == 1;
  const auto whole = Serve(bytes, bytes.size() + 1, false);
  const auto pieces = Serve(bytes, step, answer);
  // A request that was given up in the same turn was never told to anybody.
  if (!answer && bytes.find('\3') == std::string_view::npos) {
    Require(whole.size() == pieces.size(), "as many requests however the bytes were split");
  }
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hearth::fuzz::Check(data, size);
  return 0;
}
