#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace hearth::watchdog {

// Cuts a stream of bytes into lines without their end ("\n" or "\r\n"). A line longer than `max` is
// cut into several, between UTF-8 characters where it can. Pure; holds at most `max` bytes.
class LineSplitter {
 public:
  using OnLine = std::function<void(std::string_view)>;
  explicit LineSplitter(size_t max) : max_(max) {}
  void Feed(std::string_view bytes, const OnLine& on_line);
  void Finish(const OnLine& on_line);  // what is left without an end of line

 private:
  void Emit(std::string_view line, const OnLine& on_line);
  size_t max_;
  std::string rest_;
};

}  // namespace hearth::watchdog
