#include "gateway/accesslog/ring.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <string>
#include <thread>

namespace hearth::accesslog {
namespace {

std::string TakeAll(Ring* ring) {
  const Ring::Lines lines = ring->Readable();
  std::string text = std::string(lines.first) + std::string(lines.second);
  ring->Consume(lines);
  return text;
}

TEST_CASE("A ring returns what was put in, in order, or counts it as dropped") {
  rc::prop("for any mix of pushes and reads",
           [](const std::vector<std::pair<bool, uint16_t>>& ops) {
             Ring ring(16 * 1024);
             std::string model;
             uint64_t dropped = 0;
             char next = 'a';
             for (const auto& [push, length] : ops) {
               if (!push) {
                 RC_ASSERT(TakeAll(&ring) == model);
                 model.clear();
                 continue;
               }
               next = next == 'z' ? 'a' : static_cast<char>(next + 1);
               const std::string line = std::string(length % 9000, next) + "\n";
               if (ring.Push(line)) {
                 model += line;
               } else {
                 RC_ASSERT(model.size() + line.size() > 16 * 1024);
                 ++dropped;
               }
             }
             RC_ASSERT(TakeAll(&ring) == model);
             RC_ASSERT(ring.dropped() == dropped);
           });
}

TEST_CASE("A full ring drops the newest and goes on when there is room") {
  Ring ring(16 * 1024);
  const std::string line(1000, 'p');
  int pushed = 0;
  while (ring.Push(line)) ++pushed;
  CHECK(pushed == 16);
  CHECK(ring.half_full());
  CHECK(ring.dropped() == 1);
  CHECK(TakeAll(&ring).size() == 16000);
  CHECK_FALSE(ring.half_full());
  CHECK(ring.Push(line));
}

TEST_CASE("One producer and one consumer need no lock") {
  Ring ring(16 * 1024);
  constexpr int kCount = 20000;
  std::thread producer([&ring] {
    for (int i = 1; i <= kCount;) {
      if (ring.Push(std::to_string(i) + "\n")) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::string expected;
  for (int i = 1; i <= kCount; ++i) expected += std::to_string(i) + "\n";
  std::string got;
  while (got.size() < expected.size()) {
    const std::string more = TakeAll(&ring);
    if (more.empty()) std::this_thread::yield();
    got += more;
  }
  producer.join();
  CHECK(got == expected);
}

}  // namespace
}  // namespace hearth::accesslog
