#include "core/base/duration.h"

#include <time.h>

#include <array>
#include <cstdio>
#include <limits>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth {
namespace {

struct Unit {
  std::string_view name;
  int64_t ns;
};
constexpr std::array<Unit, 7> kUnits{{{"ns", 1},
                                      {"us", 1'000},
                                      {"\xC2\xB5s", 1'000},
                                      {"ms", 1'000'000},
                                      {"s", 1'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"h", 3'600'000'000'000}}};

bool IsNumberChar(char c) { return (c >= '0' && c <= '9') || c == '.'; }

absl::Status BadDuration(std::string_view text, std::string_view what) {
  return InvalidArgument(Cat("\"", text, "\" is not a duration: ", what,
                             "; write it like \"500ms\", \"30s\", \"1h30m\""));
}

std::string Decimal(int64_t ns, int64_t unit, std::string_view name) {
  std::string out = Cat(ns / unit);
  if (const int64_t rest = ns % unit; rest != 0) {
    std::string fraction = Cat(unit + rest).substr(1);  // with its leading zeros
    while (fraction.back() == '0') fraction.pop_back();
    out += Cat('.', fraction);
  }
  return Cat(out, name);
}

struct Civil {
  tm fields{};
  int64_t nanos = 0;
};

Civil ToCivil(WallTime t) {
  const int64_t ns = t.time_since_epoch().count();
  int64_t seconds = ns / 1'000'000'000;
  int64_t rest = ns % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    --seconds;
  }
  Civil civil;
  civil.nanos = rest;
  const time_t as_time = seconds;
  gmtime_r(&as_time, &civil.fields);
  return civil;
}

std::string FormatCivil(const Civil& c) {
  char text[64];
  const int n = std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d",
                              c.fields.tm_year + 1900, c.fields.tm_mon + 1, c.fields.tm_mday,
                              c.fields.tm_hour, c.fields.tm_min, c.fields.tm_sec);
  return {text, static_cast<size_t>(n)};
}

// Reads `digits` digits at *at; -1 when there are none.
int TakeNumber(std::string_view text, size_t* at, size_t digits) {
  if (*at + digits > text.size()) return -1;
  int value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const char c = text[(*at)++];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

absl::StatusOr<Duration> ParseDuration(std::string_view text) {
  std::string_view rest = Trim(text);
  if (rest.empty()) return BadDuration(text, "it is empty");
  if (rest.front() == '-') return BadDuration(text, "it is negative");
  double total = 0;
  while (!rest.empty()) {
    size_t n = 0;
    while (n < rest.size() && IsNumberChar(rest[n])) ++n;
    const auto number = ParseDouble(rest.substr(0, n));
    if (!number) return BadDuration(text, "a number is missing");
    rest.remove_prefix(n);
    size_t m = 0;
    while (m < rest.size() && !IsNumberChar(rest[m])) ++m;
    const std::string_view name = rest.substr(0, m);
    rest.remove_prefix(m);
    int64_t unit = 0;
    for (const Unit& u : kUnits) {
      if (u.name == name) unit = u.ns;
    }
    if (name.empty() && total == 0 && rest.empty()) unit = 1'000'000'000;  // "60": seconds
    if (unit == 0) return BadDuration(text, Cat("unknown unit \"", name, "\""));
    total += *number * static_cast<double>(unit);
  }
  // 9.2e18 ns are 292 years; one percent less, so that the conversion cannot overflow.
  if (total > 9.1e18) return BadDuration(text, "it is too long");
  return Duration(static_cast<int64_t>(total + 0.5));
}

std::string FormatDuration(Duration d) {
  int64_t ns = d.count();
  if (ns == 0) return "0s";
  std::string out;
  if (ns < 0) {
    if (ns == std::numeric_limits<int64_t>::min()) ++ns;
    out = "-";
    ns = -ns;
  }
  if (ns < 1'000) return Cat(out, ns, "ns");
  if (ns < 1'000'000) return out + Decimal(ns, 1'000, "us");
  if (ns < 1'000'000'000) return out + Decimal(ns, 1'000'000, "ms");
  constexpr int64_t kHour = 3'600'000'000'000;
  constexpr int64_t kMinute = 60'000'000'000;
  if (ns >= kHour) out += Cat(ns / kHour, "h");
  ns %= kHour;
  if (ns >= kMinute) out += Cat(ns / kMinute, "m");
  ns %= kMinute;
  if (ns > 0) out += Decimal(ns, 1'000'000'000, "s");
  return out;
}

std::string FormatTime(WallTime t) { return FormatCivil(ToCivil(t)) + "Z"; }

std::string FormatTimeNanos(WallTime t) {
  const Civil c = ToCivil(t);
  return Cat(FormatCivil(c), ".", Cat(1'000'000'000 + c.nanos).substr(1), "Z");
}

absl::StatusOr<WallTime> ParseTime(std::string_view text) {
  const auto bad = [&] {
    return InvalidArgument(
        Cat("\"", text, "\" is not a time; write it like \"2024-05-01T12:00:00Z\""));
  };
  size_t at = 0;
  tm f{};
  const auto take = [&](size_t digits, char after, int* out) {
    const int value = TakeNumber(text, &at, digits);
    if (value < 0) return false;
    *out = value;
    if (after == 0) return true;
    return at < text.size() && text[at++] == after;
  };
  if (!take(4, '-', &f.tm_year) || !take(2, '-', &f.tm_mon) || !take(2, 'T', &f.tm_mday) ||
      !take(2, ':', &f.tm_hour) || !take(2, ':', &f.tm_min) || !take(2, 0, &f.tm_sec)) {
    return bad();
  }
  if (f.tm_mon < 1 || f.tm_mon > 12 || f.tm_mday < 1 || f.tm_mday > 31 || f.tm_hour > 23 ||
      f.tm_min > 59 || f.tm_sec > 60) {
    return bad();
  }
  int64_t nanos = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    int64_t unit = 100'000'000;
    const size_t start = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) {
      nanos += unit * (text[at] - '0');
    }
    if (at == start) return bad();
  }
  int64_t offset = 0;
  if (text.substr(at) != "Z" && text.substr(at) != "z") {
    if (at >= text.size() || (text[at] != '+' && text[at] != '-')) return bad();
    const int sign = text[at++] == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;
    if (!take(2, ':', &hours) || !take(2, 0, &minutes) || at != text.size()) return bad();
    offset = sign * (hours * 3600 + minutes * 60);
  }
  f.tm_year -= 1900;
  f.tm_mon -= 1;
  const int64_t seconds = timegm(&f) - offset;
  if (seconds < -9'000'000'000 || seconds > 9'000'000'000) return bad();  // past int64 nanoseconds
  return WallTime(Duration(seconds * 1'000'000'000 + nanos));
}

std::string FormatHttpDate(WallTime t) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const tm f = ToCivil(t).fields;
  char text[64];
  const int n =
      std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[f.tm_wday],
                    f.tm_mday, kMonths[f.tm_mon], f.tm_year + 1900, f.tm_hour, f.tm_min, f.tm_sec);
  return {text, static_cast<size_t>(n)};
}

}  // namespace hearth
