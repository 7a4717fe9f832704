#include "watchdog/modes/static.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/base/duration.h"
#include "core/base/strings.h"
#include "core/http/writer.h"
#include "watchdog/modes/file_answer.h"

namespace hearth::watchdog {
namespace {

constexpr size_t kPiece = 64 * 1024;

FileConditions ConditionsOf(const http::RequestHead& head) {
  const auto get = [&](std::string_view name) { return head.headers.Find(name).value_or(""); };
  return {get("If-None-Match"), get("If-Modified-Since"), get("Range"), get("If-Range")};
}

}  // namespace

// One file on its way out. Owned by its Call.
class StaticMode::FileCall final : public CallHandler {
 public:
  FileCall(Call& call, UniqueFd file, uint64_t offset, uint64_t length)
      : call_(call), file_(std::move(file)), offset_(offset), left_(length) {}

  void Run() {
    std::vector<char> piece(std::min<uint64_t>(kPiece, left_));
    while (left_ > 0) {
      const ssize_t n = pread(file_.get(), piece.data(),
                              static_cast<size_t>(std::min<uint64_t>(piece.size(), left_)),
                              static_cast<off_t>(offset_));
      if (n <= 0) {  // it has become shorter meanwhile
        call_.Abort("truncated");
        return;
      }
      offset_ += static_cast<uint64_t>(n);
      left_ -= static_cast<uint64_t>(n);
      if (!call_.Write({piece.data(), static_cast<size_t>(n)}) && left_ > 0) return;
      if (call_.finished()) return;
    }
    call_.End();
  }

  void OnWritable() override { Run(); }
  void OnCallerGone() override { call_.Finish(); }
  void OnTimeout() override { call_.Abort("timeout"); }

 private:
  Call& call_;
  UniqueFd file_;
  uint64_t offset_;
  uint64_t left_;
};

StaticMode::StaticMode(ModeHost& host, const Config& config) : host_(host), config_(config) {}
StaticMode::~StaticMode() = default;

void StaticMode::Start() {
  root_.Reset(open(config_.static_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root_.valid()) {
    host_.OnFunctionFailed(Cat("static_path ", config_.static_path, ": ", std::strerror(errno)));
    return;
  }
  host_.OnFunctionReady();
}

void StaticMode::NotFound(Call& call) {
  call.Respond(404, "Content-Type: text/plain; charset=utf-8\r\n", "404 page not found\n");
}

void StaticMode::Handle(Call& call) {
  if (call.method() != "GET" && call.method() != "HEAD") {
    call.Respond(405, "Allow: GET, HEAD\r\nContent-Type: text/plain; charset=utf-8\r\n",
                 "405 only GET and HEAD\n");
    return;
  }
  const std::optional<std::string> name = FileName(call.head().path);
  if (!name) {
    NotFound(call);
    return;
  }
  UniqueFd file = OpenBeneath(root_.get(), *name);
  struct stat s {};
  if (!file.valid() || fstat(file.get(), &s) != 0) {
    NotFound(call);
  } else if (S_ISDIR(s.st_mode)) {
    ServeFolder(call, *name);
  } else if (S_ISREG(s.st_mode) && !name->ends_with('/')) {
    ServeFile(call, *name, std::move(file));
  } else {
    NotFound(call);
  }
}

void StaticMode::ServeFolder(Call& call, std::string name) {
  const std::string_view path = call.head().path;
  if (!name.empty() && !name.ends_with('/')) {
    // Relative links of the page would lead astray. Relative itself: the gateway's prefix stays.
    const size_t slash = path.rfind('/');
    std::string location = Cat(path.substr(slash + 1), "/");
    if (!call.head().query.empty()) location += Cat("?", call.head().query);
    call.Respond(301, Cat("Location: ./", location, "\r\n"), "");
    return;
  }
  name += "index.html";
  UniqueFd file = OpenBeneath(root_.get(), name);
  struct stat s {};
  if (!file.valid() || fstat(file.get(), &s) != 0 || !S_ISREG(s.st_mode)) {
    NotFound(call);
    return;
  }
  ServeFile(call, name, std::move(file));
}

void StaticMode::ServeFile(Call& call, const std::string& name, UniqueFd file) {
  struct stat s {};
  fstat(file.get(), &s);
  const FileFacts facts{static_cast<uint64_t>(s.st_size), s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
  const FileAnswer answer = Decide(facts, ConditionsOf(call.head()));
  std::string fields;
  http::HeadWriter<std::string> w(&fields);
  w.Field("ETag", EtagOf(facts))
      .Field("Last-Modified", FormatHttpDate(WallTime(std::chrono::seconds(facts.modified))))
      .Field("Accept-Ranges", "bytes");
  if (answer.status == 416) {
    w.Field("Content-Range", Cat("bytes */", facts.size));
    call.Respond(416, fields, "");
    return;
  }
  if (answer.status == 206) {
    w.Field("Content-Range",
            Cat("bytes ", answer.offset, "-", answer.offset + answer.length - 1, "/", facts.size));
  }
  if (answer.status != 304) w.Field("Content-Type", ContentTypeOf(name));
  const bool body = answer.status != 304 && call.method() == "GET";
  auto handler =
      std::make_unique<FileCall>(call, std::move(file), answer.offset, body ? answer.length : 0);
  FileCall* run = handler.get();
  call.Start(std::move(handler));
  call.Begin(answer.status, {}, fields, answer.length);
  run->Run();
}

}  // namespace hearth::watchdog
