#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/metrics/latency.h"
#include "core/metrics/slab.h"
#include "gateway/proxy/interfaces.h"

namespace hearth::gateway {

// Requests of one function that ended with one status.
struct CodeCell {
  explicit CodeCell(int status) : code(status), seconds(metrics::Buckets::Requests()) {}
  const int code;  // 0: the client left before there was one
  metrics::Histogram seconds;
};

// Of each row of proxy::kEvents.
using EventCounts = std::array<metrics::Counter, proxy::kEvents.size()>;

// What one loop has counted of one function. The loop writes, a scrape reads.
struct FunctionSlab {
  // Statuses that are told apart; more of one function's are counted under the last cell's.
  static constexpr size_t kMaxCodes = 24;

  FunctionSlab(FunctionKey function, uint32_t function_index)
      : key(std::move(function)), index(function_index) {}
  ~FunctionSlab();
  FunctionSlab(const FunctionSlab&) = delete;
  FunctionSlab& operator=(const FunctionSlab&) = delete;

  metrics::Histogram& SecondsOf(int code);
  void CountEvent(size_t event);

  const FunctionKey key;
  const uint32_t index;  // FunctionState::index; UINT32_MAX: functions past the bound, together
  std::atomic<bool> dead{false};  // the function is deleted: set by a scrape, obeyed by the loop
  metrics::Counter started;
  metrics::Gauge in_flight;
  metrics::Counter bytes_in;
  metrics::Counter bytes_out;
  metrics::Counter queued;
  metrics::Counter queued_microseconds;
  metrics::Counter tunnels;
  metrics::LatencyCells latency;  // head to end
  metrics::Histogram cold_queue{metrics::Buckets::ColdStart()};
  metrics::Histogram cold_first_byte{metrics::Buckets::ColdStart()};
  metrics::Histogram cold_total{metrics::Buckets::ColdStart()};
  std::array<std::atomic<CodeCell*>, kMaxCodes> codes{};
  std::atomic<EventCounts*> events{nullptr};  // made by the first one
};

// Counts by a name that comes from a closed set in the code; bounded all the same.
class NamedCounters {
 public:
  static constexpr size_t kMax = 64;
  struct Cell {
    std::string name;
    metrics::Counter count;
  };
  NamedCounters() = default;
  ~NamedCounters();
  NamedCounters(const NamedCounters&) = delete;
  NamedCounters& operator=(const NamedCounters&) = delete;

  void Add(std::string_view name);  // past the bound: "other"
  template <typename F>
  void ForEach(F&& f) const {
    for (const auto& slot : cells_) {
      const Cell* cell = slot.load(std::memory_order_acquire);
      if (cell == nullptr) return;
      f(*cell);
    }
  }

 private:
  std::array<std::atomic<Cell*>, kMax> cells_{};
};

// Everything that one loop counts. It exists so that counting is a plain store into memory that no
// other loop touches; the lock is taken at a function's first call and by a scrape.
class LoopSlab {
 public:
  explicit LoopSlab(size_t max_functions) : max_functions_(max_functions) {}

  // The loop only.
  FunctionSlab& Of(const route::Function& function);

  // A scrape.
  std::vector<std::shared_ptr<FunctionSlab>> Functions() const;
  // Stops showing this function's numbers and lets the loop free them.
  void Drop(const std::shared_ptr<FunctionSlab>& slab);

  NamedCounters local;  // requests that were no function's, by status
  EventCounts events;   // of no function
  metrics::Gauge connections;
  metrics::Counter tls_full;     // handshakes with certificates
  metrics::Counter tls_resumed;  // and with a ticket
  metrics::Gauge lag_microseconds;
  metrics::Counter overflow;  // functions that share the last slab

 private:
  FunctionSlab& Add(const route::Function& function);
  void Sweep();  // mutex_ held

  const size_t max_functions_;
  std::vector<std::shared_ptr<FunctionSlab>> by_index_;  // the loop only
  // Numbers of requests that end after their function was deleted.
  const std::shared_ptr<FunctionSlab> grave_ =
      std::make_shared<FunctionSlab>(FunctionKey{}, UINT32_MAX);
  mutable std::mutex mutex_;  // guards what follows
  std::vector<std::shared_ptr<FunctionSlab>> shown_;
  std::shared_ptr<FunctionSlab> others_;
  std::vector<uint32_t> dead_;
};

}  // namespace hearth::gateway
