#include <catch2/catch.hpp>

#include <string>

#include "gateway/metrics/collector.h"
#include "gateway/metrics/recorder.h"
#include "gateway/route/route_store.h"
#include "tests/fakes/fake_clock.h"

namespace hearth::gateway {
namespace {

using namespace std::chrono_literals;

class Metrics {
 public:
  explicit Metrics(size_t max_functions = 100)
      : recorder(2, max_functions),
        collector(
            &recorder, &clock, [this] { return table; },
            [] {
              return std::vector<Reading>{
                  {"hearth_test_reading", "A test's", prometheus::MetricType::Gauge, 7}};
            }) {}

  void Define(const std::vector<std::string>& names) {
    std::vector<route::FunctionSpec> specs;
    for (const std::string& name : names) {
      route::FunctionSpec spec;
      spec.key = {"default", name};
      specs.push_back(spec);
    }
    table = store.Reset(specs);
  }
  const route::Function& Of(const std::string& name) const {
    const route::Function* function = table->Find(name, "default");
    REQUIRE(function != nullptr);
    return *function;
  }
  proxy::ExchangeRecord Record(const route::Function& function, uint32_t loop, int status,
                               Duration total) const {
    proxy::ExchangeRecord record;
    record.loop = loop;
    record.function = &function;
    record.status = status;
    record.total = total;
    record.bytes_in = 10;
    record.bytes_out = 20;
    record.attempts = 1;
    return record;
  }
  bool Has(const std::string& line) const {
    return ("\n" + collector.Text()).find("\n" + line + "\n") != std::string::npos;
  }

