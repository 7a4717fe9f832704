#include <catch2/catch.hpp>
#include <rapidcheck/catch.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/metrics/slab.h"
#include "core/metrics/text.h"

namespace hearth::metrics {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a histogram counts by upper bound") {
  const Buckets buckets({milliseconds(1), milliseconds(10)});
  Histogram histogram(buckets);
  CHECK(histogram.Snapshot().count == 0);
  for (const Duration d : {Duration(0), Duration(milliseconds(1)), Duration(microseconds(1001)),
                           Duration(milliseconds(10)), Duration(seconds(1))}) {
    histogram.Observe(d);
  }
  const HistogramSnapshot snapshot = histogram.Snapshot();
  CHECK(snapshot.counts == std::vector<uint64_t>{2, 2, 1});
  CHECK(snapshot.count == 5);
  CHECK(snapshot.sum == milliseconds(1 + 10 + 1000) + microseconds(1001));
  CHECK(snapshot.Quantile(0) == milliseconds(1));
  CHECK(snapshot.Quantile(0.5) == milliseconds(10));
  CHECK(snapshot.Quantile(1) == Duration::max());
  HistogramSnapshot sum;
  sum.Merge(snapshot);
  sum.Merge(snapshot);
  CHECK(sum.counts == std::vector<uint64_t>{4, 4, 2});
  CHECK(sum.count == 10);
}

TEST_CASE("the bounds of the standard histograms ascend") {
  for (const Buckets* buckets : {&Buckets::Requests(), &Buckets::ColdStart()}) {
    CHECK(buckets->bounds().size() == 12);
    for (size_t i = 1; i < buckets->bounds().size(); ++i) {
      CHECK(buckets->bounds()[i - 1] < buckets->bounds()[i]);
    }
  }
}

TEST_CASE("every value has the bucket whose bound it does not exceed") {
  rc::prop("index", [] {
    const Duration d(*rc::gen::inRange<int64_t>(0, 120'000'000'000));
    const Buckets& buckets = Buckets::Requests();
    const size_t i = buckets.IndexOf(d);
    if (i < buckets.bounds().size()) RC_ASSERT(d <= buckets.bounds()[i]);
    if (i > 0) RC_ASSERT(d > buckets.bounds()[i - 1]);
  });
}

TEST_CASE("a reader on another thread sees counters grow and never lose") {
  Counter counter;
  Gauge gauge;
  Histogram histogram(Buckets::Requests());
  std::atomic<bool> done{false};
  std::thread reader([&] {
    uint64_t last = 0;
    while (!done) {
      const uint64_t now = counter.Value();
      REQUIRE(now >= last);
      last = now;
      REQUIRE(histogram.Snapshot().count <= 100'000);
    }
  });
  for (int i = 0; i < 100'000; ++i) {
    counter.Add();
    gauge.Add(i % 2 == 0 ? 1 : -1);
    histogram.Observe(milliseconds(i % 100));
  }
  done = true;
  reader.join();
  CHECK(counter.Value() == 100'000);
  CHECK(gauge.Value() == 0);
  CHECK(histogram.Snapshot().count == 100'000);
}

TEST_CASE("Prometheus text") {
  TextWriter writer;
  writer.Family("requests_total", "counter", "Requests\nso far");
  writer.Sample({{"code", "200"}, {"path", "a\"b\\c\n"}}, uint64_t{3});
  writer.Sample({}, uint64_t{4});
  writer.Family("load", "gauge", "Load");
  writer.Sample({}, 0.25);
  const Buckets buckets({milliseconds(1), milliseconds(2500)});
  Histogram histogram(buckets);
  histogram.Observe(milliseconds(2));
  histogram.Observe(seconds(3));
  writer.Family("took_seconds", "histogram", "Took");
  writer.Sample({{"f", "x"}}, histogram.Snapshot());
  CHECK(writer.Take() ==
        "# HELP requests_total Requests\\nso far\n# TYPE requests_total counter\n"
        "requests_total{code=\"200\",path=\"a\\\"b\\\\c\\n\"} 3\nrequests_total 4\n"
        "# HELP load Load\n# TYPE load gauge\nload 0.25\n"
        "# HELP took_seconds Took\n# TYPE took_seconds histogram\n"
        "took_seconds_bucket{f=\"x\",le=\"0.001\"} 0\ntook_seconds_bucket{f=\"x\",le=\"2.5\"} 1\n"
        "took_seconds_bucket{f=\"x\",le=\"+Inf\"} 2\ntook_seconds_sum{f=\"x\"} 3.002\n"
        "took_seconds_count{f=\"x\"} 2\n");
}

}  // namespace
}  // namespace hearth::metrics
