// A request's place in a trace, and where its time went.
#include <catch2/catch.hpp>

#include "core/base/strings.h"
#include "core/http/trace_context.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kParent = "b7ad6b7169203331";

Options Tracing(double ratio = 1) {
  Options options;
  options.tracing = true;
  options.trace_ratio = ratio;
  return options;
}

struct World {
  explicit World(Options options = Tracing()) : h(std::move(options)) {
    h.Install({h.Function({std::string(kReplica)}, 0)});
  }
  // What the replica is sent for a request with these fields.
  Message Seen(std::string_view fields) {
    clients.push_back(h.Client());
    h.Send(*clients.back(), Get("/function/f", fields));
    Message seen = ParseMessage(replica.last().TakeReceived());
    h.Send(replica.last(), Ok("ok"));
    return seen;
  }
  const RecordCopy& Last() { return h.edge.finished.back(); }

  Harness h;
  TestServer replica{h.loop, kReplica};
  std::vector<std::unique_ptr<TestPeer>> clients;
};

TEST_CASE("a caller's trace goes on below a span of the gateway's own") {
  World w;
  const Message seen = w.Seen(Cat("traceparent: 00-", kTrace, "-", kParent,
                                  "-01\r\ntracestate: a=1\r\nTraceState: b=2\r\n"));
  CHECK(seen.Count("traceparent") == 1);
  const auto context = http::ParseTraceparent(seen.Header("traceparent").value_or(""));
  REQUIRE(context);
  CHECK(context->trace() == kTrace);
  CHECK(context->span() != kParent);
  CHECK(context->sampled());
  CHECK(seen.Header("tracestate") == "a=1,b=2");
  CHECK(seen.Count("tracestate") == 1);
  CHECK(w.Last().trace_id == kTrace);
  CHECK(w.Last().span_id == context->span());
  CHECK(w.Last().parent_span_id == kParent);
  CHECK(w.Last().sampled);
}

TEST_CASE("what the caller decided about keeping stays decided") {
  World w;
  const Message seen = w.Seen(Cat("traceparent: 00-", kTrace, "-", kParent, "-00\r\n"));
  CHECK_THAT(*seen.Header("traceparent"), Catch::EndsWith("-00"));
  CHECK_FALSE(w.Last().sampled);
  World none(Tracing(0));
  CHECK_THAT(
      *none.Seen(Cat("traceparent: 00-", kTrace, "-", kParent, "-01\r\n")).Header("traceparent"),
      Catch::EndsWith("-01"));
  CHECK(none.Last().sampled);
}

TEST_CASE("a trace begins here where the caller has none, or none that can be read") {
  const std::string good = Cat("traceparent: 00-", kTrace, "-", kParent, "-01\r\n");
  for (const std::string& fields :
       {std::string(), std::string("traceparent: nonsense\r\ntracestate: a=1\r\n"), good + good,
        std::string("tracestate: a=1\r\n")}) {
    INFO(fields);
    World w;
    const Message seen = w.Seen(fields);
    CHECK(seen.Count("traceparent") == 1);
    const auto context = http::ParseTraceparent(seen.Header("traceparent").value_or(""));
    REQUIRE(context);
    CHECK(context->trace() != kTrace);
    CHECK(context->sampled());
    CHECK_FALSE(seen.Header("tracestate"));
    CHECK(w.Last().parent_span_id.empty());
  }
  World w;
  CHECK(w.Seen("").Header("traceparent") != w.Seen("").Header("traceparent"));
}

TEST_CASE("a tracestate that is none is dropped, its traceparent is not") {
  World w;
  const Message seen =
      w.Seen(Cat("traceparent: 00-", kTrace, "-", kParent, "-01\r\ntracestate: a=1,a=2\r\n"));
  CHECK_FALSE(seen.Header("tracestate"));
  CHECK(w.Last().trace_id == kTrace);
}

TEST_CASE("as many traces are kept as are wanted") {
  World w(Tracing(0.25));
  int kept = 0;
  for (int i = 0; i < 400; ++i) {
    w.Seen("");
    kept += w.Last().sampled ? 1 : 0;
  }
  CHECK(kept > 40);
  CHECK(kept < 180);
}

TEST_CASE("without tracing the fields pass as any other, whatever they hold") {
  World w{Options{}};
  const Message seen = w.Seen("traceparent: whatever\r\ntracestate: a=1,a=1\r\n");
  CHECK(seen.Header("traceparent") == "whatever");
  CHECK(seen.Header("tracestate") == "a=1,a=1");
  CHECK(w.Last().trace_id.empty());
  CHECK_FALSE(w.Seen("").Header("traceparent"));
}

