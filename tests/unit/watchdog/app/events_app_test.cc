// What the watchdog refuses, resets and times out is counted by its reason.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>
#include <set>

#include "tests/unit/watchdog/app/app_fixture.h"
#include "watchdog/front/events.h"

namespace hearth::watchdog {
namespace {

using Catch::Contains;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr CallEvent kRefusal = CallEvent::kRefusal;
constexpr CallEvent kReset = CallEvent::kReset;
constexpr CallEvent kTimeout = CallEvent::kTimeout;

// http mode with the function's server played by the test.
struct World : AppFixture {
  explicit World(Environment env)
      : AppFixture([&] {
          env.emplace("HEARTH_MODE", "http");
          env.emplace("HEARTH_UPSTREAM", "http://10.0.0.2:5000");
          env.emplace("HEARTH_CONCURRENCY", "1");
          return env;
        }()),
        server(loop, "10.0.0.2:5000") {
    Advance(milliseconds(200));
  }
  fakes::TestPeer& Send(std::string_view bytes) {
    clients.push_back(Client(bytes));
    return *clients.back();
  }
  fakes::TestPeer& Ask(std::string_view fields = {}) {
    return Send("GET /x HTTP/1.1\r\nHost: f\r\n" + std::string(fields) + "\r\n");
  }
  void Answer(std::string_view bytes) {
    server.last().Send(bytes);
    loop.RunUntilIdle();
  }
  bool Counted(CallEvent event, std::string_view reason) {
    constexpr const char* kFamilies[kCallEvents] = {"hearth_watchdog_refusals_total{reason=\"",
                                                    "hearth_watchdog_resets_total{reason=\"",
                                                    "hearth_watchdog_timeouts_total{kind=\""};
    const std::string line = kFamilies[static_cast<size_t>(event)] + std::string(reason) + "\"} ";
    return Control("GET /metrics").find(line) != std::string::npos;
  }
  fakes::TestServer server;
  std::vector<std::unique_ptr<fakes::TestPeer>> clients;
};

struct Scenario {
  std::string name;
  Environment env;
  std::vector<std::pair<CallEvent, std::string_view>> rows;
  std::function<void(World&)> play;
};

const std::string kBegun = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1";
const std::string kPost = "POST /x HTTP/1.1\r\nHost: f\r\n";

std::vector<Scenario> Scenarios() {
  return {
      {"full", {}, {{kRefusal, "busy"}}, [](World& w) { w.Ask(), w.Ask(); }},
      {"no token",
       {{"HEARTH_TOKEN", "t"}},
       {{kRefusal, "unauthorized"}},
       [](World& w) { w.Ask(); }},
      {"a reserved path", {}, {{kRefusal, "not_found"}}, [](World& w) { w.Get("/_/what"); }},
      {"a reserved path, posted",
       {},
       {{kRefusal, "method_not_allowed"}},
       [](World& w) { w.Send("POST /_/health HTTP/1.1\r\nHost: f\r\nContent-Length: 0\r\n\r\n"); }},
      {"no HTTP", {}, {{kRefusal, "bad_request"}}, [](World& w) { w.Send("what?\r\n\r\n"); }},
      {"broken chunks",
       {},
       {{kRefusal, "bad_request"}},
       [](World& w) { w.Send(kPost + "Transfer-Encoding: chunked\r\n\r\nx\r\n"); }},
      {"too large",
       {{"HEARTH_MAX_BODY", "3"}},
       {{kRefusal, "body_too_large"}},
       [](World& w) { w.Send(kPost + "Content-Length: 4\r\n\r\nfour"); }},
      {"half a body, and its end",
       {},
       {{kRefusal, "body_cut_off"}},
       [](World& w) {
         w.Send(kPost + "Content-Length: 4\r\n\r\nfo").FinishSending();
         w.loop.RunUntilIdle();
       }},
      {"half a body, and silence",
       {},
       {{kRefusal, "slow_request"}, {kTimeout, "request_body"}},
       [](World& w) {
         w.Send(kPost + "Content-Length: 4\r\n\r\nfo");
         w.Advance(seconds(59));
       }},
      {"half a head",
       {},
       {{kRefusal, "slow_request"}, {kTimeout, "request_head"}},
       [](World& w) {
         w.Send("GET / HT");
         w.Advance(seconds(12));
       }},
      {"nothing at all",
       {},
       {{kTimeout, "idle"}},
       [](World& w) {
         w.Send("");
         w.Advance(seconds(80));
       }},
      {"no answer in time",
       {{"HEARTH_TIMEOUT", "2s"}},
       {{kRefusal, "timeout"}, {kTimeout, "response_head"}},
       [](World& w) {
         w.Ask();
         w.Advance(seconds(3));
       }},
      {"silence inside an answer",
       {{"HEARTH_STREAM_IDLE_TIMEOUT", "2s"}},
       {{kReset, "timeout"}, {kTimeout, "stream_idle"}},
       [](World& w) {
         w.Ask();
         w.Answer(kBegun);
         w.Advance(seconds(3));
       }},
      {"longer than it may take",
       {{"HEARTH_MAX_DURATION", "2s"}},
       {{kReset, "timeout"}, {kTimeout, "max_duration"}},
       [](World& w) {
         w.Ask();
         w.Answer(kBegun);
         w.Advance(seconds(3));
       }},
      {"an answer that is none",
       {},
       {{kRefusal, "bad_response"}},
       [](World& w) {
         w.Ask();
         w.Answer("what?\r\n\r\n");
         w.Advance(seconds(1));
       }},
      {"an answer that breaks off",
       {},
       {{kReset, "bad_response"}},
       [](World& w) {
         w.Ask();
         w.Answer(kBegun);
         w.server.last().Close();
         w.Advance(seconds(1));
       }},
      {"the caller leaves",
       {},
       {{kReset, "client_closed"}},
       [](World& w) {
         w.Ask().Abort();
         w.loop.RunUntilIdle();
       }},
  };
}

TEST_CASE("refusals, resets and timeouts move their counters", "[watchdog][events]") {
  for (const Scenario& scenario : Scenarios()) {
    DYNAMIC_SECTION(scenario.name) {
      World w(scenario.env);
      for (const auto& [event, reason] : scenario.rows) REQUIRE_FALSE(w.Counted(event, reason));
      scenario.play(w);
      for (const auto& [event, reason] : scenario.rows) {
        INFO(reason << "\n" << w.Control("GET /metrics"));
        CHECK(w.Counted(event, reason));
      }
    }
  }
}

TEST_CASE("a function that is not ready in time is counted", "[watchdog][events]") {
  AppFixture f(Environment{{"HEARTH_MODE", "http"},
                           {"HEARTH_UPSTREAM", "http://10.0.0.2:5000"},
                           {"HEARTH_TIMEOUT", "2s"}});
  const auto client = f.Get("/x");
  f.Advance(seconds(3));
  CHECK_THAT(f.Control("GET /metrics"),
             Contains("hearth_watchdog_refusals_total{reason=\"not_ready\"} 1") &&
                 Contains("hearth_watchdog_timeouts_total{kind=\"ready\"} 1"));
}

TEST_CASE("every reason in the watchdog's sources is in the list", "[watchdog][events]") {
  const std::pair<CallEvent, const char*> patterns[] = {
      {kRefusal, R"re(Fail\(\d+, "[a-z]+", "([a-z_]+)")re"},
      {kRefusal, R"re(Refuse\(c, \d+, "[a-z]+", "([a-z_]+)")re"},
      {kRefusal, R"re(FailNotStarted\("([a-z_]+)")re"},
      {kRefusal, R"re(RefuseHead\(\d+, "([a-z_]+)")re"},
      {kReset, R"re(call_\.Abort\("([a-z_]+)")re"},
      {kRefusal, R"re(Break\("([a-z_]+)")re"},
      {kReset, R"re(kReset, "([a-z_]+)")re"},
      {kTimeout, R"re(kTimeout, "([a-z_]+)")re"},
      {kTimeout, R"re(Expire\("([a-z_]+)")re"},
      {kTimeout, R"re(OnConnectionTimeout\("([a-z_]+)")re"},
  };
  for (const auto& [event, pattern] : patterns) {
    const std::regex regex(pattern);
    size_t found = 0;
    for (const char* folder : {"watchdog/front", "watchdog/modes", "watchdog/wire"}) {
      for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".cc") continue;
        std::ifstream in(entry.path());
        const std::string text((std::istreambuf_iterator<char>(in)), {});
        for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
          const std::string reason = (*it)[1];
          INFO(entry.path() << ": add \"" << reason << "\" to watchdog/front/events.h");
          CHECK(kCallEventList[CallEventIndex(event, reason)].reason == reason);
          ++found;
        }
      }
    }
    INFO(pattern);
    CHECK(found > 0);
  }
}

}  // namespace
}  // namespace hearth::watchdog
