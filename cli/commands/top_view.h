#pragma once

#include <absl/status/statusor.h>
#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"

namespace hearth::cli {

// What a gateway has counted of one function since its start, and how it is now.
struct FunctionCounts {
  uint64_t ended = 0, errors = 0, refused = 0, retries = 0, cold_starts = 0;
  int64_t in_flight = 0;
  uint64_t queued = 0, replicas = 0, set_aside = 0;
  Duration oldest_queued{};
  std::map<uint64_t, uint64_t> latency;  // microseconds (the cell's end) → requests
};

struct TopSample {
  std::string instance;  // of the gateway's process
  Duration uptime{};
  std::map<std::pair<std::string, std::string>, FunctionCounts> functions;  // namespace, name
};

// Of the gateway's /system/v1/top.
absl::StatusOr<TopSample> ParseTop(const nlohmann::json& page);

// One function between two samples.
struct TopRow {
  std::string name, ns;
  double rps = 0;
  double error_percent = 0;  // of the requests that ended
  Duration p50{}, p99{};     // zero: none ended
  int64_t in_flight = 0;
  uint64_t queued = 0, replicas = 0, set_aside = 0, cold_starts = 0, refused = 0, retries = 0;
  Duration oldest_queued{};
};

// `before` of another instance, or nullptr, counts as a sample without requests at that start.
std::vector<TopRow> TopRows(const TopSample* before, const TopSample& after);

enum class TopSort : uint8_t {
  kRps,
  kInFlight,
  kQueue,
  kP50,
  kP99,
  kErrors,
  kReplicas,
  kCold,
  kName
};
inline constexpr std::string_view kTopSorts =
    "rps, inflight, queue, p50, p99, errors, replicas, cold or name";
absl::StatusOr<TopSort> ParseTopSort(std::string_view text);
// Largest first, names ascending; equal ones by name.
void SortTop(TopSort by, std::vector<TopRow>* rows);

// The table, not wider than `width` characters (0: as wide as it is): columns are left out from the
// least telling one on, then names are cut. At most `most_rows` functions (0: all), and a line that
// says how many more there are.
std::string TopTable(const std::vector<TopRow>& rows, size_t width, size_t most_rows);
nlohmann::json TopJson(const std::vector<TopRow>& rows);

// "450us", "1.2ms", "38ms", "1.5s", "2m".
std::string ShortDuration(Duration duration);

}  // namespace hearth::cli
