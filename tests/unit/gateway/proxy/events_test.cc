// Whatever goes wrong on the data path is counted, and by its reason: every row of events.h is made
// to happen and looked for on the page of /metrics.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "core/base/strings.h"
#include "core/http/parser.h"
#include "gateway/metrics/collector.h"
#include "gateway/metrics/recorder.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

using Row = std::pair<EventKind, std::string_view>;
constexpr EventKind kRefusal = EventKind::kRefusal;
constexpr EventKind kRetry = EventKind::kRetry;
constexpr EventKind kEjection = EventKind::kEjection;
constexpr EventKind kSpared = EventKind::kSpared;
constexpr EventKind kReset = EventKind::kReset;
constexpr EventKind kTimeout = EventKind::kTimeout;

constexpr std::string_view kFamilies[kEventKinds] = {
    "hearth_gateway_refusals_total",  "hearth_gateway_retries_total",
    "hearth_gateway_ejections_total", "hearth_gateway_ejections_spared_total",
    "hearth_gateway_resets_total",    "hearth_gateway_timeouts_total",
    "hearth_gateway_tls_failures_total"};

constexpr std::string_view kBusy =
    "HTTP/1.1 503 Busy\r\nX-Hearth-Busy: not-started\r\nContent-Length: 0\r\n\r\n";

// A data path with the real counters behind it.
struct World {
  Harness h;
  gateway::Recorder recorder{1};
  gateway::Collector collector{&recorder, &h.clock, [] { return nullptr; },
                               [] { return std::vector<gateway::Reading>(); }};
  TestServer one{h.loop, kReplica};
  std::vector<std::unique_ptr<TestPeer>> clients;

  World() { h.edge.also = &recorder; }
  ~World() {
    clients.clear();
    h.Run();
    h.edge.also = nullptr;
  }

  route::FunctionSpec Spec(uint32_t capacity = 1) const {
    return h.Function({std::string(kReplica)}, capacity);
  }
  TestPeer& Send(std::string_view bytes) {
    clients.push_back(h.Client());
    h.Send(*clients.back(), bytes);
    return *clients.back();
  }
  // The function as given, and one request inside its replica.
  TestPeer& Begin(const route::FunctionSpec& spec, std::string_view request) {
    h.Install({spec});
    TestPeer& client = Send(request);
    REQUIRE(one.size() == 1);
    return client;
  }
  uint64_t Count(Row row) const {
    const std::string text = collector.Text();
    const std::string family(kFamilies[static_cast<size_t>(row.first)]);
    const std::string label =
        Cat(row.first == kTimeout ? "kind" : "reason", "=\"", row.second, "\"");
    uint64_t sum = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with(family + "{") || line.find(label) == std::string::npos) continue;
      sum += std::stoull(line.substr(line.rfind(' ') + 1));
    }
    return sum;
  }
};

struct Scenario {
  std::string name;
  std::vector<Row> rows;
  std::function<void(World&)> play;
};

std::string Post(std::string_view body, std::string_view more = "") {
  return Cat("POST /function/f HTTP/1.1\r\nHost: gw\r\nContent-Length: ", body.size(), "\r\n", more,
             "\r\n", body);
}
std::string Chunked(std::string_view body) {
  return Cat("POST /function/f HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n", body);
}
const std::string kUpgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

