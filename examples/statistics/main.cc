// Statistics of the JSON array of numbers that is POSTed.
#include <hearth.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace {

using hearth::Json;
using hearth::Response;

double Percentile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - static_cast<double>(below));
}

Json Describe(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return Json::object({{"count", values.size()},
                       {"mean", mean},
                       {"deviation", std::sqrt(squares / count)},
                       {"min", values.front()},
                       {"p50", Percentile(values, 0.5)},
                       {"p99", Percentile(values, 0.99)},
                       {"max", values.back()}});
}

Response BadRequest(const std::string& message) {
  return Response::JsonBody(400, Json::object({{"error", message}}));
}

// Runs on several threads at once (`concurrency` in function.yaml), so it keeps nothing between calls.
Response Handle(const hearth::Event& event, const hearth::Context& /*context*/) {
  Json numbers;
  try {
    numbers = Json::Parse(event.body());
  } catch (const std::invalid_argument& error) {
    return BadRequest(error.what());
  }
  std::vector<double> values;
  for (const Json& number : numbers.items()) {
    if (!number.is_number()) return BadRequest("not a number: " + number.Dump());
    values.push_back(number.number());
  }
  if (values.empty()) return BadRequest("POST a JSON array of numbers");
  return Response::JsonBody(200, Describe(std::move(values)));
}

}  // namespace

int main() { return hearth::Run(Handle); }
