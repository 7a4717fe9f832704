#include "watchdog/runtimeapi/state.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <map>
#include <set>

namespace hearth::watchdog {
namespace {

using Kind = RuntimeState::Next::Kind;

TEST_CASE("an invocation from next to the following next", "[watchdog][runtimeapi]") {
  RuntimeState s(1);
  s.ProcessStarted();
  CHECK_FALSE(s.ready());
  const auto first = s.OnNext(1);
  CHECK(first.kind == Kind::kPark);
  CHECK(first.became_ready);
  CHECK(s.ready());
  CHECK(s.Offer("a") == 1u);
  CHECK_FALSE(s.OnResponse("a"));
  s.Finished("a");
  const auto second = s.OnNext(1);
  CHECK(second.kind == Kind::kPark);
  CHECK_FALSE(second.became_ready);
}

TEST_CASE("what comes out of turn is refused as AWS does", "[watchdog][runtimeapi]") {
  RuntimeState s(1);
  s.ProcessStarted();
  const ApiError unknown{400, "InvalidRequestID", "Invalid request ID"};
  CHECK(s.OnResponse("x") == unknown);
  s.OnNext(1);
  s.Offer("a");
  CHECK(s.OnResponse("b") == unknown);
  CHECK(s.OnError("b") == unknown);
  CHECK_FALSE(s.OnResponse("a"));
  CHECK(s.OnResponse("a") == InvalidTransition("InvocationResponse", "InvocationResponse"));
  CHECK(s.OnNext(1).error == InvalidTransition("InvocationResponse", "Ready"));
  s.Finished("a");
  CHECK(s.OnResponse("a") == InvalidTransition("RuntimeResponseSentState", "InvocationResponse"));
  CHECK(s.OnError("a") == InvalidTransition("RuntimeResponseSentState", "InvocationErrorResponse"));
  CHECK(s.OnInitError() == InvalidTransition("Ready", "InitError"));
  CHECK(InvalidTransition("A", "B") ==
        ApiError{403, "InvalidStateTransition",
                 "State transition from A to B failed for runtime. Error: State transition is not "
                 "allowed"});
}

TEST_CASE("next while running gives the same invocation again", "[watchdog][runtimeapi]") {
  RuntimeState s(1);
  s.ProcessStarted();
  s.OnNext(1);
  s.Offer("a");
  const auto again = s.OnNext(2);
  CHECK(again.kind == Kind::kDeliver);
  CHECK(again.id == "a");
}

TEST_CASE("with several workers each next is one more", "[watchdog][runtimeapi]") {
  RuntimeState s(3);
  s.ProcessStarted();
  s.OnNext(1);
  s.OnNext(2);
  CHECK(s.Offer("a") == 1u);
  CHECK(s.Offer("b") == 2u);
  CHECK_FALSE(s.Offer("c"));
  CHECK_FALSE(s.OnResponse("b"));
  s.Finished("b");
  const auto next = s.OnNext(2);
  CHECK(next.kind == Kind::kDeliver);
  CHECK(next.id == "c");
  CHECK_FALSE(s.OnResponse("a"));
  CHECK(s.running() == 2);
}

TEST_CASE("a worker that went away gets nothing", "[watchdog][runtimeapi]") {
  RuntimeState s(2);
  s.ProcessStarted();
  s.OnNext(1);
  s.OnNext(2);
  s.OnPollerGone(1);
  CHECK(s.Offer("a") == 2u);
}

TEST_CASE("a crash takes what was inside and leaves what waited", "[watchdog][runtimeapi]") {
  RuntimeState s(1);
  s.ProcessStarted();
  s.OnNext(1);
  s.Offer("a");
  s.Offer("b");
  CHECK(s.ProcessEnded() == std::vector<std::string>{"a"});
  CHECK(s.OnNext(2).kind == Kind::kRefuse);
  s.ProcessStarted();
  const auto next = s.OnNext(3);
  CHECK(next.became_ready);
  CHECK(next.id == "b");
  CHECK_FALSE(s.Withdraw("b"));
}

TEST_CASE("init errors come before the first next only", "[watchdog][runtimeapi]") {
  RuntimeState s(1);
  s.ProcessStarted();
  CHECK_FALSE(s.OnInitError());
  CHECK(s.OnInitError() == InvalidTransition("InitError", "InitError"));
  CHECK(s.OnNext(1).kind == Kind::kRefuse);
}

// Any order of events: an invocation is given to one worker at a time, none is lost.
TEST_CASE("no invocation is lost or given twice", "[watchdog][runtimeapi]") {
  rc::prop("random histories", [](const std::vector<uint8_t>& steps) {
    RuntimeState s(4);
    s.ProcessStarted();
    std::set<std::string> queued, inside;
    uint64_t poller = 0;
    int made = 0;
    for (uint8_t step : steps) {
      if (step % 4 == 0) {
        const std::string id = "i" + std::to_string(made++);
        if (s.Offer(id)) {
          inside.insert(id);
        } else {
          queued.insert(id);
        }
      } else if (step % 4 == 1) {
        const auto next = s.OnNext(++poller);
        if (next.kind == Kind::kDeliver) {
          RC_ASSERT(queued.erase(next.id) == 1u);
          inside.insert(next.id);
        }
      } else if (step % 4 == 2 && !inside.empty()) {
        const std::string id = *inside.begin();
        RC_ASSERT(!s.OnResponse(id));
        s.Finished(id);
        inside.erase(id);
      } else if (step % 16 == 3) {
        const auto lost = s.ProcessEnded();
        RC_ASSERT(std::set<std::string>(lost.begin(), lost.end()) == inside);
        inside.clear();
        s.ProcessStarted();
      }
      RC_ASSERT(s.queued() == queued.size());
      RC_ASSERT(s.running() == inside.size());
    }
  });
}

}  // namespace
}  // namespace hearth::watchdog
