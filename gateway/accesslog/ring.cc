#include "gateway/accesslog/ring.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace hearth::accesslog {
namespace {

constexpr size_t kMaxString = 1100;  // longer ones are cut; the line says so
constexpr size_t kStrings = 9;

std::array<std::string_view, kStrings> StringsOf(const Entry& e) {
  return {e.client,  e.method, e.path, e.function,  e.replica,
          e.call_id, e.error,  e.ns,   e.user_agent};
}

}  // namespace

// What stands in the ring before the bytes of the strings.
struct Ring::Record {
  int64_t time;
  int64_t duration;
  int64_t queued;
  uint64_t bytes_in;
  uint64_t bytes_out;
  int32_t status;
  uint32_t attempts;
  std::array<uint16_t, kStrings> lengths;
};

Ring::Ring(size_t capacity)
    : capacity_(std::bit_ceil(std::max<size_t>(capacity, 16 * 1024))),
      bytes_(std::make_unique<char[]>(capacity_)),
      scratch_(std::make_unique<char[]>(kStrings * kMaxString)) {}

void Ring::Copy(uint64_t position, const char* data, size_t size) {
  if (size == 0) return;  // an empty text has no address
  const size_t at = position & (capacity_ - 1);
  const size_t first = std::min(size, capacity_ - at);
  std::memcpy(bytes_.get() + at, data, first);
  std::memcpy(bytes_.get(), data + first, size - first);
}

void Ring::Read(uint64_t position, char* data, size_t size) const {
  const size_t at = position & (capacity_ - 1);
  const size_t first = std::min(size, capacity_ - at);
  std::memcpy(data, bytes_.get() + at, first);
  std::memcpy(data + first, bytes_.get(), size - first);
}

bool Ring::half_full() const {
  return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_relaxed) >
         capacity_ / 2;
}

bool Ring::Push(const Entry& entry) {
  Record record{};
  record.time = entry.time.time_since_epoch().count();
  record.duration = entry.duration.count();
  record.queued = entry.queued.count();
  record.bytes_in = entry.bytes_in;
  record.bytes_out = entry.bytes_out;
  record.status = entry.status;
  record.attempts = entry.attempts;
  const auto strings = StringsOf(entry);
  size_t total = sizeof(Record);
  for (size_t i = 0; i < kStrings; ++i) {
    record.lengths[i] = static_cast<uint16_t>(std::min(strings[i].size(), kMaxString));
    total += record.lengths[i];
  }
  const uint64_t head = head_.load(std::memory_order_relaxed);
  if (head + total - tail_.load(std::memory_order_acquire) > capacity_) {
    dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return false;
  }
  Copy(head, reinterpret_cast<const char*>(&record), sizeof(Record));
  uint64_t at = head + sizeof(Record);
  for (size_t i = 0; i < kStrings; ++i) {
    Copy(at, strings[i].data(), record.lengths[i]);
    at += record.lengths[i];
  }
  head_.store(at, std::memory_order_release);
  return true;
}

bool Ring::Pop(Entry* entry) {
  const uint64_t tail = tail_.load(std::memory_order_relaxed);
  if (tail == head_.load(std::memory_order_acquire)) return false;
  Record record;
  Read(tail, reinterpret_cast<char*>(&record), sizeof(Record));
  std::array<std::string_view, kStrings> strings;
  uint64_t at = tail + sizeof(Record);
  size_t offset = 0;
  for (size_t i = 0; i < kStrings; ++i) {
    Read(at, scratch_.get() + offset, record.lengths[i]);
    strings[i] = {scratch_.get() + offset, record.lengths[i]};
    offset += record.lengths[i];
    at += record.lengths[i];
  }
  tail_.store(at, std::memory_order_release);
  *entry = {};
  entry->time = WallTime(
      std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(record.time)));
  entry->duration = Duration(record.duration);
  entry->queued = Duration(record.queued);
  entry->bytes_in = record.bytes_in;
  entry->bytes_out = record.bytes_out;
  entry->status = record.status;
  entry->attempts = record.attempts;
  entry->client = strings[0];
  entry->method = strings[1];
  entry->path = strings[2];
  entry->function = strings[3];
  entry->replica = strings[4];
  entry->call_id = strings[5];
  entry->error = strings[6];
  entry->ns = strings[7];
  entry->user_agent = strings[8];
  return true;
}

}  // namespace hearth::accesslog
