#include "cli/terminal/terminal.h"

#include <algorithm>
#include <ostream>

#include "core/base/strings.h"

namespace hearth::cli {
namespace {

std::string_view Code(Terminal::Style style) {
  switch (style) {
    case Terminal::Style::kBold:
      return "\033[1m";
    case Terminal::Style::kDim:
      return "\033[2m";
    case Terminal::Style::kGreen:
      return "\033[32m";
    case Terminal::Style::kYellow:
      return "\033[33m";
    case Terminal::Style::kRed:
      return "\033[31m";
  }
  return "";
}

std::string Styled(bool colour, Terminal::Style style, std::string_view text) {
  return colour ? Cat(Code(style), text, "\033[0m") : std::string(text);
}

// Characters, not bytes: continuation bytes of UTF-8 take no column.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string Terminal::Out(Style style, std::string_view text) const {
  return Styled(options_.colour && options_.out_is_terminal, style, text);
}

std::string Terminal::Err(Style style, std::string_view text) const {
  return Styled(options_.colour && options_.err_is_terminal, style, text);
}

void Terminal::Progress(std::string_view text) {
  if (!options_.err_is_terminal) return;
  err_ << "\r\033[K" << Err(Style::kDim, text) << std::flush;
  progress_ = true;
}

void Terminal::EndProgress() {
  if (!progress_) return;
  err_ << "\r\033[K" << std::flush;
  progress_ = false;
}

void Terminal::Note(std::string_view text) {
  EndProgress();
  err_ << text << std::endl;
}

void Terminal::Warn(std::string_view text) {
  Note(Cat(Err(Style::kYellow, "warning:"), " ", text));
}

void Terminal::Error(std::string_view text) { Note(Cat(Err(Style::kRed, "error:"), " ", text)); }

std::string Table::Text() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (i >= widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - Width(row[i]) + 3, ' ');
    }
    out += std::string(line.substr(0, line.find_last_not_of(' ') + 1)) + "\n";
  }
  return out;
}

std::string ShortAge(int64_t seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds < 60) return Cat(seconds, "s");
  if (seconds < 3600) return Cat(seconds / 60, "m");
  if (seconds < 48 * 3600) return Cat(seconds / 3600, "h");
  return Cat(seconds / 86400, "d");
}

std::string Printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f) c = '?';
  }
  return out;
}

}  // namespace hearth::cli
