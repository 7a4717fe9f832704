#include "gateway/accesslog/ring.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <deque>
#include <string>
#include <thread>

namespace hearth::accesslog {
namespace {

TEST_CASE("A ring returns what was put in, in order, or counts it as dropped") {
  rc::prop("for any mix of pushes and pops", [](const std::vector<std::pair<bool, uint16_t>>& ops) {
    Ring ring(16 * 1024);
    std::deque<std::pair<std::string, int>> model;
    uint64_t dropped = 0;
    int id = 1;
    for (const auto& [push, length] : ops) {
      if (push) {
        const std::string path(length % 1000, static_cast<char>('a' + id % 26));
        Entry e;
        e.path = path;
        e.status = id;
        if (ring.Push(e)) {
          model.emplace_back(path, id);
        } else {
          ++dropped;
        }
        ++id;
      } else {
        Entry e;
        const bool got = ring.Pop(&e);
        RC_ASSERT(got == !model.empty());
        if (!got) continue;
        RC_ASSERT(e.path == model.front().first);
        RC_ASSERT(e.status == model.front().second);
        model.pop_front();
      }
    }
    RC_ASSERT(ring.dropped() == dropped);
  });
}

TEST_CASE("A full ring drops the newest and goes on when there is room") {
  Ring ring(16 * 1024);
  const std::string path(1000, 'p');
  Entry e;
  e.path = path;
  int pushed = 0;
  while (ring.Push(e)) ++pushed;
  CHECK(pushed > 10);
  CHECK(ring.half_full());
  CHECK(ring.dropped() == 1);
  Entry out;
  REQUIRE(ring.Pop(&out));
  CHECK(out.path == path);
  CHECK(ring.Push(e));
}

TEST_CASE("One producer and one consumer need no lock") {
  Ring ring(16 * 1024);
  constexpr int kCount = 20000;
  std::thread producer([&ring] {
    for (int i = 1; i <= kCount;) {
      Entry e;
      const std::string id = std::to_string(i);
      e.call_id = id;
      e.status = i;
      if (ring.Push(e)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  int expected = 1;
  while (expected <= kCount) {
    Entry e;
    if (!ring.Pop(&e)) {
      std::this_thread::yield();
      continue;
    }
    if (e.status != expected || e.call_id != std::to_string(expected)) break;
    ++expected;
  }
  producer.join();
  CHECK(expected == kCount + 1);
}

}  // namespace
}  // namespace hearth::accesslog
