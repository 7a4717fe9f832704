#include "core/net/buffer.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <string>
#include <utility>

namespace hearth::net {
namespace {

TEST_CASE("a buffer takes no memory before it needs some and gives it back") {
  BufferPool pool(1);
  Buffer a(&pool);
  CHECK(a.capacity() == 0);
  a.append("hello");
  CHECK(a.capacity() == BufferPool::kBlock);
  CHECK(a.view() == "hello");
  a.Consume(5);
  CHECK(a.capacity() == BufferPool::kBlock);
  a.ReleaseIfEmpty();
  CHECK(a.capacity() == 0);
  CHECK(pool.free_blocks() == 1);
  Buffer b(&pool);
  b.append("x");
  CHECK(pool.free_blocks() == 0);
  Buffer c(&pool);
  c.append("y");
  Buffer moved = std::move(c);
  CHECK(moved.view() == "y");
  CHECK(c.empty());
  b.Release();
  moved.Release();
  CHECK(pool.free_blocks() == 1);  // no more than one is kept
}

TEST_CASE("large content is kept across growth") {
  BufferPool pool;
  Buffer buffer(&pool);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    buffer.append(piece);
    expected += piece;
  }
  CHECK(buffer.view() == expected);
}

TEST_CASE("a buffer is a queue of bytes") {
  rc::prop("any sequence of operations", [] {
    BufferPool pool(2);
    Buffer buffer(*rc::gen::arbitrary<bool>() ? &pool : nullptr);
    std::string model;
    const auto steps = *rc::gen::container<std::vector<std::pair<int, size_t>>>(
        rc::gen::pair(rc::gen::inRange(0, 4), rc::gen::inRange<size_t>(0, 40'000)));
    char next = 'a';
    for (const auto& [operation, n] : steps) {
      if (operation == 0) {
        const std::string piece(n, next);
        buffer.append(piece);
        model += piece;
      } else if (operation == 1) {
        const auto room = buffer.Prepare(n);
        RC_ASSERT(room.size() >= n);
        const size_t used = n / 2;
        for (size_t i = 0; i < used; ++i) room[i] = next;
        buffer.Commit(used);
        model.append(used, next);
      } else if (operation == 2) {
        const size_t take = std::min(n, model.size());
        buffer.Consume(take);
        model.erase(0, take);
      } else {
        buffer.ReleaseIfEmpty();
      }
      next = next == 'z' ? 'a' : static_cast<char>(next + 1);
      RC_ASSERT(buffer.view() == model);
    }
  });
}

}  // namespace
}  // namespace hearth::net
