#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "gateway/route/table.h"

namespace hearth::proxy {

// Keeps the table alive that a request began with, without touching a counter that other loops
// share. One loop's thread.
class TablePin {
 public:
  TablePin() = default;
  explicit TablePin(std::shared_ptr<const route::Table> table)
      : held_(new Held{std::move(table), 1}) {}
  TablePin(const TablePin& other) : held_(other.held_) {
    if (held_ != nullptr) ++held_->count;
  }
  TablePin(TablePin&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  TablePin& operator=(TablePin other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~TablePin() {
    if (held_ != nullptr && --held_->count == 0) delete held_;
  }
  const route::Table* get() const { return held_ == nullptr ? nullptr : held_->table.get(); }
  const route::Table* operator->() const { return get(); }

 private:
  struct Held {
    std::shared_ptr<const route::Table> table;
    uint64_t count;
  };
  Held* held_ = nullptr;
};

}  // namespace hearth::proxy
