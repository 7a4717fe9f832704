#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/unique_fd.h"
#include "gateway/accesslog/entry.h"
#include "gateway/accesslog/ring.h"

namespace hearth::accesslog {

struct WriterOptions {
  Format format = Format::kText;
  std::string path = "-";       // "-": standard output
  uint32_t sample = 1;          // of successful requests one in so many; failures always
  size_t ring_bytes = 1 << 20;  // for each loop
};

// Writes lines on a thread of its own, so that no loop waits for a file. One Sink a loop, which
// makes the lines: handing over an entry would cost a loop as much as the finished text. Owned by
// the application; destroyed after the loops have stopped, it writes what is left.
class Writer {
 public:
  // The end of one loop's ring. Log belongs to that loop's thread.
  class Sink {
   public:
    Sink(Writer* writer, const WriterOptions& options)
        : writer_(writer),
          sample_(options.sample),
          formatter_(options.format),
          ring_(options.ring_bytes) {}
    void Log(const Entry& entry);
    // Whether an exchange with this outcome is to be logged: asked before an Entry is made.
    bool Wants(int status, bool platform_error);

   private:
    friend class Writer;
    Writer* const writer_;
    const uint32_t sample_;
    uint32_t countdown_ = 0;
    LineFormatter formatter_;
    Ring ring_;
  };

  static absl::StatusOr<std::unique_ptr<Writer>> Open(const WriterOptions& options, size_t loops);
  ~Writer();

  Sink* sink(size_t loop) { return sinks_[loop].get(); }
  uint64_t dropped() const;  // lines that no ring had room for, and those that were not written

 private:
  Writer(const WriterOptions& options, size_t loops);
  absl::Status OpenFile();
  void ReopenWhenMoved();  // log rotation renames the file: the next line starts a new one
  void Run();
  void Drain();
  void Write(std::string_view lines);
  void Wake() { wake_.notify_one(); }

  const WriterOptions options_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  UniqueFd file_;
  std::atomic<uint64_t> lost_{0};
  std::mutex mutex_;  // guards stopping_
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace hearth::accesslog