void AddRefusals(std::vector<Scenario>* all) {
  all->push_back({"unknown function", {{kRefusal, "function_not_found"}}, [](World& w) {
                    w.Send(Get("/function/nobody"));
                  }});
  all->push_back({"deleted while it waited", {{kRefusal, "function_not_found"}}, [](World& w) {
                    auto spec = w.Spec();
                    spec.revisions.clear();
                    w.h.Install({spec});
                    w.Send(Get());
                    w.h.Install({}, {spec.key});
                  }});
  all->push_back({"elsewhere on the functions' socket", {{kRefusal, "not_found"}}, [](World& w) {
                    w.clients.push_back(w.h.FunctionsClient());
                    w.h.Send(*w.clients.back(), Get("/system/x"));
                  }});
  all->push_back({"asynchronous", {{kRefusal, "async_unavailable"}}, [](World& w) {
                    w.Send(Get("/async-function/f"));
                  }});
  all->push_back({"private", {{kRefusal, "unauthorized"}}, [](World& w) {
                    auto spec = w.Spec();
                    spec.policy.is_private = true;
                    w.h.Install({spec});
                    w.Send(Get());
                  }});
  all->push_back({"private, and not for this one", {{kRefusal, "forbidden"}}, [](World& w) {
                    auto spec = w.Spec();
                    spec.policy.is_private = true;
                    w.h.Install({spec});
                    w.Send(Get("/function/f", "Authorization: Bearer known\r\n"));
                  }});
  for (const char* reason :
       {"unauthenticated", "no_credentials", "no_controller", "no_admin", "method_not_allowed"}) {
    all->push_back({Cat("the front desk: ", reason), {{kRefusal, reason}}, [reason](World& w) {
                      w.Send(Get(Cat("/refuse/", reason)));
                    }});
  }
  all->push_back({"no controller listens", {{kRefusal, "controller_unavailable"}}, [](World& w) {
                    w.Send(Get("/system/x"));
                  }});
  all->push_back({"the controller hangs up", {{kRefusal, "controller_closed"}}, [](World& w) {
                    TestServer controller(w.h.loop, "10.9.9.9:8081");
                    TestPeer& client =
                        w.Send("POST /system/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
                    controller.last().Close();
                    w.h.Run();
                    CHECK(client.received().starts_with("HTTP/1.1 502"));
                  }});
  all->push_back({"a long body", {{kRefusal, "body_too_large"}}, [](World& w) {
                    auto spec = w.Spec();
                    spec.policy.max_body_bytes = 3;
                    w.h.Install({spec});
                    w.Send(Post("four"));
                  }});
  all->push_back({"a full queue", {{kRefusal, "queue_full"}}, [](World& w) {
                    auto spec = w.Spec();
                    spec.policy.queue.requests = 0;
                    w.Begin(spec, Get());
                    w.Send(Get());
                  }});
  all->push_back({"all queues full", {{kRefusal, "overloaded"}}, [](World& w) {
                    w.h.limits.max_queued_requests = 0;
                    w.Begin(w.Spec(), Get());
                    w.Send(Get());
                  }});
  all->push_back({"nothing can run", {{kRefusal, "unavailable"}}, [](World& w) {
                    auto spec = w.Spec();
                    spec.revisions.clear();
                    spec.unavailable_reason = "no image";
                    w.h.Install({spec});
                    w.Send(Get());
                  }});
  all->push_back({"not started, and the body is gone", {{kRefusal, "busy"}}, [](World& w) {
                    w.Begin(w.Spec(), Post(std::string(100'000, 'x')));
                    w.h.Send(w.one.last(), kBusy);
                  }});
  all->push_back({"the replica answers nonsense", {{kRefusal, "bad_response"}}, [](World& w) {
                    w.Begin(w.Spec(), Get());
                    w.h.Send(w.one.last(), "what?\r\n\r\n");
                  }});
  all->push_back({"the replica hangs up on a POST",
                  {{kRefusal, "upstream_closed"}, {kReset, "upstream_closed"}},
                  [](World& w) {
                    w.Begin(w.Spec(), Post("x"));
                    w.one.last().Close();
                    w.h.Run();
                  }});
}

void AddBadRequests(std::vector<Scenario>* all) {
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n";
  std::string many = get;
  for (int i = 0; i < 200; ++i) many += Cat("X-", i, ": 1\r\n");
  const std::pair<const char*, std::string> cases[] = {
      {"bad_request_line", "GET /\r\nHost: h\r\n\r\n"},
      {"bad_method", "G:T / HTTP/1.1\r\n\r\n"},
      {"bad_target", "GET a HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"bad_version", "GET / HTTP/2.0\r\nHost: h\r\n\r\n"},
      {"bad_header_name", get + "X : 1\r\n\r\n"},
      {"bad_header_value", get + "X: a\x02z\r\n\r\n"},
      {"obsolete_fold", get + "X: a\r\n b\r\n\r\n"},
      {"bare_line_feed", get + "X: 1\n\r\n"},
      {"bare_carriage_return", get + "X: a\rb\r\n\r\n"},
      {"missing_host", "GET / HTTP/1.1\r\nAccept: a\r\n\r\n"},
      {"multiple_hosts", get + "Host: h\r\n\r\n"},
      {"bad_host", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n"},
      {"bad_content_length", get + "Content-Length: -1\r\n\r\n"},
      {"duplicate_content_length", get + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
      {"length_and_chunked", get + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"bad_transfer_encoding", get + "Transfer-Encoding: gzip\r\n\r\n"},
      {"transfer_encoding_in_http10", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"request_line_too_long", Cat("GET /", std::string(10'000, 'a'), " HTTP/1.1\r\n\r\n")},
      {"head_too_large", Cat(get, "X: ", std::string(70'000, 'a'), "\r\n\r\n")},
      {"too_many_headers", many + "\r\n"},
      {"bad_chunk_size", Chunked("x\r\n")},
      {"chunk_extension_too_long", Chunked(Cat("1;", std::string(2'000, 'e'), "\r\n"))},
      {"bad_chunk_end", Chunked("1\r\nab")},
      {"bad_trailer", Chunked("0\r\nX\r\n")},
      {"trailer_too_large", Chunked(Cat("0\r\nX: ", std::string(10'000, 't'), "\r\n\r\n"))},
      {"unknown_expectation", get + "Expect: more\r\n\r\n"},
  };
  for (const auto& [reason, bytes] : cases) {
    all->push_back({Cat("bytes: ", reason), {{kRefusal, reason}}, [bytes = bytes](World& w) {
                      w.h.Install({w.Spec()});
                      w.Send(bytes);
                    }});
  }
}

void AddAttempts(std::vector<Scenario>* all) {
  const auto two = [](World& w, std::string_view second) {
    w.h.Install({w.h.Function({std::string(kReplica), std::string(second)}, 0)});
    w.h.AnswerAll(w.one);
    for (int i = 0; i < 12; ++i) w.Send(Post("x"));
  };
  all->push_back({"one of two replicas does not listen",
                  {{kRetry, "connect_refused"}, {kEjection, "connect_refused"}},
                  [two](World& w) { two(w, kReplica2); }});
  all->push_back({"one of two has an address that is none",
                  {{kRetry, "bad_address"}, {kEjection, "bad_address"}},
                  [two](World& w) { two(w, "nonsense"); }});
  all->push_back({"no replica takes a connection in time",
                  {{kRetry, "connect_timeout"},
                   {kEjection, "connect_timeout"},
                   {kSpared, "connect_timeout"},
                   {kTimeout, "connect"},
                   {kRefusal, "connect_timeout"}},
                  [](World& w) {
                    w.h.loop.Blackhole(kReplica2);
                    w.h.loop.Blackhole("10.0.0.3:80");
                    w.h.Install({w.h.Function({std::string(kReplica2), "10.0.0.3:80"}, 0)});
                    w.Send(Get());
                    w.h.loop.Advance(seconds(20));
                  }});
  all->push_back({"busy", {{kRetry, "busy"}, {kEjection, "busy"}}, [](World& w) {
                    w.Begin(w.Spec(), Get());
                    w.h.Send(w.one.last(), kBusy);
                  }});
  all->push_back({"a kept connection dies as it is used", {{kRetry, "not_sent"}}, [](World& w) {
                    w.h.AnswerAll(w.one);
                    TestPeer& client = w.Begin(w.Spec(), Get());
                    client.Send(Get());  // not looked at before the replica's end is
                    w.one.last().Abort();
                    w.h.Run();
                  }});
  // Of two replicas one is set aside already, so the other may not be: three attempts that it
  // closes, and the next failure is the request's last.
  for (const bool refused : {true, false}) {
    const std::string_view reason = refused ? "connect_refused" : "bad_address";
    all->push_back(
        {Cat("closed without an answer, then ", reason),
         {{kRetry, "upstream_closed"},
          {kSpared, "closed_without_answer"},
          {kReset, "upstream_closed"},
          {kRefusal, reason}},
         [refused](World& w) {
           w.h.Install({w.h.Function({std::string(kReplica2)}, 0)});
           w.Send(Get()).Abort();  // sets the one that does not listen aside
           w.h.Run();
           w.h.Install({w.h.Function({std::string(kReplica2), std::string(kReplica)}, 0)});
           w.Send(Get());
           for (size_t i = 0; i < 2; ++i) {
             REQUIRE(w.one.size() == i + 1);
             w.one.last().Close();
             w.h.Run();
           }
           REQUIRE(w.one.size() == 3);
           auto spec =
               w.h.Function({std::string(kReplica2), refused ? "10.0.0.9:80" : "nonsense"}, 0);
           spec.revisions[0].replicas[1].id = "r-1-new";
           w.h.Install({spec});
           w.one.last().Close();
           w.h.Run();
         }});
  }
  all->push_back(
      {"one of two closes without an answer", {{kEjection, "closed_without_answer"}}, [](World& w) {
         TestServer second(w.h.loop, kReplica2);
         w.h.Install({w.h.Function({std::string(kReplica), std::string(kReplica2)}, 1)});
         w.Send(Get());
         (w.one.size() == 1 ? w.one : second).last().Close();
         w.h.Run();
         CHECK(w.one.size() + second.size() == 2);
         w.clients.clear();
         w.h.Run();
       }});
}

void AddResets(std::vector<Scenario>* all) {
  const std::string begun = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345";
  all->push_back({"the client leaves", {{kReset, "client_closed"}}, [](World& w) {
                    TestPeer& client = w.Begin(w.Spec(), Get());
                    client.Abort();
                    w.h.Run();
                  }});
  all->push_back({"broken chunks after the head", {{kReset, "bad_request_body"}}, [](World& w) {
                    TestPeer& client = w.Begin(w.Spec(), Chunked("1\r\na\r\n"));
                    w.h.Send(w.one.last(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1");
                    w.h.Send(client, "nonsense\r\n");
                  }});
  all->push_back({"too long a body after the head", {{kReset, "body_too_large"}}, [](World& w) {
                    auto spec = w.Spec();
                    spec.policy.max_body_bytes = 3;
                    TestPeer& client = w.Begin(spec, Chunked("1\r\na\r\n"));
                    w.h.Send(w.one.last(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1");
                    w.h.Send(client, "5\r\nabcde\r\n");
                  }});
  all->push_back({"the answer breaks off", {{kReset, "upstream_truncated"}}, [begun](World& w) {
                    w.Begin(w.Spec(), Get());
                    w.h.Send(w.one.last(), begun);
                    w.one.last().Close();
                    w.h.Run();
                  }});
  all->push_back({"the answer's chunks are none", {{kReset, "bad_response"}}, [](World& w) {
                    w.Begin(w.Spec(), Get());
                    w.h.Send(w.one.last(),
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
                  }});
  all->push_back({"a tunnel breaks off", {{kReset, "upstream_reset"}}, [](World& w) {
                    w.Begin(w.Spec(), Get("/function/f", kUpgrade));
                    w.h.Send(w.one.last(), kSwitching);
                    w.one.last().Abort();
                    w.h.Run();
                  }});
  all->push_back({"the gateway ends", {{kReset, "shutdown"}}, [](World& w) {
                    w.Begin(w.Spec(), Get());
                    w.h.path.Drain({.grace = seconds(1)}, [] {});
                    w.h.loop.Advance(seconds(2));
                  }});
}

void AddTimeouts(std::vector<Scenario>* all) {
  all->push_back({"a quiet connection", {{kTimeout, "idle"}}, [](World& w) {
                    w.Send("");
                    w.h.loop.Advance(seconds(100));
                  }});
  all->push_back(
      {"half a head", {{kTimeout, "request_head"}, {kRefusal, "slow_request"}}, [](World& w) {
         w.Send("GET / HT");
         w.h.loop.Advance(seconds(11));
       }});
  all->push_back(
      {"half a body", {{kTimeout, "request_body"}, {kRefusal, "slow_request"}}, [](World& w) {
         w.Begin(w.Spec(), Chunked("1\r\na\r\n"));
         w.h.loop.Advance(seconds(31));
       }});
  all->push_back({"half a body after the answer", {{kTimeout, "request_body"}}, [](World& w) {
                    w.Send("POST /function/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
                    w.h.loop.Advance(seconds(31));
                  }});
  all->push_back(
      {"no slot in time", {{kTimeout, "queue"}, {kRefusal, "queue_timeout"}}, [](World& w) {
         auto spec = w.Spec();
         spec.policy.queue_max_wait = seconds(1);
         w.Begin(spec, Get());
         w.Send(Get());
         w.h.loop.Advance(seconds(2));
       }});
  all->push_back(
      {"no replica in time", {{kTimeout, "cold_start"}, {kRefusal, "no_replica"}}, [](World& w) {
         auto spec = w.Spec();
         spec.revisions.clear();
         w.h.Install({spec});
         w.Send(Get());
         w.h.loop.Advance(seconds(61));
       }});
  all->push_back(
      {"no answer in time", {{kTimeout, "response_head"}, {kRefusal, "timeout"}}, [](World& w) {
         w.Begin(w.Spec(), Get());
         w.h.loop.Advance(seconds(62));
       }});
  all->push_back({"silence inside an answer",
                  {{kTimeout, "stream_idle"}, {kReset, "stream_idle"}},
                  [](World& w) {
                    w.Begin(w.Spec(), Get());
                    w.h.Send(w.one.last(), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1");
                    w.h.loop.Advance(seconds(302));
                  }});
  for (const bool begun : {true, false}) {
    all->push_back({Cat("longer than maxDuration", begun ? ", begun" : ""),
                    {{kTimeout, "max_duration"}, {begun ? kReset : kRefusal, "max_duration"}},
                    [begun](World& w) {
                      auto spec = w.Spec();
                      spec.policy.max_duration = seconds(5);
                      w.Begin(spec, Get());
                      if (begun) {
                        w.h.Send(w.one.last(), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1");
                      }
                      w.h.loop.Advance(seconds(6));
                    }});
  }
  all->push_back({"silence inside a tunnel",
                  {{kTimeout, "tunnel_idle"}, {kReset, "tunnel_idle"}},
                  [](World& w) {
                    w.Begin(w.Spec(), Get("/function/f", kUpgrade));
                    w.h.Send(w.one.last(), kSwitching);
                    w.h.loop.Advance(seconds(302));
                  }});
  all->push_back({"a WebSocket that does not go",
                  {{kTimeout, "tunnel_close"}, {kReset, "going_away"}},
                  [](World& w) {
                    w.Begin(w.Spec(), Get("/function/f", kUpgrade));
                    w.h.Send(w.one.last(), kSwitching);
                    w.h.Install({}, {w.Spec().key});
                    w.h.loop.Advance(seconds(61));
                  }});
  all->push_back({"an answer's end that nobody reads", {{kTimeout, "flush"}}, [](World& w) {
                    w.h.loop.set_pipe_capacity(1024);
                    w.h.Install({w.Spec()});
                    w.clients.push_back(w.h.Client());
                    w.clients.back()->Pause();
                    w.h.Send(*w.clients.back(), Get("/function/f", "Connection: close\r\n"));
                    w.h.Send(w.one.last(), Ok(std::string(20'000, 'x')));
                    w.h.loop.Advance(seconds(31));
                  }});
  all->push_back(
      {"a client that was answered early and stays", {{kTimeout, "linger"}}, [](World& w) {
         w.Send("nonsense\r\n\r\n");
         w.h.loop.Advance(seconds(3));
       }});
}

std::vector<Scenario> Scenarios() {
  std::vector<Scenario> all;
  AddRefusals(&all);
  AddBadRequests(&all);
  AddAttempts(&all);
  AddResets(&all);
  AddTimeouts(&all);
  return all;
}

TEST_CASE("every refusal, retry, ejection, reset and timeout moves its counter") {
  for (const Scenario& scenario : Scenarios()) {
    DYNAMIC_SECTION(scenario.name) {
      World w;
      for (const Row& row : scenario.rows) REQUIRE(w.Count(row) == 0);
      scenario.play(w);
      for (const Row& row : scenario.rows) {
        INFO(kFamilies[static_cast<size_t>(row.first)] << " " << row.second);
        CHECK(w.Count(row) >= 1);
      }
      for (size_t kind = 0; kind < kEventKinds; ++kind) {
        CHECK(w.Count({static_cast<EventKind>(kind), "other"}) == 0);
      }
    }
  }
}

TEST_CASE("the gateway without routes counts its refusals") {
  World w;
  DataPath path({&w.h.loop}, {}, Dependencies{.local = &w.h.edge, .exchanges = &w.recorder});
  REQUIRE(path.Listen(*net::Address::Parse("127.0.0.1:81"), ListenerKind::kPublic).ok());
  TestPeer client(w.h.loop, "127.0.0.1:81");
  client.Send(Get());
  w.h.Run();
  CHECK(w.Count({kRefusal, "no_routes"}) == 1);
  client.Close();
  w.h.Run();
}

TEST_CASE("no row of the list is without a scenario") {
  std::set<std::pair<int, std::string>> played = {
      {static_cast<int>(kRefusal), "no_routes"}};  // above
  for (const Scenario& scenario : Scenarios()) {
    for (const Row& row : scenario.rows) played.emplace(static_cast<int>(row.first), row.second);
  }
  for (const EventInfo& event : kEvents) {
    if (event.reason == "other") continue;
    if (event.kind == EventKind::kTls) continue;  // tls_test.cc plays these
    INFO(kFamilies[static_cast<size_t>(event.kind)] << " " << event.reason);
    CHECK(played.contains({static_cast<int>(event.kind), std::string(event.reason)}));
  }
}

// All literals that follow `pattern` in the sources of these folders.
std::set<std::string> Literals(const std::vector<std::string>& folders, const char* pattern) {
  std::set<std::string> found;
  const std::regex regex(pattern);
  for (const std::string& folder : folders) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".cc") continue;
      std::ifstream in(entry.path());
      const std::string text((std::istreambuf_iterator<char>(in)), {});
      for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
        for (size_t group = 1; group < it->size(); ++group) {
          if ((*it)[group].matched) found.insert((*it)[group]);
        }
      }
    }
  }
  return found;
}

TEST_CASE("every reason in the sources is in the list") {
  struct Case {
    std::vector<EventKind> kinds;  // in one of these
    const char* pattern;
    size_t at_least;  // that the pattern still finds something
  };
  const std::vector<std::string> folders = {"gateway/proxy", "gateway/api"};
  const Case cases[] = {
      {{kRefusal}, R"re(reason = (?:[^"\n;]*\? )?"([a-z_]+)"(?: : "([a-z_]+)")?)re", 20},
      {{kRefusal}, R"re((?:Reject|Error)\(\d+, "([a-z_]+)")re", 3},
      {{kReset},
       R"re((?:BreakResponse|Abandon|Finish)\((?:[^"()]*\? )?"([a-z_]+)"(?: : "([a-z_]+)")?)re",
       8},
      {{kRetry}, R"re(Retry\("([a-z_]+)"\))re", 3},
      {{kEjection}, R"re(SetReplicaAside\("([a-z_]+)")re", 1},
      {{kRetry, kEjection, kRefusal}, R"re(return "(connect_[a-z]+|bad_address)")re", 3},
      {{kTimeout},
       R"re(Count\(EventKind::kTimeout, \w+,\s+(?:[^"()]*\? )?"([a-z_]+)"(?: : "([a-z_]+)")?\))re",
       9},
      {{kTimeout}, R"re(kind = (?:[^"\n;]*\? )?"([a-z_]+)"(?: : "([a-z_]+)")?)re", 4},
      {{kEjection}, R"re(Count\(EventKind::kEjection, \w+, "([a-z_]+)"\))re", 1},
      {{kReset}, R"re(Count\(EventKind::kReset, \w+, "([a-z_]+)"\))re", 1},
  };
  for (const Case& c : cases) {
    const std::set<std::string> literals = Literals(folders, c.pattern);
    INFO(c.pattern);
    CHECK(literals.size() >= c.at_least);
    for (const std::string& literal : literals) {
      INFO("\"" << literal << "\": add it to gateway/proxy/events.h, and a scenario above");
      for (const EventKind kind : c.kinds) {
        CHECK(kEvents[EventIndex(kind, literal)].reason == literal);
      }
    }
  }
  for (int error = 1; error <= static_cast<int>(http::ParseError::kBadStatusLine); ++error) {
    const auto parse_error = static_cast<http::ParseError>(error);
    if (parse_error == http::ParseError::kBadStatusLine) continue;  // of responses only
    const std::string_view name = http::NameOf(parse_error);
    INFO(name);
    CHECK(kEvents[EventIndex(kRefusal, name)].reason == name);
  }
}

}  // namespace
}  // namespace hearth::proxy
