#include "gateway/metrics/collector.h"

#include <prometheus/text_serializer.h>

#include <map>
#include <sstream>

#include "core/base/duration.h"
#include "core/base/version.h"
#include "gateway/metrics/families.h"
#include "gateway/metrics/process.h"
#include "gateway/metrics/totals.h"

namespace hearth::gateway {
namespace {

using prometheus::MetricType;
using Families = std::vector<prometheus::MetricFamily>;
using Totals = std::map<std::string, FunctionTotals>;

void Put(FamilyBuilder builder, Families* out) {
  if (!builder.empty()) out->push_back(builder.Take());
}

// One number of each function that has been called.
template <typename F>
void PerFunction(std::string_view name, MetricType type, std::string_view help,
                 const Totals& totals, F&& value, Families* out) {
  FamilyBuilder builder(name, type, help);
  for (const auto& [function, t] : totals) {
    builder.Add({{"function_name", function}}, static_cast<double>(value(t)));
  }
  Put(std::move(builder), out);
}

// Where OpenFaaS's documentation and its code spell a name differently, both are served.
void AddOpenFaas(const Totals& totals, Families* out) {
  FamilyBuilder seconds("gateway_functions_seconds", MetricType::Histogram,
                        "Function time taken in seconds, from the request's head to its end");
  FamilyBuilder total("gateway_function_invocation_total", MetricType::Counter,
                      "Function invocations that have ended, by status code");
  for (const auto& [function, t] : totals) {
    for (const auto& [code, histogram] : t.seconds) {
      const std::string text = std::to_string(code);
      seconds.Add({{"function_name", function}, {"code", text}}, histogram);
      total.Add({{"function_name", function}, {"code", text}},
                static_cast<double>(histogram.count));
    }
  }
  Put(std::move(seconds), out);
  Put(std::move(total), out);
  const auto started = [](const FunctionTotals& t) { return t.started; };
  const auto in_flight = [](const FunctionTotals& t) { return t.in_flight; };
  for (const char* name :
       {"gateway_function_invocation_started", "gateway_invocation_function_started"}) {
    PerFunction(name, MetricType::Counter, "Function invocations begun", totals, started, out);
  }
  for (const char* name : {"gateway_function_invocation_inflight",
                           "gateway_invocation_function_invocation_inflight"}) {
    PerFunction(name, MetricType::Gauge, "Function invocations going on, waiting ones included",
                totals, in_flight, out);
  }
}

void AddOurs(const Totals& totals, Families* out) {
  PerFunction(
      "hearth_gateway_request_bytes_total", MetricType::Counter, "Bytes of request bodies", totals,
      [](const FunctionTotals& t) { return t.bytes_in; }, out);
  PerFunction(
      "hearth_gateway_response_bytes_total", MetricType::Counter, "Bytes of response bodies",
      totals, [](const FunctionTotals& t) { return t.bytes_out; }, out);
  PerFunction(
      "hearth_gateway_queued_total", MetricType::Counter, "Requests that had to wait for a slot",
      totals, [](const FunctionTotals& t) { return t.queued; }, out);
  PerFunction(
      "hearth_gateway_queued_seconds_total", MetricType::Counter,
      "Time that requests waited for a slot", totals,
      [](const FunctionTotals& t) { return t.queued_seconds; }, out);
  PerFunction(
      "hearth_gateway_tunnels_total", MetricType::Counter,
      "Requests that became a tunnel (WebSocket and other upgrades)", totals,
      [](const FunctionTotals& t) { return t.tunnels; }, out);
  FamilyBuilder cold("hearth_cold_start_seconds", MetricType::Histogram,
                     "Requests for which no replica was ready, by stage: queue (receipt to slot), "
                     "first_byte (slot to response), total");
  for (const auto& [function, t] : totals) {
    if (t.cold_total.count == 0) continue;
    cold.Add({{"function_name", function}, {"stage", "queue"}}, t.cold_queue);
    cold.Add({{"function_name", function}, {"stage", "first_byte"}}, t.cold_first_byte);
    cold.Add({{"function_name", function}, {"stage", "total"}}, t.cold_total);
  }
  Put(std::move(cold), out);
}

// What the routes say, of every function, called or not.
void AddRoutes(const route::Table& table, MonotonicTime now, Families* out) {
  FamilyBuilder count("gateway_service_count", MetricType::Gauge, "Replicas in the routes");
  FamilyBuilder ready("gateway_service_ready_count", MetricType::Gauge, "Replicas in the routes");
  FamilyBuilder queue("hearth_gateway_queue_length", MetricType::Gauge,
                      "Requests waiting for a slot");
  FamilyBuilder oldest("hearth_gateway_queue_oldest_seconds", MetricType::Gauge,
                       "How long the oldest waiting request has waited");
  FamilyBuilder aside("hearth_gateway_replicas_set_aside", MetricType::Gauge,
                      "Replicas that failed and are passed over for a while");
  table.ForEach([&](const route::Function& function) {
    const std::string name = function.key.Text();
    const double replicas = function.replicas->replica_count;
    count.Add({{"function_name", name}}, replicas);
    ready.Add({{"function_name", name}}, replicas);
    queue.Add({{"function_name", name}}, function.state->queued());
    oldest.Add({{"function_name", name}}, ToSeconds(function.state->OldestWait(now)));
    int set_aside = 0;
    for (const auto& revision : function.replicas->revisions) {
      for (const auto& replica : revision.replicas) set_aside += replica->IsAside(now) ? 1 : 0;
    }
    if (set_aside > 0) aside.Add({{"function_name", name}}, set_aside);
  });
  Put(std::move(count), out);
  Put(std::move(ready), out);
  Put(std::move(queue), out);
  Put(std::move(oldest), out);
  Put(std::move(aside), out);
}

void AddNamed(std::string_view name, std::string_view label, std::string_view help,
              Recorder& recorder, NamedCounters LoopSlab::*member, Families* out) {
  std::map<std::string, uint64_t> sums;
  for (size_t i = 0; i < recorder.loops(); ++i) {
    (recorder.slab(i).*member).ForEach([&](const NamedCounters::Cell& cell) {
      sums[cell.name] += cell.count.Value();
    });
  }
  FamilyBuilder builder(name, MetricType::Counter, help);
  for (const auto& [value, sum] : sums) builder.Add({{label, value}}, static_cast<double>(sum));
  Put(std::move(builder), out);
}

struct EventFamily {
  std::string_view name;
  std::string_view label;
  std::string_view help;
};

// In the order of proxy::EventKind.
constexpr EventFamily kEventFamilies[proxy::kEventKinds] = {
    {"hearth_gateway_refusals_total", "reason", "Requests that the gateway answered by itself"},
    {"hearth_gateway_retries_total", "reason", "Attempts after the first one"},
    {"hearth_gateway_ejections_total", "reason", "Replicas set aside for a while"},
    {"hearth_gateway_ejections_spared_total", "reason",
     "Failed replicas that were not set aside, because too many are already"},
    {"hearth_gateway_resets_total", "reason",
     "Connections that ended with a request inside, by who caused it"},
    {"hearth_gateway_timeouts_total", "kind", "Time limits of the gateway that were reached"},
    {"hearth_gateway_tls_failures_total", "reason", "TLS handshakes that failed"},
};

// Requests that are no function's have no function_name.
void AddEvents(const Totals& totals, Recorder& recorder, Families* out) {
  std::vector<FamilyBuilder> builders;
  for (const EventFamily& family : kEventFamilies) {
    builders.emplace_back(family.name, MetricType::Counter, family.help);
  }
  const auto add = [&builders](const std::string* function, size_t event, uint64_t count) {
    const proxy::EventInfo& info = proxy::kEvents[event];
    const auto kind = static_cast<size_t>(info.kind);
    std::vector<std::pair<std::string_view, std::string_view>> labels;
    if (function != nullptr) labels.emplace_back("function_name", *function);
    if (!info.side.empty()) labels.emplace_back("side", info.side);
    labels.emplace_back(kEventFamilies[kind].label, info.reason);
    builders[kind].Add(labels, static_cast<double>(count));
  };
  for (size_t event = 0; event < proxy::kEvents.size(); ++event) {
    uint64_t sum = 0;
    for (size_t i = 0; i < recorder.loops(); ++i) sum += recorder.slab(i).events[event].Value();
    if (sum != 0) add(nullptr, event, sum);
    for (const auto& [function, t] : totals) {
      if (t.events[event] != 0) add(&function, event, t.events[event]);
    }
  }
  for (FamilyBuilder& builder : builders) Put(std::move(builder), out);
}

void AddLoops(Recorder& recorder, Families* out) {
  FamilyBuilder connections("hearth_gateway_connections", MetricType::Gauge,
                            "Open connections of clients, by loop");
  FamilyBuilder lag("hearth_gateway_loop_lag_seconds", MetricType::Gauge,
                    "How late a task came to run when last measured, by loop");
  double overflow = 0;
  double tls_full = 0;
  double tls_resumed = 0;
  for (size_t i = 0; i < recorder.loops(); ++i) {
    LoopSlab& slab = recorder.slab(i);
    const std::string loop = std::to_string(i);
    connections.Add({{"loop", loop}}, static_cast<double>(slab.connections.Value()));
    lag.Add({{"loop", loop}}, static_cast<double>(slab.lag_microseconds.Value()) * 1e-6);
    overflow += static_cast<double>(slab.overflow.Value());
    tls_full += static_cast<double>(slab.tls_full.Value());
    tls_resumed += static_cast<double>(slab.tls_resumed.Value());
  }
  FamilyBuilder shared("hearth_gateway_metrics_overflow_total", MetricType::Counter,
                       "Functions counted together as \"other\", because there are too many");
  shared.Add({}, overflow);
  FamilyBuilder handshakes("hearth_gateway_tls_handshakes_total", MetricType::Counter,
                           "TLS handshakes that were done, with certificates or by a ticket");
  handshakes.Add({{"result", "full"}}, tls_full);
  handshakes.Add({{"result", "resumed"}}, tls_resumed);
  Put(std::move(connections), out);
  Put(std::move(lag), out);
  Put(std::move(handshakes), out);
  Put(std::move(shared), out);
}

}  // namespace

std::vector<prometheus::MetricFamily> Collector::Collect() const {
  Families families;
  const Totals totals = SumFunctions(*recorder_, table_);
  AddOpenFaas(totals, &families);
  AddOurs(totals, &families);
  if (const auto table = table_()) AddRoutes(*table, clock_->Now(), &families);
  AddEvents(totals, *recorder_, &families);
  AddNamed("hearth_gateway_local_requests_total", "code",
           "Requests that were no function's (management API, health), by status code", *recorder_,
           &LoopSlab::local, &families);
  AddLoops(*recorder_, &families);
  FamilyBuilder info("hearth_gateway_build_info", MetricType::Gauge, "Always 1");
  info.Add({{"version", Version()}}, 1);
  Put(std::move(info), &families);
  std::vector<Reading> readings = ProcessReadings();
  for (Reading& reading : readings_()) readings.push_back(std::move(reading));
  for (const Reading& reading : readings) {
    FamilyBuilder builder(reading.name, reading.type, reading.help);
    builder.Add({}, reading.value);
    Put(std::move(builder), &families);
  }
  return families;
}

std::string Collector::Text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, Collect());
  return std::move(out).str();
}

}  // namespace hearth::gateway
