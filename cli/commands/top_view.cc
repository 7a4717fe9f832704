#include "cli/commands/top_view.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/args/flags.h"
#include "cli/terminal/terminal.h"
#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

using nlohmann::json;
using std::chrono::microseconds;
using std::chrono::milliseconds;

uint64_t Number(const json& entry, const char* name) {
  const auto it = entry.find(name);
  if (it == entry.end() || !it->is_number()) return 0;
  const double value = it->get<double>();
  return value <= 0 ? 0 : static_cast<uint64_t>(value);
}

std::string TextOf(const json& entry, const char* name) {
  const auto it = entry.find(name);
  return it == entry.end() || !it->is_string() ? "" : Printable(it->get<std::string>());
}

FunctionCounts ParseCounts(const json& entry) {
  FunctionCounts counts;
  counts.ended = Number(entry, "ended");
  counts.errors = Number(entry, "errors");
  counts.refused = Number(entry, "refused");
  counts.retries = Number(entry, "retries");
  counts.cold_starts = Number(entry, "cold_starts");
  counts.in_flight = static_cast<int64_t>(Number(entry, "in_flight"));
  counts.queued = Number(entry, "queued");
  counts.replicas = Number(entry, "replicas");
  counts.set_aside = Number(entry, "set_aside");
  counts.oldest_queued = milliseconds(Number(entry, "oldest_queued_ms"));
  if (const auto it = entry.find("latency_us"); it != entry.end() && it->is_array()) {
    for (const json& cell : *it) {
      if (!cell.is_array() || cell.size() != 2 || !cell[0].is_number() || !cell[1].is_number()) {
        continue;
      }
      counts.latency[cell[0].get<uint64_t>()] += cell[1].get<uint64_t>();
    }
  }
  return counts;
}

// A function that was deleted and made again counts from zero.
uint64_t Since(uint64_t before, uint64_t after) { return after >= before ? after - before : after; }

// By the cells' upper ends: at most a quarter too high.
Duration Quantile(const std::map<uint64_t, uint64_t>& cells, double q) {
  uint64_t all = 0;
  for (const auto& [end, count] : cells) all += count;
  if (all == 0) return Duration::zero();
  const auto rank = static_cast<uint64_t>(std::ceil(q * static_cast<double>(all)));
  uint64_t seen = 0;
  for (const auto& [end, count] : cells) {
    seen += count;
    if (seen >= rank) return microseconds(end);
  }
  return microseconds(cells.rbegin()->first);
}

std::map<uint64_t, uint64_t> CellsSince(const FunctionCounts& before, const FunctionCounts& after) {
  std::map<uint64_t, uint64_t> cells;
  for (const auto& [end, count] : after.latency) {
    const auto it = before.latency.find(end);
    const uint64_t more = Since(it == before.latency.end() ? 0 : it->second, count);
    if (more != 0) cells[end] = more;
  }
  return cells;
}

std::string Decimal(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string Rate(double rps) {
  if (rps == 0) return "0";
  return Decimal(rps, rps < 10 ? 1 : 0);
}

std::string Percent(double percent) {
  if (percent == 0) return "0";
  if (percent < 0.1) return "<0.1";
  return Decimal(percent, percent < 10 ? 1 : 0);
}

struct Column {
  const char* title;
  int rank;  // the highest is the first to be left out; 0: stays
  std::string (*text)(const TopRow&);
};

constexpr Column kColumns[] = {
    {"FUNCTION", 0, [](const TopRow& r) { return r.name + "." + r.ns; }},
    {"RPS", 0, [](const TopRow& r) { return Rate(r.rps); }},
    {"IN FLIGHT", 2, [](const TopRow& r) { return Cat(r.in_flight); }},
    {"QUEUE", 4, [](const TopRow& r) { return Cat(r.queued); }},
    {"P50", 5, [](const TopRow& r) { return ShortDuration(r.p50); }},
    {"P99", 1, [](const TopRow& r) { return ShortDuration(r.p99); }},
    {"ERR%", 3, [](const TopRow& r) { return Percent(r.error_percent); }},
    {"REPLICAS", 6,
     [](const TopRow& r) {
       return r.set_aside == 0 ? Cat(r.replicas) : Cat(r.replicas, " (", r.set_aside, " aside)");
     }},
    {"COLD", 7, [](const TopRow& r) { return Cat(r.cold_starts); }},
};
constexpr size_t kGap = 2;
constexpr size_t kShortestName = 8;

// Names are cut in the middle of nothing: what is left out is at the end, and shown.
std::string Cut(const std::string& text, size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 1) + "~";
}

}  // namespace

