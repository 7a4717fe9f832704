#include "core/base/quantity.h"

#include <array>
#include <cmath>
#include <optional>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth {
namespace {

struct Suffix {
  std::string_view name;
  double factor;
};
constexpr std::array<Suffix, 14> kSuffixes{{{"", 1},
                                            {"m", 1e-3},
                                            {"k", 1e3},
                                            {"K", 1e3},
                                            {"M", 1e6},
                                            {"G", 1e9},
                                            {"T", 1e12},
                                            {"P", 1e15},
                                            {"Ki", 1024.0},
                                            {"Mi", 1048576.0},
                                            {"Gi", 1073741824.0},
                                            {"Ti", 1099511627776.0},
                                            {"Pi", 1125899906842624.0},
                                            {"B", 1}}};

std::optional<double> ParseQuantity(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && ((text[n] >= '0' && text[n] <= '9') || text[n] == '.')) ++n;
  // An exponent counts as part of the number only where digits follow: "1e3", but "1E" is nothing.
  if (n > 0 && n + 1 < text.size() && (text[n] == 'e' || text[n] == 'E')) {
    size_t m = n + 1;
    if (text[m] == '+' || text[m] == '-') ++m;
    const size_t first = m;
    while (m < text.size() && text[m] >= '0' && text[m] <= '9') ++m;
    if (m > first) n = m;
  }
  const auto number = ParseDouble(text.substr(0, n));
  if (!number) return std::nullopt;
  const std::string_view suffix = text.substr(n);
  for (const Suffix& s : kSuffixes) {
    if (s.name == suffix) return *number * s.factor;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  std::string_view t = Trim(text);
  if (t.size() > 2 && t.back() == 'B' && !(t[t.size() - 2] >= '0' && t[t.size() - 2] <= '9')) {
    t.remove_suffix(1);  // "1MiB"
  }
  const auto value = ParseQuantity(t);
  if (!value || *value > 9.2e18) {
    return InvalidArgument(
        Cat("\"", text, "\" is not a size; write it like \"128Mi\", \"1Gi\" or \"500000\""));
  }
  return static_cast<uint64_t>(std::ceil(*value));
}

absl::StatusOr<uint64_t> ParseMilliCpu(std::string_view text) {
  const auto value = ParseQuantity(Trim(text));
  if (!value || *value > 1e9) {
    return InvalidArgument(
        Cat("\"", text, "\" is not an amount of CPU; write it like \"500m\", \"0.5\" or \"2\""));
  }
  return static_cast<uint64_t>(std::ceil(*value * 1000 - 1e-6));
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits{"", "Ki", "Mi", "Gi", "Ti", "Pi"};
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return Cat(bytes, kUnits[unit]);
}

}  // namespace hearth
