#include "cli/serve/supervision.h"

#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

namespace hearth::cli {
namespace {

using namespace std::chrono_literals;
using Action = ChildSupervision::Action;
using State = ChildSupervision::State;

MonotonicTime At(Duration d) { return MonotonicTime(d); }

TEST_CASE("a child that never was ready makes serve give up") {
  ChildSupervision child;
  CHECK(child.Begin() == Action::kStart);
  CHECK(child.OnExit(At(1s)) == Action::kGiveUp);
  CHECK(child.ended());
}

TEST_CASE("one that was ready is started again, with pauses that double") {
  ChildSupervision child;
  child.Begin();
  child.OnReady(At(1s));
  CHECK(child.ready());
  CHECK(child.OnExit(At(2s)) == Action::kNone);
  CHECK(child.pause() == 100ms);
  CHECK(child.deadline() == At(2s + 100ms));
  CHECK(child.OnTime(At(2s + 99ms)) == Action::kNone);
  CHECK(child.OnTime(At(2s + 100ms)) == Action::kStart);
  CHECK(child.state() == State::kStarting);
  Duration now = 3s, expected = 200ms;
  for (int i = 0; i < 10; ++i) {
    CHECK(child.OnExit(At(now)) == Action::kNone);
    CHECK(child.pause() == std::min<Duration>(expected, 10s));
    now += child.pause();
    CHECK(child.OnTime(At(now)) == Action::kStart);
    expected *= 2;
  }
  // It runs long enough to be trusted: the pauses begin anew.
  child.OnReady(At(now));
  now += 31s;
  child.OnExit(At(now));
  CHECK(child.pause() == 100ms);
}

TEST_CASE("stopping, in every state") {
  SECTION("while it runs") {
    ChildSupervision child;
    child.Begin();
    child.OnReady(At(1s));
    child.OnStopRequested();
    CHECK(child.state() == State::kStopping);
    CHECK_FALSE(child.ended());
    CHECK(child.OnExit(At(2s)) == Action::kNone);
    CHECK(child.state() == State::kStopped);
  }
  SECTION("while it pauses") {
    ChildSupervision child;
    child.Begin();
    child.OnReady(At(1s));
    child.OnExit(At(2s));
    child.OnStopRequested();
    CHECK(child.ended());
    CHECK(child.OnTime(At(1h)) == Action::kNone);
  }
  SECTION("while it starts: that is no failure") {
    ChildSupervision child;
    child.Begin();
    child.OnStopRequested();
    CHECK(child.OnExit(At(2s)) == Action::kNone);
    CHECK(child.state() == State::kStopped);
  }
  SECTION("before it was started") {
    ChildSupervision child;
    child.OnStopRequested();
    CHECK(child.ended());
  }
}

TEST_CASE("another process takes a child's place") {
  ChildSupervision child;
  child.Begin();
  child.OnReady(At(1s));
  child.OnReplaced(At(5s));
  CHECK(child.ready());
  child.OnExit(At(6s));  // the successor's: it had not run for long
  CHECK(child.deadline() == At(6s + 100ms));
  child.OnReplaced(At(7s));  // while it pauses: one is there already
  CHECK(child.ready());
  CHECK(child.OnTime(At(8s)) == Action::kNone);
  child.OnStopRequested();
  child.OnReplaced(At(9s));
  CHECK(child.state() == State::kStopping);
}

TEST_CASE("supervision in any order of events") {
  rc::prop("never starts twice, never starts after a stop, pauses stay within bounds", [] {
    ChildSupervision child;
    bool running = child.Begin() == Action::kStart;
    bool stopped = false;
    Duration now{};
    for (int n = *rc::gen::inRange(1, 60); n > 0; --n) {
      now += std::chrono::milliseconds(*rc::gen::inRange(0, 20'000));
      Action action = Action::kNone;
      switch (*rc::gen::inRange(0, 4)) {
        case 0:
          if (running) child.OnReady(At(now));
          break;
        case 1:
          if (!running) break;
          running = false;
          action = child.OnExit(At(now));
          break;
        case 2:
          action = child.OnTime(At(now));
          break;
        default:
          if (*rc::gen::inRange(0, 10) == 0) {
            child.OnStopRequested();
            stopped = true;
          }
      }
      if (action == Action::kStart) {
        RC_ASSERT(!running);
        RC_ASSERT(!stopped);
        running = true;
      }
      RC_ASSERT(child.pause() <= 10s);
      if (stopped && !running) RC_ASSERT(child.ended());
    }
  });
}

TEST_CASE("exits in words") {
  CHECK(ExitText(3 << 8) == "exit status 3");
  CHECK(ExitText(9) == "killed by signal 9");
}

}  // namespace
}  // namespace hearth::cli
