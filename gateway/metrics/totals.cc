#include "gateway/metrics/totals.h"

#include <utility>
#include <vector>

namespace hearth::gateway {
namespace {

void Merge(const metrics::Histogram& histogram, metrics::HistogramSnapshot* into) {
  const metrics::HistogramSnapshot snapshot = histogram.Snapshot();
  if (into->buckets == nullptr) {
    *into = snapshot;
  } else {
    into->Merge(snapshot);
  }
}

void Merge(const FunctionSlab& slab, FunctionTotals* totals) {
  totals->started += slab.started.Value();
  totals->in_flight += slab.in_flight.Value();
  totals->bytes_in += slab.bytes_in.Value();
  totals->bytes_out += slab.bytes_out.Value();
  totals->queued += slab.queued.Value();
  totals->queued_seconds += static_cast<double>(slab.queued_microseconds.Value()) * 1e-6;
  totals->tunnels += slab.tunnels.Value();
  for (size_t i = 0; i < totals->latency.size(); ++i) totals->latency[i] += slab.latency.At(i);
  Merge(slab.cold_queue, &totals->cold_queue);
  Merge(slab.cold_first_byte, &totals->cold_first_byte);
  Merge(slab.cold_total, &totals->cold_total);
  for (const auto& slot : slab.codes) {
    const CodeCell* cell = slot.load(std::memory_order_acquire);
    if (cell == nullptr) break;
    Merge(cell->seconds, &totals->seconds[cell->code]);
  }
  if (const EventCounts* events = slab.events.load(std::memory_order_acquire); events != nullptr) {
    for (size_t i = 0; i < events->size(); ++i) totals->events[i] += (*events)[i].Value();
  }
}

bool StillThere(const FunctionSlab& slab, const route::Table* table) {
  if (table == nullptr || slab.index == UINT32_MAX) return true;
  const route::Function* function = table->Find(slab.key.name, slab.key.ns);
  return function != nullptr && function->state->index() == slab.index;
}

std::string NameOf(const FunctionSlab& slab) {
  return slab.index == UINT32_MAX ? slab.key.name : slab.key.Text();
}

}  // namespace

std::map<std::string, FunctionTotals> SumFunctions(
    Recorder& recorder, const std::function<std::shared_ptr<const route::Table>()>& table) {
  std::vector<std::pair<LoopSlab*, std::shared_ptr<FunctionSlab>>> slabs;
  for (size_t i = 0; i < recorder.loops(); ++i) {
    LoopSlab& loop = recorder.slab(i);
    for (auto& slab : loop.Functions()) slabs.emplace_back(&loop, std::move(slab));
  }
  // After the slabs: a function that was created in between is in both.
  const std::shared_ptr<const route::Table> current = table();
  std::map<std::string, FunctionTotals> totals;
  for (const auto& [loop, slab] : slabs) {
    if (StillThere(*slab, current.get())) {
      Merge(*slab, &totals[NameOf(*slab)]);
    } else {
      loop->Drop(slab);
    }
  }
  return totals;
}

}  // namespace hearth::gateway
