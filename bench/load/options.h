#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/load/arrivals.h"
#include "core/base/clock.h"
#include "core/base/settings.h"
#include "core/net/address.h"

namespace hearth::load {

// The command line, as given.
struct Options {
  std::string url;
  std::vector<std::string> mix;
  uint32_t connections = 1;
  Duration warmup = std::chrono::milliseconds(200);
  Duration duration = std::chrono::seconds(2);
  Duration timeout = std::chrono::seconds(30);
  Duration grace = std::chrono::seconds(2);
  double rate = 0;
  std::string arrivals = "even";
  uint64_t seed = 1;
  std::string method;
  uint64_t body = 0;
  int64_t expect_size = -1;
  std::vector<std::string> headers;
  uint32_t requests_per_connection = 0;
  uint64_t read_rate = 0;
  bool websocket = false;
  bool events = false;
  bool cut = false;
  bool resume = true;
  std::vector<std::string> watch;
  std::string log;
  int64_t start_at = 0;
};

void Declare(Options* options, Settings* settings);

// One kind of request: its bytes but for the body.
struct Target {
  std::string path;
  double weight = 1;
  std::string head;
};

// Options that have been checked and prepared; what a run works from. Immutable.
struct Plan {
  Options options;
  net::Address address;
  std::string server_name;  // without the port, for TLS
  bool tls = false;
  std::string method;
  std::vector<Target> targets;
  Arrivals::Spacing spacing = Arrivals::Spacing::kEven;
  std::vector<int> watched;  // process ids
};

absl::StatusOr<Plan> MakePlan(const Options& options);

}  // namespace hearth::load
