#include "bench/load/histogram.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace hearth::load {
namespace {

TEST_CASE("an empty histogram has no latencies") {
  const Histogram h;
  CHECK(h.count() == 0);
  CHECK(h.Quantile(0.99) == 0);
  CHECK(h.max() == 0);
}

TEST_CASE("small values are exact") {
  Histogram h;
  for (int v = 1; v <= 100; ++v) h.Add(v);
  CHECK(h.Quantile(0.5) == 50);
  CHECK(h.Quantile(0.99) == 99);
  CHECK(h.Quantile(1.0) == 100);
  CHECK(h.Quantile(0.001) == 1);
  CHECK(h.mean() == Approx(50.5));
}

TEST_CASE("quantiles are within 0.8 % of the sorted values, over nine decades") {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(0, 12);
  std::vector<int64_t> values;
  Histogram h;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<int64_t>(std::pow(10.0, exponent(random))));
    h.Add(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[rank - 1]);
    CHECK(static_cast<double>(h.Quantile(q)) == Approx(exact).epsilon(0.008));
  }
  CHECK(h.max() == values.back());
}

TEST_CASE("what is too long counts as the longest, what is negative as nothing") {
  Histogram h;
  h.Add(int64_t{1} << 60);
  h.Add(-5);
  CHECK(h.count() == 2);
  CHECK(h.max() == int64_t{1} << 60);
  CHECK(h.Quantile(0.5) == 0);
  CHECK(h.Quantile(1.0) >= (int64_t{1} << 42) * 99 / 100);
}

}  // namespace
}  // namespace hearth::load
