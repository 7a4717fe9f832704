#include "controller/app/work_queue.h"

#include <catch2/catch.hpp>

using namespace hearth;
using namespace hearth::controller;
using std::chrono::seconds;

TEST_CASE("A function is due once, at the earliest time asked for") {
  WorkQueue q;
  const MonotonicTime t{seconds(100)};
  const FunctionKey a{"d", "a"};
  const FunctionKey b{"d", "b"};
  CHECK_FALSE(q.NextDue());
  q.Add(a, t + seconds(5));
  q.Add(a, t + seconds(2));
  q.Add(a, t + seconds(9));
  q.Add(b, t + seconds(1));
  CHECK(q.size() == 2);
  CHECK(q.NextDue() == t + seconds(1));
  CHECK_FALSE(q.PopDue(t));
  CHECK(q.PopDue(t + seconds(3)) == b);
  CHECK(q.PopDue(t + seconds(3)) == a);
  CHECK_FALSE(q.PopDue(t + seconds(100)));
  q.Add(a, t);
  q.Remove(a);
  CHECK_FALSE(q.PopDue(t));
}
