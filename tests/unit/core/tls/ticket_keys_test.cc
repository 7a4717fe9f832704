#include "core/tls/ticket_keys.h"

#include <catch2/catch.hpp>

#include "tests/fakes/fake_clock.h"

namespace hearth::tls {
namespace {

using fakes::FakeClock;
using std::chrono::hours;

bool Same(const TicketKeys::Key& a, const TicketKeys::Key& b) {
  return a.name == b.name && a.cipher == b.cipher && a.mac == b.mac;
}

TEST_CASE("a key is current for a period, opens tickets for two more, and is gone") {
  FakeClock clock;
  const std::string secret = GENERATE("", "0123456789abcdef0123456789abcdef");
  TicketKeys keys(clock, secret);
  const TicketKeys::Key first = keys.Current();
  CHECK(Same(keys.Current(), first));
  REQUIRE(keys.Find(first.name));
  CHECK(keys.Find(first.name)->current);
  for (int hour = 1; hour <= 2; ++hour) {
    clock.Advance(hours(1));
    CHECK_FALSE(Same(keys.Current(), first));
    REQUIRE(keys.Find(first.name));
    CHECK_FALSE(keys.Find(first.name)->current);
    CHECK(Same(keys.Find(first.name)->key, first));
  }
  clock.Advance(hours(1));
  CHECK_FALSE(keys.Find(first.name));
}

TEST_CASE("cipher, mac and name are independent, also of other periods") {
  FakeClock clock;
  TicketKeys keys(clock, "0123456789abcdef0123456789abcdef");
  const TicketKeys::Key first = keys.Current();
  CHECK(first.cipher != first.mac);
  clock.Advance(hours(1));
  const TicketKeys::Key second = keys.Current();
  CHECK(second.name != first.name);
  CHECK(second.cipher != first.cipher);
  CHECK(second.mac != first.mac);
}

TEST_CASE("processes with one secret open each other's tickets, others do not") {
  FakeClock clock;
  TicketKeys one(clock, "0123456789abcdef0123456789abcdef");
  const TicketKeys::Key before = one.Current();
  clock.Advance(hours(2));
  TicketKeys successor(clock, "0123456789abcdef0123456789abcdef");
  REQUIRE(successor.Find(before.name));
  CHECK(Same(successor.Find(before.name)->key, before));
  CHECK(Same(successor.Current(), one.Current()));

  FakeClock ahead;  // its clock is past the turn of the period already
  ahead.Advance(hours(3));
  TicketKeys early(ahead, "0123456789abcdef0123456789abcdef");
  REQUIRE(one.Find(early.Current().name));

  TicketKeys stranger(clock, "another secret of thirty-two bytes");
  CHECK_FALSE(stranger.Find(before.name));
  TicketKeys random_one(clock);
  TicketKeys random_two(clock);
  CHECK_FALSE(random_one.Find(random_two.Current().name));
}

TEST_CASE("a long sleep leaves no old key") {
  FakeClock clock;
  TicketKeys keys(clock);
  const TicketKeys::Key first = keys.Current();
  clock.Advance(hours(100));
  CHECK_FALSE(keys.Find(first.name));
  CHECK_FALSE(Same(keys.Current(), first));
}

}  // namespace
}  // namespace hearth::tls
