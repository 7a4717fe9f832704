#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "core/net/stream.h"
#include "watchdog/logs/line_splitter.h"
#include "watchdog/logs/sink.h"

namespace hearth::watchdog {

// The function's log: takes lines of its output, adds the call id where exactly one call is inside,
// and remembers the last ones for the status document. Belongs to the loop's thread; owned by the
// App, outlives the readers.
class FunctionLog {
 public:
  static constexpr size_t kRemembered = 20;
  // `call_id` is asked at every line.
  FunctionLog(LogSink& sink, std::function<std::string_view()> call_id, size_t line_max)
      : sink_(sink), call_id_(std::move(call_id)), line_max_(line_max) {}
  void Line(std::string_view stream, std::string_view text);
  void Line(std::string_view stream, std::string_view call_id, std::string_view text);
  void Platform(std::string_view text);
  const std::deque<std::string>& last_lines() const { return last_; }
  size_t line_max() const { return line_max_; }

 private:
  LogSink& sink_;
  std::function<std::string_view()> call_id_;
  size_t line_max_;
  std::deque<std::string> last_;
};

// Reads one pipe of the function's output to its end, into the log. Owned by whoever owns the
// process.
class OutputReader final : public net::StreamHandler {
 public:
  // `stream`: "stdout" or "stderr". `call_id`: of the one call this output belongs to; empty: asks
  // the log.
  OutputReader(FunctionLog& log, std::string_view stream, std::unique_ptr<net::Stream> pipe,
               std::string call_id = {});
  ~OutputReader() override;
  // Takes what is there without waiting: after the process has ended.
  void Drain();
  void Finish();  // the same, and the last line without its end
  // The last lines, at most kTail bytes; kept only where the output belongs to one call.
  static constexpr size_t kTail = 4096;
  const std::string& tail() const { return tail_; }
  void OnReadable() override;
  void OnWritable() override {}

 private:
  void Line(std::string_view text);
  FunctionLog& log_;
  std::string stream_;
  std::unique_ptr<net::Stream> pipe_;
  std::string call_id_;
  std::string tail_;
  LineSplitter lines_;
};

}  // namespace hearth::watchdog