TEST_CASE("requests that the gateway answers by itself have a span as well") {
  World w;
  w.h.Call(Get("/function/nobody", Cat("traceparent: 00-", kTrace, "-", kParent, "-01\r\n")));
  CHECK(w.Last().trace_id == kTrace);
  CHECK(w.Last().reason == "function_not_found");
  w.h.Call(Get("/healthz"));  // no function's
  CHECK(w.Last().trace_id.empty());
}

// "queue;dur=1.000, total;dur=2.000" by name.
std::map<std::string, double> Timing(const Message& message) {
  std::map<std::string, double> parts;
  std::string text = message.Header("server-timing").value_or("");
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(", ", at), text.size());
    const std::string part = text.substr(at, end - at);
    const size_t mark = part.find(";dur=");
    REQUIRE(mark != std::string::npos);
    parts[part.substr(0, mark)] = std::stod(part.substr(mark + 5));
    at = end + 2;
  }
  return parts;
}

struct Timed {
  explicit Timed(Options options = {}) : h(std::move(options)) {}
  Harness h;
  TestServer replica{h.loop, kReplica};
  // A request that waits for 30 ms behind another, and takes the function 12.
  Message Ask(std::string_view fields = "X-Hearth-Timing: 1\r\n") {
    auto first = h.Client(), second = h.Client();
    h.Send(*first, Get());
    h.Send(*second, Get("/function/f", fields));
    h.loop.Advance(milliseconds(30));
    h.Send(replica.last(), Ok("first"));
    h.Run();
    h.loop.Advance(milliseconds(12));
    h.Send(replica.last(), Ok("second", "Server-Timing: db;dur=3\r\n"));
    const Message answer = ParseMessage(second->received());
    CHECK(answer.body == "second");
    return answer;
  }
};

TEST_CASE("an answer says where its time went, to those who ask") {
  Timed t;
  t.h.Install({t.h.Function({std::string(kReplica)})});
  Message answer = t.Ask();
  CHECK(answer.Count("server-timing") == 2);  // the function's own passes
  std::erase_if(answer.headers, [](const auto& h) { return h.second == "db;dur=3"; });
  CHECK(Timing(answer) == std::map<std::string, double>{
                              {"queue", 30}, {"connect", 0}, {"function", 12}, {"total", 42}});
  CHECK(t.Ask("").Count("server-timing") == 1);
}

TEST_CASE("Server-Timing: always, or never") {
  Options options;
  options.server_timing = Options::Timing::kAlways;
  Timed always(options);
  always.h.Install({always.h.Function({std::string(kReplica)})});
  CHECK(always.Ask("").Count("server-timing") == 2);
  options.server_timing = Options::Timing::kNever;
  Timed never(options);
  never.h.Install({never.h.Function({std::string(kReplica)})});
  CHECK(never.Ask().Count("server-timing") == 1);
}

TEST_CASE("a cold start, an attempt that failed and a refusal are told apart") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  const std::string ask = Get("/function/f", "X-Hearth-Timing: 1\r\n");
  auto spec = h.Function({});
  spec.policy.queue_max_wait = seconds(2);
  h.Install({spec});
  SECTION("cold") {
    auto client = h.Client();
    h.Send(*client, ask);
    h.loop.Advance(milliseconds(80));
    h.Install({h.Function({std::string(kReplica)})});
    const Message seen = ParseMessage(replica.last().received());
    CHECK_FALSE(seen.Header("x-hearth-timing"));
    h.loop.Advance(milliseconds(5));
    h.Send(replica.last(), Ok("x"));
    CHECK(Timing(ParseMessage(client->received())) ==
          std::map<std::string, double>{
              {"cold", 80}, {"connect", 0}, {"function", 5}, {"total", 85}});
  }
  SECTION("an attempt that timed out") {
    h.loop.Blackhole(kReplica2);
    h.Install({h.Function({std::string(kReplica2)})});
    auto client = h.Client();
    h.Send(*client, ask);
    h.loop.Advance(milliseconds(500));
    h.Install({h.Function({std::string(kReplica)})});
    h.loop.Advance(milliseconds(500));
    h.Send(replica.last(), Ok("x"));
    const auto timing = Timing(ParseMessage(client->received()));
    CHECK(timing.at("connect") == 1000);
    CHECK(timing.at("total") == 1000);
  }
  SECTION("refused") {
    auto client = h.Client();
    h.Send(*client, ask);
    h.loop.Advance(seconds(2));
    const Message answer = ParseMessage(client->received());
    CHECK(answer.status() == 503);
    CHECK(Timing(answer) == std::map<std::string, double>{{"cold", 2000}, {"total", 2000}});
  }
}

}  // namespace
}  // namespace hearth::proxy
