// The whole watchdog in native mode on memory, with a request inside whose id is known: whatever a
// runtime sends, in whatever pieces, and whenever it goes away, every call ends and nothing is
// kept. The first byte chooses how.
#include <cstdint>
#include <memory>
#include <string>

#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"
#include "tests/fuzz/require.h"
#include "tests/unit/watchdog/app/fake_launcher.h"
#include "watchdog/app/app.h"

namespace hearth::fuzz {
namespace {

using namespace watchdog;  // NOLINT: a test of that one namespace

class NoSink final : public LogSink {
 public:
  void Write(const LogLine&) override {}
};

void Check(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  fakes::FakeClock clock;
  fakes::MemoryLoop loop(clock);
  loop.set_pipe_capacity(data[0] % 2 == 0 ? 64 : 64 * 1024);
  FakeLauncher launcher(loop);
  NoSink sink;
  const Environment env = {{"HEARTH_LISTEN", "10.0.0.1:8080"},
                           {"HEARTH_CONTROL", "10.0.0.1:8081"},
                           {"HEARTH_REPLICA", "r"},
                           {"HEARTH_CONCURRENCY", data[0] % 5 == 0 ? "2" : "1"},
                           {"HEARTH_EVENT", data[0] % 7 == 0 ? "raw" : "http"}};
  auto app =
      std::make_unique<App>(loop, launcher, sink, *ParseConfig(env, {"./f"}), env, [](int) {});
  Require(app->Start().ok(), "starts");
  fakes::TestPeer runtime(loop, "127.0.0.1:9001");
  runtime.Send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n");
  loop.RunUntilIdle();
  fakes::TestPeer client(loop, "10.0.0.1:8080");
  client.Send(
      "GET / HTTP/1.1\r\nHost: f\r\nX-Call-Id: 11111111-2222-4333-8444-555555555555\r\n\r\n");
  loop.RunUntilIdle();
  const size_t step = 1 + data[0] % 23;
  for (size_t at = 0; at < bytes.size(); at += step) {
    runtime.Send(bytes.substr(at, step));
    loop.RunUntilIdle();
    if (data[0] % 11 == 0 && at > bytes.size() / 2) client.Abort();
  }
  if (data[0] % 3 == 0) runtime.FinishSending();
  if (data[0] % 3 == 1) runtime.Abort();
  loop.Advance(std::chrono::minutes(6));
  Require(app->front().in_flight() == 0, "every call ends");
  if (app->front().state() != FunctionState::kFailed) {
    Require(client.received().empty() || client.received().starts_with("HTTP/1.1 "),
            "answers are HTTP");
  }
  app.reset();
  loop.RunUntilIdle();
}

}  // namespace
}  // namespace hearth::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hearth::fuzz::Check(data, size);
  return 0;
}
