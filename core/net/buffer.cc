#include "core/net/buffer.h"

#include <algorithm>
#include <utility>

namespace hearth::net {

BufferPool::~BufferPool() {
  for (char* block : free_) delete[] block;
}

char* BufferPool::Take() {
  if (free_.empty()) return new char[kBlock];
  char* block = free_.back();
  free_.pop_back();
  return block;
}

void BufferPool::Give(char* block) {
  if (free_.size() < max_free_) {
    free_.push_back(block);
  } else {
    delete[] block;
  }
}

Buffer::Buffer(Buffer&& other) noexcept
    : pool_(other.pool_),
      data_(std::exchange(other.data_, nullptr)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  Release();
  pool_ = other.pool_;
  data_ = std::exchange(other.data_, nullptr);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  return *this;
}

std::span<char> Buffer::Prepare(size_t min) {
  if (capacity_ - end_ < min) Reserve(min);
  return {data_ + end_, capacity_ - end_};
}

void Buffer::Release() {
  if (data_ != nullptr) {
    if (pool_ != nullptr && capacity_ == BufferPool::kBlock) {
      pool_->Give(data_);
    } else {
      delete[] data_;
    }
  }
  data_ = nullptr;
  begin_ = end_ = capacity_ = 0;
}

void Buffer::Reserve(size_t n) {
  const size_t held = size();
  // Moving what is left to the front is enough where it is at most half of the block: each byte is
  // then moved a bounded number of times.
  if (data_ != nullptr && capacity_ - held >= n && held <= capacity_ / 2) {
    if (held > 0) std::memmove(data_, data_ + begin_, held);
    begin_ = 0;
    end_ = held;
    return;
  }
  const size_t wanted = held + n;
  size_t capacity = BufferPool::kBlock;
  if (wanted > capacity) capacity = std::max(wanted, capacity_ * 2);
  const bool pooled = pool_ != nullptr && capacity == BufferPool::kBlock;
  char* block = pooled ? pool_->Take() : new char[capacity];
  if (held > 0) std::memcpy(block, data_ + begin_, held);
  Release();
  data_ = block;
  capacity_ = capacity;
  end_ = held;
}

}  // namespace hearth::net
