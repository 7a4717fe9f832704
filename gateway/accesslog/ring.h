#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace hearth::accesslog {

// Lines on their way from one loop to the writer: a byte ring with one producer and one consumer,
// without locks or allocation. Full means that the line is dropped and counted: a slow disk never
// slows a request.
class Ring {
 public:
  explicit Ring(size_t capacity = 1 << 20);  // rounded up to a power of two

  // Producer. False: dropped.
  bool Push(std::string_view line);
  bool half_full() const;

  // Consumer. Whole lines, in two parts where they go round the ring's end (then a line may be cut
  // between them); both empty: nothing is there. Valid until Consume, which takes all of it.
  struct Lines {
    std::string_view first;
    std::string_view second;
  };
  Lines Readable() const;
  void Consume(const Lines& lines);

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  const size_t capacity_;
  std::unique_ptr<char[]> bytes_;
  alignas(64) std::atomic<uint64_t> head_{0};  // written up to here
  uint64_t tail_seen_ = 0;                     // producer: what it last read of tail_
  std::atomic<uint64_t> dropped_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};  // read up to here
};

}  // namespace hearth::accesslog