  fakes::FakeClock clock;
  Recorder recorder;
  route::RouteStore store{clock, {}};
  std::shared_ptr<const route::Table> table;
  Collector collector;
};

TEST_CASE("OpenFaaS's names sum over the loops") {
  Metrics m;
  m.Define({"resize"});
  const route::Function& f = m.Of("resize");
  for (uint32_t loop : {0u, 1u, 1u}) {
    m.recorder.OnStarted(loop, f);
    m.recorder.OnFinished(m.Record(f, loop, 200, 3ms));
  }
  m.recorder.OnStarted(0, f);
  m.recorder.OnFinished(m.Record(f, 0, 500, 2s));
  m.recorder.OnStarted(1, f);  // still inside

  CHECK(m.Has(R"(gateway_function_invocation_total{function_name="resize.default",code="200"} 3)"));
  CHECK(m.Has(R"(gateway_function_invocation_total{function_name="resize.default",code="500"} 1)"));
  CHECK(m.Has(R"(gateway_function_invocation_started{function_name="resize.default"} 5)"));
  CHECK(m.Has(R"(gateway_invocation_function_started{function_name="resize.default"} 5)"));
  CHECK(m.Has(R"(gateway_function_invocation_inflight{function_name="resize.default"} 1)"));
  CHECK(m.Has(R"(gateway_functions_seconds_count{function_name="resize.default",code="200"} 3)"));
  CHECK(m.Has(
      R"(gateway_functions_seconds_bucket{function_name="resize.default",code="200",le="0.001"} 0)"));
  CHECK(m.Has(
      R"(gateway_functions_seconds_bucket{function_name="resize.default",code="200",le="0.005"} 3)"));
  CHECK(m.Has(
      R"(gateway_functions_seconds_bucket{function_name="resize.default",code="500",le="+Inf"} 1)"));
  CHECK(m.Has(R"(hearth_gateway_request_bytes_total{function_name="resize.default"} 40)"));
  CHECK(m.Has(R"(gateway_service_count{function_name="resize.default"} 0)"));
  CHECK(m.Has("hearth_test_reading 7"));
}

TEST_CASE("A cold start is counted by stage, a warm request not") {
  Metrics m;
  m.Define({"f"});
  const route::Function& f = m.Of("f");
  proxy::ExchangeRecord warm = m.Record(f, 0, 200, 5ms);
  warm.first_byte = 4ms;
  m.recorder.OnFinished(warm);
  CHECK(m.collector.Text().find("hearth_cold_start_seconds") == std::string::npos);

  proxy::ExchangeRecord cold = m.Record(f, 0, 200, 60ms);
  cold.cold = true;
  cold.queued = 40ms;
  cold.first_byte = 50ms;
  m.recorder.OnFinished(cold);
  CHECK(m.Has(R"(hearth_cold_start_seconds_sum{function_name="f.default",stage="queue"} 0.04)"));
  CHECK(
      m.Has(R"(hearth_cold_start_seconds_sum{function_name="f.default",stage="first_byte"} 0.01)"));
  CHECK(m.Has(R"(hearth_cold_start_seconds_count{function_name="f.default",stage="total"} 1)"));
  CHECK(m.Has(R"(hearth_gateway_queued_total{function_name="f.default"} 1)"));
}

TEST_CASE("Series of a deleted function go, also when it comes back by the same name") {
  Metrics m;
  m.Define({"a", "b"});
  const auto before = m.table;
  m.recorder.OnFinished(m.Record(m.Of("a"), 0, 200, 1ms));
  m.recorder.OnFinished(m.Record(m.Of("b"), 1, 200, 1ms));
  CHECK(m.Has(R"(gateway_function_invocation_total{function_name="a.default",code="200"} 1)"));

  m.Define({"b"});
  CHECK(m.collector.Text().find("a.default") == std::string::npos);
  // A request that began before the deletion ends after it: it brings nothing back.
  m.recorder.OnFinished(m.Record(*before->Find("a", "default"), 0, 200, 1ms));
  CHECK(m.collector.Text().find("a.default") == std::string::npos);

  m.Define({"a", "b"});
  m.recorder.OnFinished(m.Record(m.Of("a"), 0, 200, 1ms));
  CHECK(m.Has(R"(gateway_function_invocation_total{function_name="a.default",code="200"} 1)"));
  CHECK(m.Has(R"(gateway_function_invocation_total{function_name="b.default",code="200"} 1)"));
  m.recorder.OnFinished(m.Record(*before->Find("a", "default"), 0, 200, 1ms));
  CHECK(m.Has(R"(gateway_function_invocation_total{function_name="a.default",code="200"} 1)"));
}

TEST_CASE("Past the bound functions are counted together") {
  Metrics m(2);
  m.Define({"a", "b", "c", "d"});
  for (const char* name : {"a", "b", "c", "d"}) {
    m.recorder.OnFinished(m.Record(m.Of(name), 0, 200, 1ms));
  }
  CHECK(m.Has(R"(gateway_function_invocation_total{function_name="other",code="200"} 2)"));
  CHECK(m.Has("hearth_gateway_metrics_overflow_total 2"));
}

TEST_CASE("A function's statuses are bounded") {
  Metrics m;
  m.Define({"f"});
  for (int status = 200; status < 300; ++status) {
    m.recorder.OnFinished(m.Record(m.Of("f"), 0, status, 1ms));
  }
  const std::string text = m.collector.Text();
  size_t series = 0;
  uint64_t total = 0;
  const std::string prefix = "gateway_function_invocation_total{";
  for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
    ++series;
    total += std::stoul(text.substr(text.find("} ", at) + 2));
  }
  CHECK(series == FunctionSlab::kMaxCodes);
  CHECK(total == 100);
}

TEST_CASE("Errors, rejections, connections and the management API are counted") {
  Metrics m;
  m.Define({"f"});
  proxy::ExchangeRecord refused = m.Record(m.Of("f"), 1, 429, 1ms);
  refused.reason = "queue_full";
  refused.refused = true;
  m.recorder.OnFinished(refused);
  proxy::ExchangeRecord local;
  local.status = 401;
  m.recorder.OnFinished(local);
  proxy::ExchangeRecord broken = m.Record(m.Of("f"), 0, 200, 1ms);
  broken.reason = "max_duration";
  m.recorder.OnFinished(broken);
  m.recorder.OnRejected(0, 400, "bad_header_name");
  m.recorder.OnEvent(0, &m.Of("f"), proxy::EventKind::kRetry, "busy");
  m.recorder.OnEvent(1, &m.Of("f"), proxy::EventKind::kRetry, "busy");
  m.recorder.OnEvent(1, nullptr, proxy::EventKind::kTimeout, "idle");
  m.recorder.OnEvent(1, nullptr, proxy::EventKind::kRetry, "a reason that nobody listed");
  m.recorder.OnConnections(0, 1);
  m.recorder.OnConnections(1, 1);
  m.recorder.OnConnections(1, -1);
  m.recorder.OnLag(1, 2ms);
  CHECK(m.Has(R"(hearth_gateway_refusals_total{function_name="f.default",reason="queue_full"} 1)"));
  CHECK(m.Has(
      R"(hearth_gateway_resets_total{function_name="f.default",side="gateway",reason="max_duration"} 1)"));
  CHECK(m.Has(R"(hearth_gateway_retries_total{function_name="f.default",reason="busy"} 2)"));
  CHECK(m.Has(R"(hearth_gateway_retries_total{reason="other"} 1)"));
  CHECK(m.Has(R"(hearth_gateway_timeouts_total{kind="idle"} 1)"));
  CHECK(m.Has(R"(hearth_gateway_local_requests_total{code="401"} 1)"));
  CHECK(m.Has(R"(hearth_gateway_refusals_total{reason="bad_header_name"} 1)"));
  CHECK(m.Has(R"(hearth_gateway_connections{loop="0"} 1)"));
  CHECK(m.Has(R"(hearth_gateway_connections{loop="1"} 0)"));
  CHECK(m.Has(R"(hearth_gateway_loop_lag_seconds{loop="1"} 0.002)"));
}

}  // namespace
}  // namespace hearth::gateway
