// A whole HttpServer on memory: whatever a client sends, in whatever pieces, and whenever it goes
// away, the server neither crashes nor keeps anything of it. The first byte chooses how.
#include <cstdint>
#include <memory>
#include <string>

#include "core/net/http_server.h"
#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"
#include "tests/fuzz/require.h"

namespace hearth::fuzz {
namespace {

using net::ServerExchange;

void Answer(const std::shared_ptr<ServerExchange>& exchange) {
  const std::string& path = exchange->request().path;
  if (path.starts_with("/stream")) {
    exchange->Begin(200, {});
    exchange->Write("piece");
    exchange->End();
  } else if (path.starts_with("/drop")) {
    return;
  } else if (path.starts_with("/echo")) {
    auto body = std::make_shared<std::string>();
    exchange->ReadBody([body](std::string_view piece) { body->append(piece); },
                       [body, exchange](bool complete) {
                         if (complete) exchange->Respond(200, {}, *body);
                       });
  } else {
    exchange->Respond(200, {}, exchange->request().body);
  }
}

void Check(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  fakes::FakeClock clock;
  fakes::MemoryLoop loop(clock);
  loop.set_pipe_capacity(data[0] % 2 == 0 ? 64 : 64 * 1024);
  net::HttpServerOptions options;
  options.max_body = 1000;
  net::HttpServer server(loop, options, Answer, [](const net::ServerRequest& request) {
    return request.path.starts_with("/echo") ? net::BodyMode::kStreamed : net::BodyMode::kBuffered;
  });
  Require(server.Listen(*net::Address::Parse("127.0.0.1:80")).ok(), "listens");
  auto client = std::make_unique<fakes::TestPeer>(loop, "127.0.0.1:80");
  const size_t step = 1 + data[0] % 23;
  for (size_t at = 0; at < bytes.size(); at += step) {
    client->Send(bytes.substr(at, step));
    loop.RunUntilIdle();
  }
  if (data[0] % 3 == 0) client->FinishSending();
  if (data[0] % 3 == 1) client->Abort();
  loop.RunUntilIdle();
  loop.Advance(std::chrono::minutes(5));
  Require(server.connections() == 0, "every connection ends by itself");
  client.reset();
  loop.RunUntilIdle();
  Require(loop.open_streams() == 0, "every stream is closed");
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hearth::fuzz::Check(data, size);
  return 0;
}
