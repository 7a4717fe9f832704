#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "gateway/accesslog/entry.h"

namespace hearth::accesslog {

// Entries on their way from one loop to the writer: a byte ring with one producer and one consumer,
// without locks or allocation. Full means that the entry is dropped and counted: a slow disk never
// slows a request.
class Ring {
 public:
  explicit Ring(size_t capacity = 1 << 20);  // rounded up to a power of two

  // Producer. False: dropped.
  bool Push(const Entry& entry);

  // Consumer. False: empty. Views in `entry` live until the next Pop.
  bool Pop(Entry* entry);

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  bool half_full() const;  // producer

 private:
  struct Record;
  void Copy(uint64_t position, const char* data, size_t size);
  void Read(uint64_t position, char* data, size_t size) const;

  const size_t capacity_;
  std::unique_ptr<char[]> bytes_;
  std::unique_ptr<char[]> scratch_;            // consumer: the record taken last, in one piece
  alignas(64) std::atomic<uint64_t> head_{0};  // written up to here
  std::atomic<uint64_t> dropped_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};  // read up to here
};

}  // namespace hearth::accesslog
