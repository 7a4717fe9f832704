#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::controller {

enum class ColdStage : uint8_t { kDecide, kCreate, kBoot, kInit };

// What a scrape shows of one function; taken from the application at that moment.
struct FunctionGauges {
  FunctionKey function;
  uint32_t desired = 0;
  uint32_t available = 0;
  uint32_t replicas = 0;
};

struct AppGauges {
  size_t gateways = 0;
  std::vector<FunctionGauges> functions;
};

// The controller's own metrics, by prometheus-cpp, which stays out of this header. Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  void ObserveColdStart(ColdStage stage, Duration took);
  void ObserveReconcile(Duration took);
  void CountReplicaStart();
  void CountReplicaFailure();
  void CountStoreError();

  // The whole exposition in Prometheus's text format.
  std::string Text(const AppGauges& gauges) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::controller
