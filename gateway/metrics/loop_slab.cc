#include "gateway/metrics/loop_slab.h"

#include <algorithm>

namespace hearth::gateway {

FunctionSlab::~FunctionSlab() {
  for (auto& slot : codes) delete slot.load(std::memory_order_relaxed);
  delete events.load(std::memory_order_relaxed);
}

void FunctionSlab::CountEvent(size_t event) {
  EventCounts* counts = events.load(std::memory_order_relaxed);
  if (counts == nullptr) {
    counts = new EventCounts();
    events.store(counts, std::memory_order_release);
  }
  (*counts)[event].Add();
}

metrics::Histogram& FunctionSlab::SecondsOf(int code) {
  CodeCell* last = nullptr;
  for (auto& slot : codes) {
    CodeCell* cell = slot.load(std::memory_order_relaxed);
    if (cell == nullptr) {
      cell = new CodeCell(code);
      slot.store(cell, std::memory_order_release);
    }
    if (cell->code == code) return cell->seconds;
    last = cell;
  }
  return last->seconds;
}

NamedCounters::~NamedCounters() {
  for (auto& slot : cells_) delete slot.load(std::memory_order_relaxed);
}

void NamedCounters::Add(std::string_view name) {
  for (size_t i = 0; i < kMax; ++i) {
    Cell* cell = cells_[i].load(std::memory_order_relaxed);
    if (cell == nullptr) {
      cell = new Cell{std::string(i + 1 == kMax ? "other" : name), {}};
      cells_[i].store(cell, std::memory_order_release);
    }
    if (cell->name == name || i + 1 == kMax) {
      cell->count.Add();
      return;
    }
  }
}

FunctionSlab& LoopSlab::Of(const route::Function& function) {
  const uint32_t index = function.state->index();
  if (index < by_index_.size()) {
    if (FunctionSlab* slab = by_index_[index].get(); slab != nullptr) {
      return slab->dead.load(std::memory_order_relaxed) ? *grave_ : *slab;
    }
  }
  return Add(function);
}

FunctionSlab& LoopSlab::Add(const route::Function& function) {
  const uint32_t index = function.state->index();
  std::lock_guard lock(mutex_);
  Sweep();
  if (index >= by_index_.size()) by_index_.resize(index + 1);
  if (shown_.size() < max_functions_) {
    by_index_[index] = std::make_shared<FunctionSlab>(function.key, index);
    shown_.push_back(by_index_[index]);
  } else {
    if (others_ == nullptr) {
      others_ = std::make_shared<FunctionSlab>(FunctionKey{"", "other"}, UINT32_MAX);
      shown_.push_back(others_);
    }
    by_index_[index] = others_;
    overflow.Add();
  }
  return *by_index_[index];
}

void LoopSlab::Sweep() {
  for (const uint32_t index : dead_) by_index_[index] = grave_;
  dead_.clear();
}

std::vector<std::shared_ptr<FunctionSlab>> LoopSlab::Functions() const {
  std::lock_guard lock(mutex_);
  return shown_;
}

void LoopSlab::Drop(const std::shared_ptr<FunctionSlab>& slab) {
  if (slab->index == UINT32_MAX) return;
  std::lock_guard lock(mutex_);
  const auto it = std::find(shown_.begin(), shown_.end(), slab);
  if (it == shown_.end()) return;
  shown_.erase(it);
  slab->dead.store(true, std::memory_order_relaxed);
  dead_.push_back(slab->index);
}

}  // namespace hearth::gateway
