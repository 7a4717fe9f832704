#include "gateway/accesslog/writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"

namespace hearth::accesslog {
namespace {

// A line is on disk at most this much after its request; a ring that fills up wakes the writer.
constexpr auto kInterval = std::chrono::milliseconds(200);

}  // namespace

bool Writer::Sink::Wants(int status, bool platform_error) {
  if (sample_ <= 1 || platform_error || status >= 400 || status == 0) return true;
  if (countdown_ == 0) {
    countdown_ = sample_ - 1;
    return true;
  }
  --countdown_;
  return false;
}

void Writer::Sink::Log(const Entry& entry) {
  ring_.Push(formatter_.Line(entry));
  if (ring_.half_full()) writer_->Wake();
}

Writer::Writer(const WriterOptions& options, size_t loops) : options_(options) {
  for (size_t i = 0; i < loops; ++i) sinks_.push_back(std::make_unique<Sink>(this, options_));
}

absl::StatusOr<std::unique_ptr<Writer>> Writer::Open(const WriterOptions& options, size_t loops) {
  std::unique_ptr<Writer> writer(new Writer(options, loops));
  RETURN_IF_ERROR(writer->OpenFile());
  writer->thread_ = std::thread([w = writer.get()] { w->Run(); });
  return writer;
}

absl::Status Writer::OpenFile() {
  const int fd = options_.path == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                                      : ::open(options_.path.c_str(),
                                               O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) {
    return InvalidArgument("cannot open the access log \"" + options_.path +
                           "\": " + std::strerror(errno) + "; see --access-log-file");
  }
  file_.Reset(fd);
  return absl::OkStatus();
}

Writer::~Writer() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

uint64_t Writer::dropped() const {
  uint64_t total = lost_.load(std::memory_order_relaxed);
  for (const auto& sink : sinks_) total += sink->ring_.dropped();
  return total;
}

void Writer::ReopenWhenMoved() {
  if (options_.path == "-") return;
  struct stat there {};
  struct stat here {};
  const bool same = ::stat(options_.path.c_str(), &there) == 0 &&
                    ::fstat(file_.get(), &here) == 0 && there.st_ino == here.st_ino &&
                    there.st_dev == here.st_dev;
  if (!same) (void)OpenFile();  // where that fails, the old file goes on
}

void Writer::Run() {
  for (;;) {
    bool stopping = false;
    {
      std::unique_lock lock(mutex_);
      if (!stopping_) wake_.wait_for(lock, kInterval);
      stopping = stopping_;
    }
    ReopenWhenMoved();
    Drain();
    if (stopping) return;
  }
}

void Writer::Drain() {
  for (const auto& sink : sinks_) {
    const Ring::Lines lines = sink->ring_.Readable();
    Write(lines.first);
    Write(lines.second);
    sink->ring_.Consume(lines);
  }
}

void Writer::Write(std::string_view lines) {
  size_t written = 0;
  while (written < lines.size()) {
    const ssize_t n = ::write(file_.get(), lines.data() + written, lines.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {  // a full disk loses lines, never requests
      const auto left =
          std::count(lines.begin() + static_cast<std::ptrdiff_t>(written), lines.end(), '\n');
      lost_.fetch_add(static_cast<uint64_t>(left), std::memory_order_relaxed);
      return;
    }
    written += static_cast<size_t>(n);
  }
}

}  // namespace hearth::accesslog
