#include "controller/logs/log_store.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "controller/logs/ring_reader.h"
#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/json_escape.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

// With the default of 10 MB: eight replicas at once, or the last eight.
constexpr uint64_t kRingsPerFunction = 8;

bool Matches(const LogQuery& query, const LogLine& line) {
  return !query.since || line.time >= *query.since;
}

// The rings of a function, as instance → base path ("…/REPLICA", without ".a").
std::map<std::string, std::string> RingsIn(const std::string& folder, const std::string& instance) {
  std::map<std::string, std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".a") continue;
    if (instance.empty() || instance == name) out[name] = folder + "/" + name;
  }
  return out;
}

void SortByTime(std::vector<LogLine>* lines) {
  std::stable_sort(lines->begin(), lines->end(),
                   [](const LogLine& a, const LogLine& b) { return a.time < b.time; });
}

class Cursor final : public LogCursor {
 public:
  Cursor(std::string folder, LogQuery query)
      : folder_(std::move(folder)), query_(std::move(query)) {}

  std::vector<LogLine> Next(size_t max_lines) override {
    for (const auto& [instance, base] : RingsIn(folder_, query_.instance)) {
      auto [it, added] = readers_.try_emplace(instance, base, instance);
      for (LogLine& line : it->second.Read()) {
        if (Matches(query_, line)) waiting_.push_back(std::move(line));
      }
    }
    SortByTime(&waiting_);
    if (first_ && query_.tail && waiting_.size() > *query_.tail) {
      waiting_.erase(waiting_.begin(), waiting_.end() - static_cast<ptrdiff_t>(*query_.tail));
    }
    first_ = false;
    const size_t count = std::min(max_lines, waiting_.size());
    const auto end = waiting_.begin() + static_cast<ptrdiff_t>(count);
    std::vector<LogLine> out(std::make_move_iterator(waiting_.begin()),
                             std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    return out;
  }

 private:
  const std::string folder_;
  const LogQuery query_;
  std::map<std::string, RingReader> readers_;
  std::vector<LogLine> waiting_;  // bounded by the function's rings
  bool first_ = true;
};

}  // namespace

LogStore::LogStore(std::string folder, uint64_t max_bytes_per_function)
    : folder_(std::move(folder)), max_bytes_(max_bytes_per_function) {}

uint64_t LogStore::ring_bytes() const { return max_bytes_ / kRingsPerFunction; }

std::string LogStore::FunctionFolder(const FunctionKey& function) const {
  return Cat(folder_, "/", function.ns, "/", function.name);
}

absl::StatusOr<LogRing> LogStore::OpenRing(const FunctionKey& function, const ReplicaId& replica) {
  const std::string folder = FunctionFolder(function);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Unavailable(Cat("cannot create ", folder, ": ", error.message()));
  UniqueFd files[2];
  for (int i = 0; i < 2; ++i) {
    const std::string path = Cat(folder, "/", replica.value(), i == 0 ? ".a" : ".b");
    // Readable as well: the watchdog looks which of the two is the older one.
    files[i].Reset(open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!files[i].valid()) return Unavailable(Cat("cannot open ", path, ": ", strerror(errno)));
  }
  return LogRing{files[0].Release(), files[1].Release()};
}

void LogStore::AppendPlatform(const FunctionKey& function, const ReplicaId& replica,
                              std::string_view text, WallTime now) {
  const std::string base = Cat(FunctionFolder(function), "/", replica.value());
  struct stat a {
  }, b{};
  const bool has_b = stat((base + ".b").c_str(), &b) == 0 && b.st_size > 0;
  const bool has_a = stat((base + ".a").c_str(), &a) == 0;
  const bool newer_b =
      has_b && has_a &&
      (b.st_mtim.tv_sec > a.st_mtim.tv_sec ||
       (b.st_mtim.tv_sec == a.st_mtim.tv_sec && b.st_mtim.tv_nsec > a.st_mtim.tv_nsec));
  UniqueFd fd(open((base + (newer_b ? ".b" : ".a")).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!fd.valid()) return;
  const std::string line = Cat("{\"time\":\"", FormatTimeNanos(now),
                               "\",\"stream\":\"platform\",\"text\":", JsonString(text), "}\n");
  if (write(fd.get(), line.data(), line.size()) < 0) return;  // a full disk loses a line, not more
}

std::vector<LogLine> LogStore::Query(const LogQuery& query) const {
  std::vector<LogLine> out;
  for (const auto& [instance, base] : RingsIn(FunctionFolder(query.function), query.instance)) {
    for (LogLine& line : RingReader(base, instance).Read()) {
      if (Matches(query, line)) out.push_back(std::move(line));
    }
  }
  SortByTime(&out);
  if (query.tail && out.size() > *query.tail) {
    out.erase(out.begin(), out.end() - static_cast<ptrdiff_t>(*query.tail));
  }
  return out;
}

std::unique_ptr<LogCursor> LogStore::Follow(const LogQuery& query) const {
  return std::make_unique<Cursor>(FunctionFolder(query.function), query);
}

std::vector<std::string> LogStore::LastLines(const FunctionKey& function, const ReplicaId& replica,
                                             size_t count) const {
  std::vector<std::string> out;
  for (LogLine& line : Query({function, replica.value(), count, {}})) {
    out.push_back(std::move(line.text));
  }
  return out;
}

void LogStore::Prune(const FunctionKey& function, const std::vector<ReplicaId>& live) {
  struct Ring {
    std::string base;
    uint64_t bytes = 0;
    timespec changed{};
  };
  std::set<std::string> kept;
  for (const ReplicaId& id : live) kept.insert(id.value());
  std::vector<Ring> gone;
  uint64_t total = 0;
  for (const auto& [instance, base] : RingsIn(FunctionFolder(function), "")) {
    Ring ring{base};
    for (const char* end : {".a", ".b"}) {
      struct stat info {};
      if (stat((base + end).c_str(), &info) != 0) continue;
      ring.bytes += static_cast<uint64_t>(info.st_size);
      if (info.st_mtim.tv_sec > ring.changed.tv_sec) ring.changed = info.st_mtim;
    }
    total += ring.bytes;
    if (kept.count(instance) == 0) gone.push_back(ring);
  }
  std::sort(gone.begin(), gone.end(), [](const Ring& x, const Ring& y) {
    return std::tie(x.changed.tv_sec, x.changed.tv_nsec) <
           std::tie(y.changed.tv_sec, y.changed.tv_nsec);
  });
  // An empty ring costs an entry in the folder: there is a bound for their number as well.
  constexpr size_t kMaxRings = 200;
  size_t left = gone.size();
  for (const Ring& ring : gone) {
    if (total <= max_bytes_ && left <= kMaxRings) break;
    unlink((ring.base + ".b").c_str());
    unlink((ring.base + ".a").c_str());
    total -= ring.bytes;
    --left;
  }
}

void LogStore::RemoveFunction(const FunctionKey& function) {
  std::error_code ignored;
  fs::remove_all(FunctionFolder(function), ignored);
}

}  // namespace hearth::controller
