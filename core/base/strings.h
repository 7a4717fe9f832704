#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// Text helpers over std::string_view, ASCII only. They stand in for absl/strings, whose string_view
// is another type on Debian.

std::vector<std::string_view> Split(std::string_view text, char separator);  // "" gives one ""
std::vector<std::string_view> SplitFields(std::string_view text);  // at white space, none empty
std::string_view Trim(std::string_view text);
std::string Join(std::span<const std::string> parts, std::string_view separator);
std::string ToLower(std::string_view text);
bool EqualsIgnoreAsciiCase(std::string_view a, std::string_view b);
bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix);

std::optional<int64_t> ParseInt(std::string_view text);    // decimal, the whole text
std::optional<uint64_t> ParseUint(std::string_view text);  // decimal digits only, the whole text
std::optional<double> ParseDouble(std::string_view text);  // finite, the whole text

size_t EditDistance(std::string_view a, std::string_view b);
// The candidates that `name` may have been meant for, nearest first.
std::vector<std::string> NearNames(std::string_view name, std::span<const std::string> candidates,
                                   size_t max = 3);
// " (did you mean "x" or "y"?)" to end an error with, or "".
std::string Suggestion(std::string_view name, std::span<const std::string> candidates);

namespace internal {
inline void AppendPiece(std::string* out, std::string_view s) { out->append(s); }
inline void AppendPiece(std::string* out, char c) { out->push_back(c); }
template <std::integral T>
requires(!std::same_as<T, char> && !std::same_as<T, bool>) void AppendPiece(std::string* out,
                                                                            T value) {
  char digits[24];
  out->append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}
}  // namespace internal

// Cat("port ", 80, " is taken"): text and integers in one string.
template <typename... Args>
std::string Cat(const Args&... args) {
  std::string out;
  (internal::AppendPiece(&out, args), ...);
  return out;
}

// %XX and, in a query, "+" for a space. nullopt: a malformed escape.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space = false);
std::string PercentEncode(std::string_view text);  // all but unreserved characters

}  // namespace hearth