absl::StatusOr<TopSample> ParseTop(const json& page) {
  if (!page.is_object() || !page.contains("functions") || !page["functions"].is_array() ||
      !page.contains("gateway") || !page["gateway"].is_object()) {
    return Internal("the gateway's answer has no \"gateway\" and \"functions\"");
  }
  TopSample sample;
  sample.instance = TextOf(page["gateway"], "instance");
  const auto uptime = page["gateway"].find("uptime_ms");
  if (uptime != page["gateway"].end() && uptime->is_number()) {
    sample.uptime = Duration(static_cast<int64_t>(uptime->get<double>() * 1e6));
  }
  for (const json& entry : page["functions"]) {
    if (!entry.is_object()) continue;
    sample.functions[{TextOf(entry, "namespace"), TextOf(entry, "name")}] = ParseCounts(entry);
  }
  return sample;
}

std::vector<TopRow> TopRows(const TopSample* before, const TopSample& after) {
  if (before != nullptr && before->instance != after.instance) before = nullptr;
  const Duration since = before == nullptr ? Duration::zero() : before->uptime;
  const double seconds =
      std::max(1e-3, std::chrono::duration<double>(after.uptime - since).count());
  std::vector<TopRow> rows;
  for (const auto& [key, now] : after.functions) {
    FunctionCounts then;
    if (before != nullptr) {
      if (const auto it = before->functions.find(key); it != before->functions.end()) {
        then = it->second;
      }
    }
    const uint64_t ended = Since(then.ended, now.ended);
    const uint64_t errors = Since(then.errors, now.errors);
    const auto cells = CellsSince(then, now);
    TopRow row;
    row.ns = key.first;
    row.name = key.second;
    row.rps = static_cast<double>(ended) / seconds;
    if (ended != 0) {
      row.error_percent = 100 * static_cast<double>(errors) / static_cast<double>(ended);
    }
    row.p50 = Quantile(cells, 0.5);
    row.p99 = Quantile(cells, 0.99);
    row.in_flight = now.in_flight;
    row.queued = now.queued;
    row.oldest_queued = now.oldest_queued;
    row.replicas = now.replicas;
    row.set_aside = now.set_aside;
    row.cold_starts = now.cold_starts;
    row.refused = now.refused;
    row.retries = now.retries;
    rows.push_back(std::move(row));
  }
  return rows;
}

absl::StatusOr<TopSort> ParseTopSort(std::string_view text) {
  constexpr std::pair<std::string_view, TopSort> kNames[] = {
      {"rps", TopSort::kRps},           {"inflight", TopSort::kInFlight},
      {"queue", TopSort::kQueue},       {"p50", TopSort::kP50},
      {"p99", TopSort::kP99},           {"errors", TopSort::kErrors},
      {"replicas", TopSort::kReplicas}, {"cold", TopSort::kCold},
      {"name", TopSort::kName}};
  for (const auto& [name, sort] : kNames) {
    if (name == text) return sort;
  }
  return UsageError(Cat("--sort is ", kTopSorts, "; got \"", text, "\""));
}

void SortTop(TopSort by, std::vector<TopRow>* rows) {
  const auto value = [by](const TopRow& r) -> double {
    switch (by) {
      case TopSort::kRps:
        return r.rps;
      case TopSort::kInFlight:
        return static_cast<double>(r.in_flight);
      case TopSort::kQueue:
        return static_cast<double>(r.queued);
      case TopSort::kP50:
        return static_cast<double>(r.p50.count());
      case TopSort::kP99:
        return static_cast<double>(r.p99.count());
      case TopSort::kErrors:
        return r.error_percent;
      case TopSort::kReplicas:
        return static_cast<double>(r.replicas);
      case TopSort::kCold:
        return static_cast<double>(r.cold_starts);
      case TopSort::kName:
        return 0;
    }
    return 0;
  };
  std::stable_sort(rows->begin(), rows->end(), [&](const TopRow& a, const TopRow& b) {
    if (value(a) != value(b)) return value(a) > value(b);
    return std::tie(a.name, a.ns) < std::tie(b.name, b.ns);
  });
}

