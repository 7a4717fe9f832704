#include "controller/logs/ring_reader.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "core/base/duration.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {
namespace {

constexpr size_t kBlock = 64 * 1024;
constexpr size_t kMaxLine = 512 * 1024;  // a line of 64 KiB with every byte escaped

}  // namespace

std::optional<LogLine> ParseLogLine(std::string_view text, const std::string& instance) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto field = [&](const char* name) {
    const auto it = json.find(name);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto time = ParseTime(field("time"));
  if (!time.ok()) return std::nullopt;
  return LogLine{*time, instance, field("stream"), field("call_id"), field("text")};
}

std::vector<LogLine> RingReader::ReadFile(const char* suffix, File* file) {
  std::vector<LogLine> out;
  const UniqueFd fd(open((base_ + suffix).c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return out;
  if (info.st_size < file->offset) *file = File{};
  std::string buffer(kBlock, '\0');
  while (true) {
    const ssize_t n = pread(fd.get(), buffer.data(), buffer.size(), file->offset);
    if (n <= 0) break;
    file->offset += n;
    file->partial.append(buffer, 0, static_cast<size_t>(n));
    size_t begin = 0, end = 0;
    while ((end = file->partial.find('\n', begin)) != std::string::npos) {
      auto line =
          ParseLogLine(std::string_view(file->partial).substr(begin, end - begin), instance_);
      if (line) out.push_back(std::move(*line));
      begin = end + 1;
    }
    file->partial.erase(0, begin);
    if (file->partial.size() > kMaxLine) file->partial.clear();
  }
  return out;
}

std::vector<LogLine> RingReader::Read() {
  std::vector<LogLine> a = ReadFile(".a", &a_);
  std::vector<LogLine> b = ReadFile(".b", &b_);
  // Within a file lines are in order; the older file comes first.
  const bool b_first = !a.empty() && !b.empty() && b.front().time < a.front().time;
  std::vector<LogLine>& first = b_first ? b : a;
  std::vector<LogLine>& second = b_first ? a : b;
  first.insert(first.end(), std::make_move_iterator(second.begin()),
               std::make_move_iterator(second.end()));
  return std::move(first);
}

}  // namespace hearth::controller
