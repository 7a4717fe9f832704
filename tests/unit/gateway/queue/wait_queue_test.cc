#include "gateway/queue/wait_queue.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <deque>
#include <vector>

namespace hearth::queue {
namespace {

class Item final : public Waiter {
 public:
  explicit Item(uint64_t size, int64_t at = 0) {
    bytes = size;
    since = MonotonicTime(Duration(at));
  }
  void Notify(std::shared_ptr<Waiter>) override { FAIL("nobody decides here"); }
};

TEST_CASE("first in, first out, and put back goes first") {
  WaitQueue q;
  auto a = std::make_shared<Item>(1, 30), b = std::make_shared<Item>(2, 20),
       c = std::make_shared<Item>(3, 10);
  q.PushBack(a);
  q.PushBack(b);
  q.PushFront(c);
  CHECK(q.size() == 3);
  CHECK(q.bytes() == 6);
  CHECK(q.front() == c.get());
  CHECK(q.OldestSince() == MonotonicTime(Duration(10)));
  CHECK(q.PopFront() == c);
  CHECK(q.PopFront() == a);
  CHECK(q.PopFront() == b);
  CHECK(q.PopFront() == nullptr);
  CHECK_FALSE(q.OldestSince());
  CHECK(a.use_count() == 1);
}

TEST_CASE("bounds count requests and bytes") {
  WaitQueue q;
  const Bounds bounds{.requests = 2, .bytes = 100};
  CHECK(q.Fits(100, bounds));
  CHECK_FALSE(q.Fits(101, bounds));
  CHECK_FALSE(q.Fits(UINT64_MAX, bounds));
  q.PushBack(std::make_shared<Item>(60));
  CHECK(q.Fits(40, bounds));
  CHECK_FALSE(q.Fits(41, bounds));
  q.PushBack(std::make_shared<Item>(1));
  CHECK_FALSE(q.Fits(1, bounds));
}

TEST_CASE("a queue that goes frees what waits") {
  auto a = std::make_shared<Item>(1);
  {
    WaitQueue q;
    q.PushBack(a);
    CHECK(a.use_count() == 2);
  }
  CHECK(a.use_count() == 1);
}

TEST_CASE("Retry-After follows from backlog, service time and lanes") {
  struct Case {
    size_t queued;
    double ms;
    uint32_t parallel, want;
  };
  const Case cases[] = {{0, 0, 0, 1},      {1, 10, 1, 1},       {100, 100, 1, 10},
                        {100, 100, 10, 1}, {1000, 500, 10, 50}, {10000, 1000, 1, 60},
                        {10, 1050, 1, 11}};
  for (const Case& c : cases) CHECK(RetryAfterSeconds(c.queued, c.ms, c.parallel) == c.want);
}

TEST_CASE("the queue behaves as a deque does", "[property]") {
  rc::prop("any order of pushes, pops and removals", [](const std::vector<uint8_t>& steps) {
    WaitQueue q;
    std::deque<std::shared_ptr<Item>> model;
    uint64_t bytes = 0;
    for (const uint8_t step : steps) {
      switch (step % 4) {
        case 0:
        case 1: {
          auto item = std::make_shared<Item>(step);
          bytes += step;
          if (step % 4 == 0) {
            q.PushBack(item);
            model.push_back(item);
          } else {
            q.PushFront(item);
            model.push_front(item);
          }
          break;
        }
        case 2: {
          const auto popped = q.PopFront();
          RC_ASSERT((popped == nullptr) == model.empty());
          if (popped != nullptr) {
            RC_ASSERT(popped == model.front());
            bytes -= popped->bytes;
            model.pop_front();
          }
          break;
        }
        case 3: {
          if (model.empty()) break;
          const auto at = model.begin() + step % static_cast<int>(model.size());
          const auto item = *at;
          RC_ASSERT(q.Remove(*item));
          RC_ASSERT(!q.Remove(*item));
          bytes -= item->bytes;
          model.erase(at);
          break;
        }
      }
      RC_ASSERT(q.size() == model.size());
      RC_ASSERT(q.bytes() == bytes);
    }
  });
}

}  // namespace
}  // namespace hearth::queue
