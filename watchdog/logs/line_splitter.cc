#include "watchdog/logs/line_splitter.h"

#include <algorithm>

namespace hearth::watchdog {
namespace {

// Where to cut a text that is too long: not inside a UTF-8 character.
size_t CutAt(std::string_view text, size_t max) {
  for (size_t n = max; n > 0 && max - n < 4; --n) {
    if ((static_cast<unsigned char>(text[n]) & 0xc0) != 0x80) return n;
  }
  return max;
}

}  // namespace

void LineSplitter::Emit(std::string_view line, const OnLine& on_line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.size() > max_) {
    const size_t n = CutAt(line, max_);
    on_line(line.substr(0, n));
    line.remove_prefix(n);
  }
  on_line(line);
}

void LineSplitter::Feed(std::string_view bytes, const OnLine& on_line) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    if (end != std::string_view::npos) {
      if (rest_.empty()) {
        Emit(bytes.substr(0, end), on_line);
      } else {
        rest_.append(bytes.substr(0, end));
        Emit(rest_, on_line);
        rest_.clear();
      }
      bytes.remove_prefix(end + 1);
      continue;
    }
    const size_t n = std::min(bytes.size(), max_ + 1 - rest_.size());
    rest_.append(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (rest_.size() > max_) {
      const size_t cut = CutAt(rest_, max_);
      on_line(std::string_view(rest_).substr(0, cut));
      rest_.erase(0, cut);
    }
  }
}

void LineSplitter::Finish(const OnLine& on_line) {
  if (rest_.empty()) return;
  Emit(rest_, on_line);
  rest_.clear();
  rest_.shrink_to_fit();
}

}  // namespace hearth::watchdog
