#include "watchdog/logs/sink.h"

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "core/base/duration.h"
#include "core/base/json_escape.h"

namespace hearth::watchdog {
namespace {

constexpr Duration kRetry = std::chrono::milliseconds(20);

struct FileState {
  uint64_t size = 0;
  int64_t changed_ns = 0;
};

FileState StateOf(int fd) {
  struct stat s {};
  if (fstat(fd, &s) != 0) return {};
  return {static_cast<uint64_t>(s.st_size), s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec};
}

}  // namespace

std::string FormatJsonLine(const LogLine& line, WallTime now) {
  std::string out = "{\"time\":\"" + FormatTimeNanos(now) + "\",\"stream\":\"";
  out += line.stream;
  out += '"';
  if (!line.call_id.empty()) {
    out += ",\"call_id\":";
    AppendJsonString(&out, line.call_id);
  }
  out += ",\"text\":";
  AppendJsonString(&out, line.text);
  out += "}\n";
  return out;
}

std::string FormatTextLine(const LogLine& line, WallTime now, const TextFormat& format) {
  std::string out;
  if (format.prefix) {
    const time_t seconds =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    tm utc{};
    gmtime_r(&seconds, &utc);
    char text[32];
    strftime(text, sizeof text, "%Y/%m/%d %H:%M:%S ", &utc);
    out = text;
    out += line.stream;
    out += ": ";
  }
  out += line.text;
  if (format.call_id && !line.call_id.empty()) {
    out += " [";
    out += line.call_id;
    out += ']';
  }
  out += '\n';
  return out;
}

RingSink::RingSink(const Clock& clock, int fd_a, int fd_b, uint64_t max_bytes)
    : clock_(clock), fds_{fd_a, fd_b}, half_(max_bytes / 2) {
  const FileState a = StateOf(fd_a);
  const FileState b = StateOf(fd_b);
  if (b.size > 0 && (a.size == 0 || b.changed_ns > a.changed_ns)) current_ = 1;
  used_ = current_ == 0 ? a.size : b.size;
}

void RingSink::Write(const LogLine& line) {
  const std::string text = FormatJsonLine(line, clock_.WallNow());
  if (used_ > 0 && used_ + text.size() > half_) {
    current_ = 1 - current_;
    used_ = 0;
    if (ftruncate(fds_[current_], 0) != 0) used_ = StateOf(fds_[current_]).size;
  }
  const ssize_t n = write(fds_[current_], text.data(), text.size());
  if (n == static_cast<ssize_t>(text.size())) {
    used_ += text.size();
    return;
  }
  // A full disk: half a line would break the one after it.
  ++dropped_;
  if (n > 0 && ftruncate(fds_[current_], static_cast<off_t>(used_)) != 0) {
    used_ += static_cast<uint64_t>(n);
  }
}

TextSink::TextSink(net::Loop& loop, int fd, const TextFormat& format)
    : loop_(loop), fd_(fd), format_(format), retry_([this] { Flush(); }) {}

TextSink::~TextSink() { Flush(); }

void TextSink::Write(const LogLine& line) {
  const std::string text = FormatTextLine(line, loop_.clock().WallNow(), format_);
  if (pending_.size() + text.size() > kPending) {
    ++dropped_;
    return;
  }
  pending_ += text;
  if (!retry_.armed()) Flush();
}

// The descriptor is shared with others and may block: only as much is written as surely fits.
void TextSink::Flush() {
  size_t done = 0;
  while (done < pending_.size()) {
    pollfd p{fd_, POLLOUT, 0};
    if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0) break;
    const ssize_t n =
        write(fd_, pending_.data() + done, std::min<size_t>(pending_.size() - done, PIPE_BUF));
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  pending_.erase(0, done);
  if (!pending_.empty()) loop_.ArmAfter(retry_, kRetry);
}

}  // namespace hearth::watchdog
