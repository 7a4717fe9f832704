#pragma once

#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"
#include "tests/unit/watchdog/app/fake_launcher.h"
#include "watchdog/app/app.h"

namespace hearth::watchdog {

class MemorySink final : public LogSink {
 public:
  void Write(const LogLine& line) override {
    lines.push_back(std::string(line.stream) + "|" + std::string(line.call_id) + "|" +
                    std::string(line.text));
  }
  std::vector<std::string> lines;
};

// The whole watchdog on a loop in memory, with time that stands still and processes that the test
// plays.
struct AppFixture {
  explicit AppFixture(Environment env) {
    env.emplace("HEARTH_LISTEN", "10.0.0.1:8080");
    env.emplace("HEARTH_CONTROL", "10.0.0.1:8081");
    env.emplace("HEARTH_REPLICA", "replica-1");
    auto config = ParseConfig(env, {"./function"});
    INFO(config.status().ToString());
    REQUIRE(config.ok());
    app = std::make_unique<App>(loop, launcher, sink, *config, env,
                                [this](int code) { exit_code = code; });
    const absl::Status started = app->Start();
    INFO(started.ToString());
    REQUIRE(started.ok());
    loop.RunUntilIdle();
  }
  ~AppFixture() { app.reset(); }

  std::unique_ptr<fakes::TestPeer> Client(std::string_view bytes = {}) {
    auto peer = std::make_unique<fakes::TestPeer>(loop, "10.0.0.1:8080");
    peer->Send(bytes);
    loop.RunUntilIdle();
    return peer;
  }
  std::unique_ptr<fakes::TestPeer> Get(std::string_view path, std::string_view fields = {}) {
    return Client("GET " + std::string(path) + " HTTP/1.1\r\nHost: f\r\n" + std::string(fields) +
                  "\r\n");
  }
  std::string Control(std::string_view request_line) {
    fakes::TestPeer peer(loop, "10.0.0.1:8081");
    peer.Send(std::string(request_line) + " HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n");
    loop.RunUntilIdle();
    return peer.received();
  }
  void Advance(Duration d) { loop.Advance(d); }

  fakes::FakeClock clock;
  fakes::MemoryLoop loop{clock};
  FakeLauncher launcher{loop};
  MemorySink sink;
  std::optional<int> exit_code;
  std::unique_ptr<App> app;
};

// One connection of a runtime to the Runtime API.
struct FakeRuntime {
  explicit FakeRuntime(AppFixture& f) : fixture(f), peer(f.loop, "127.0.0.1:9001") {}

  void AskNext() {
    peer.Send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n");
    fixture.loop.RunUntilIdle();
  }
  // The id in the answer to `next`; empty where none came.
  std::string TakeId() {
    last = peer.TakeReceived();
    constexpr std::string_view kField = "Lambda-Runtime-Aws-Request-Id: ";
    const size_t at = last.find(kField);
    return at == std::string::npos ? "" : last.substr(at + kField.size(), 36);
  }
  // Posts and returns the status line.
  std::string Post(const std::string& path, const std::string& body,
                   const std::string& fields = {}) {
    peer.Send("POST /2018-06-01/runtime/" + path + " HTTP/1.1\r\nHost: a\r\n" + fields +
              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    fixture.loop.RunUntilIdle();
    last = peer.TakeReceived();
    return last.substr(0, last.find("\r\n"));
  }
  std::string Respond(const std::string& id, const std::string& body) {
    return Post("invocation/" + id + "/response", body);
  }

  AppFixture& fixture;
  fakes::TestPeer peer;
  std::string last;
};

inline std::string StatusOf(const fakes::TestPeer& peer) { return peer.received().substr(9, 3); }

}  // namespace hearth::watchdog
