#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace hearth::net {

// Keeps a bounded number of equal blocks for reuse, so that a busy loop neither calls malloc for
// each connection nor keeps memory for idle ones. One for each loop (Loop::buffers()), used only on
// its thread; outlives every Buffer that draws from it.
class BufferPool {
 public:
  static constexpr size_t kBlock = 16 * 1024;
  explicit BufferPool(size_t max_free = 256) : max_free_(max_free) {}
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  char* Take();            // kBlock bytes
  void Give(char* block);  // one that Take returned
  size_t free_blocks() const { return free_.size(); }

 private:
  size_t max_free_;
  std::vector<char*> free_;
};

// A contiguous queue of bytes: appended at one end, consumed at the other. Holds no memory until
// the first byte comes. It grows without limit: whoever appends bounds it. Views into it are valid
// until the next non-const call. Without a pool it uses the heap.
class Buffer {
 public:
  explicit Buffer(BufferPool* pool = nullptr) : pool_(pool) {}
  ~Buffer() { Release(); }
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::string_view view() const { return {data_ + begin_, end_ - begin_}; }
  const char* data() const { return data_ + begin_; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  size_t capacity() const { return capacity_; }

  void append(const char* bytes, size_t n) {
    if (n == 0) return;
    if (capacity_ - end_ < n) Reserve(n);
    std::memcpy(data_ + end_, bytes, n);
    end_ += n;
  }
  void append(std::string_view bytes) { append(bytes.data(), bytes.size()); }

  // Room for at least `min` bytes at the end, all that is there; Commit says how many were filled.
  std::span<char> Prepare(size_t min);
  void Commit(size_t n) { end_ += n; }

  void Consume(size_t n) {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void Clear() { begin_ = end_ = 0; }
  // Gives the memory back; an idle connection calls it so that it costs no buffer.
  void Release();
  void ReleaseIfEmpty() {
    if (empty()) Release();
  }

 private:
  void Reserve(size_t n);

  BufferPool* pool_;
  char* data_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

}  // namespace hearth::net
