#include "bench/load/arrivals.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <vector>

namespace hearth::load {
namespace {

const MonotonicTime kStart{std::chrono::seconds(5)};

TEST_CASE("even arrivals keep the rate without drift") {
  Arrivals arrivals(kStart, 3, Arrivals::Spacing::kEven, 1, {1});
  CHECK(arrivals.due() == kStart);
  for (int i = 0; i < 3'000'000; ++i) arrivals.Take();
  CHECK(arrivals.due() == kStart + std::chrono::seconds(1'000'000));
}

TEST_CASE("Poisson arrivals have the rate and the spread of a Poisson process") {
  Arrivals arrivals(kStart, 1000, Arrivals::Spacing::kPoisson, 1, {1});
  std::vector<double> gaps;
  MonotonicTime last = arrivals.due();
  for (int i = 0; i < 100'000; ++i) {
    arrivals.Take();
    gaps.push_back(std::chrono::duration<double>(arrivals.due() - last).count());
    last = arrivals.due();
  }
  double mean = 0;
  double square = 0;
  for (const double gap : gaps) mean += gap / static_cast<double>(gaps.size());
  for (const double gap : gaps) {
    square += (gap - mean) * (gap - mean) / static_cast<double>(gaps.size());
  }
  CHECK(mean == Approx(0.001).epsilon(0.02));
  CHECK(std::sqrt(square) == Approx(mean).epsilon(0.03));
}

TEST_CASE("the same seed gives the same schedule, another seed another") {
  const auto schedule = [](uint64_t seed) {
    Arrivals arrivals(kStart, 1000, Arrivals::Spacing::kPoisson, seed, {3, 1});
    std::vector<std::pair<int64_t, size_t>> out;
    for (int i = 0; i < 100; ++i) {
      const int64_t due = arrivals.due().time_since_epoch().count();
      out.emplace_back(due, arrivals.Take());
    }
    return out;
  };
  CHECK(schedule(4) == schedule(4));
  CHECK(schedule(4) != schedule(5));
}

TEST_CASE("targets come in the share of their weights") {
  Arrivals arrivals(kStart, 0, Arrivals::Spacing::kEven, 1, {0.9, 0.1});
  int second = 0;
  for (int i = 0; i < 100'000; ++i) second += arrivals.Take() == 1 ? 1 : 0;
  CHECK(second == Approx(10'000).epsilon(0.05));
}

}  // namespace
}  // namespace hearth::load
