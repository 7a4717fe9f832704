#include "controller/app/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "core/base/duration.h"

namespace hearth::controller {
namespace {

using prometheus::MetricFamily;
using Histograms = prometheus::Histogram::BucketBoundaries;

const Histograms& ColdBuckets() {
  static const Histograms bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                    0.1,   0.25,   0.5,   1,    5,     30};
  return bounds;
}

MetricFamily GaugeFamily(const char* name, const char* help) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = prometheus::MetricType::Gauge;
  return family;
}

void AddGauge(MetricFamily& family, double value, const std::string& function) {
  prometheus::ClientMetric metric;
  if (!function.empty()) metric.label.push_back({"function_name", function});
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

}  // namespace

class Metrics::Impl {
 public:
  Impl()
      : cold_(prometheus::BuildHistogram()
                  .Name("hearth_cold_start_seconds")
                  .Help("Stages of a cold start that the controller sees")
                  .Register(registry)),
        decide_(cold_.Add({{"stage", "decide"}}, ColdBuckets())),
        create_(cold_.Add({{"stage", "create"}}, ColdBuckets())),
        boot_(cold_.Add({{"stage", "boot"}}, ColdBuckets())),
        init_(cold_.Add({{"stage", "init"}}, ColdBuckets())),
        reconcile(prometheus::BuildHistogram()
                      .Name("hearth_controller_reconcile_seconds")
                      .Help("One pass over one function")
                      .Register(registry)
                      .Add({}, Histograms{1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1})),
        starts(AddCounter("hearth_replica_starts_total", "Replicas that were asked for")),
        failures(AddCounter("hearth_replica_failures_total",
                            "Replicas that ended or did not become ready")),
        store_errors(AddCounter("hearth_controller_store_errors_total",
                                "Writes to the store that failed")) {}

  prometheus::Histogram& Cold(ColdStage stage) {
    switch (stage) {
      case ColdStage::kDecide:
        return decide_;
      case ColdStage::kCreate:
        return create_;
      case ColdStage::kBoot:
        return boot_;
      case ColdStage::kInit:
        break;
    }
    return init_;
  }

  prometheus::Registry registry;

 private:
  prometheus::Counter& AddCounter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
  }
  prometheus::Family<prometheus::Histogram>& cold_;
  prometheus::Histogram& decide_;
  prometheus::Histogram& create_;
  prometheus::Histogram& boot_;
  prometheus::Histogram& init_;

 public:
  prometheus::Histogram& reconcile;
  prometheus::Counter& starts;
  prometheus::Counter& failures;
  prometheus::Counter& store_errors;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::ObserveColdStart(ColdStage stage, Duration took) {
  if (took > Duration::zero()) impl_->Cold(stage).Observe(ToSeconds(took));
}
void Metrics::ObserveReconcile(Duration took) { impl_->reconcile.Observe(ToSeconds(took)); }
void Metrics::CountReplicaStart() { impl_->starts.Increment(); }
void Metrics::CountReplicaFailure() { impl_->failures.Increment(); }
void Metrics::CountStoreError() { impl_->store_errors.Increment(); }

std::string Metrics::Text(const AppGauges& gauges) const {
  std::vector<MetricFamily> families = impl_->registry.Collect();
  MetricFamily gateways = GaugeFamily("hearth_controller_gateways", "Gateways that are connected");
  AddGauge(gateways, static_cast<double>(gauges.gateways), "");
  MetricFamily desired =
      GaugeFamily("hearth_function_replicas_desired", "Replicas that the load asks for");
  MetricFamily available =
      GaugeFamily("hearth_function_replicas_available", "Replicas that take requests");
  MetricFamily existing =
      GaugeFamily("hearth_function_replicas", "Replicas that exist and are not leaving");
  for (const auto& f : gauges.functions) {
    AddGauge(desired, f.desired, f.function.Text());
    AddGauge(available, f.available, f.function.Text());
    AddGauge(existing, f.replicas, f.function.Text());
  }
  for (auto* family : {&gateways, &desired, &available, &existing}) {
    families.push_back(std::move(*family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace hearth::controller
