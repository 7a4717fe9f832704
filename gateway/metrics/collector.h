#pragma once

#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "gateway/metrics/reading.h"
#include "gateway/metrics/recorder.h"
#include "gateway/route/table.h"

namespace hearth::gateway {

// Sums the loops' slabs and looks at the routes when somebody scrapes: under OpenFaaS's names, so
// that existing dashboards and rules work, and under our own. Called on the admin thread; owned by
// the application.
class Collector final : public prometheus::Collectable {
 public:
  using TableSource = std::function<std::shared_ptr<const route::Table>()>;
  using ReadingSource = std::function<std::vector<Reading>()>;

  // `table` may return nullptr while there are no routes.
  Collector(Recorder* recorder, const Clock* clock, TableSource table, ReadingSource readings)
      : recorder_(recorder),
        clock_(clock),
        table_(std::move(table)),
        readings_(std::move(readings)) {}

  // Also drops the series of deleted functions.
  std::vector<prometheus::MetricFamily> Collect() const override;

  // The page of /metrics.
  std::string Text() const;

 private:
  Recorder* const recorder_;
  const Clock* const clock_;
  const TableSource table_;
  const ReadingSource readings_;
};

}  // namespace hearth::gateway