std::string TopTable(const std::vector<TopRow>& rows, size_t width, size_t most_rows) {
  const size_t shown = most_rows == 0 ? rows.size() : std::min(rows.size(), most_rows);
  std::vector<std::vector<std::string>> cells;
  std::vector<size_t> widths;
  for (const Column& column : kColumns) {
    std::vector<std::string>& texts = cells.emplace_back();
    size_t widest = std::string_view(column.title).size();
    for (size_t i = 0; i < shown; ++i) {
      texts.push_back(column.text(rows[i]));
      widest = std::max(widest, texts.back().size());
    }
    widths.push_back(widest);
  }
  std::vector<bool> kept(widths.size(), true);
  const auto total = [&] {
    size_t sum = 0;
    for (size_t c = 0; c < widths.size(); ++c) sum += kept[c] ? widths[c] + (c == 0 ? 0 : kGap) : 0;
    return sum;
  };
  // Names give way first, down to a length at which they still tell something; then columns go.
  const size_t name_width = widths[0];
  for (int rank = 8; width != 0 && total() > width; --rank) {
    const size_t others = total() - widths[0];
    if (width > others && width - others >= std::min(name_width, size_t{24})) {
      widths[0] = width - others;
      break;
    }
    if (rank == 0) {
      widths[0] = std::max(width > others ? width - others : 0, kShortestName);
      break;
    }
    for (size_t c = 0; c < widths.size(); ++c) {
      if (kColumns[c].rank == rank) kept[c] = false;
    }
  }
  std::string out;
  for (size_t line = 0; line <= shown; ++line) {
    std::string text;
    for (size_t c = 0; c < widths.size(); ++c) {
      if (!kept[c]) continue;
      std::string cell = line == 0 ? kColumns[c].title : cells[c][line - 1];
      cell = Cut(cell, widths[c]);
      const std::string pad(widths[c] - cell.size(), ' ');
      text += c == 0 ? cell + pad : std::string(kGap, ' ') + pad + cell;
    }
    out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  }
  if (shown < rows.size()) out += Cat("… and ", rows.size() - shown, " more\n");
  return out;
}

json TopJson(const std::vector<TopRow>& rows) {
  json functions = json::array();
  const auto ms = [](Duration d) { return static_cast<double>(d.count()) / 1e6; };
  for (const TopRow& r : rows) {
    functions.push_back({{"name", r.name},
                         {"namespace", r.ns},
                         {"rps", r.rps},
                         {"errorPercent", r.error_percent},
                         {"p50Ms", ms(r.p50)},
                         {"p99Ms", ms(r.p99)},
                         {"inFlight", r.in_flight},
                         {"queued", r.queued},
                         {"oldestQueuedMs", ms(r.oldest_queued)},
                         {"replicas", r.replicas},
                         {"setAside", r.set_aside},
                         {"coldStarts", r.cold_starts},
                         {"refused", r.refused},
                         {"retries", r.retries}});
  }
  return functions;
}

std::string ShortDuration(Duration duration) {
  const auto us = static_cast<double>(duration.count()) / 1e3;
  if (us == 0) return "-";
  if (us < 1000) return Decimal(us, 0) + "us";
  if (us < 10'000) return Decimal(us / 1e3, 1) + "ms";
  if (us < 1'000'000) return Decimal(us / 1e3, 0) + "ms";
  if (us < 10'000'000) return Decimal(us / 1e6, 1) + "s";
  if (us < 120'000'000) return Decimal(us / 1e6, 0) + "s";
  return Decimal(us / 60e6, 0) + "m";
}

}  // namespace hearth::cli
