#include "watchdog/logs/output_reader.h"

namespace hearth::watchdog {
namespace {

// Of a remembered line.
constexpr size_t kRememberedLength = 1024;

}  // namespace

void FunctionLog::Line(std::string_view stream, std::string_view call_id, std::string_view text) {
  sink_.Write({stream, call_id, text});
  if (last_.size() == kRemembered) last_.pop_front();
  last_.emplace_back(text.substr(0, kRememberedLength));
}

void FunctionLog::Line(std::string_view stream, std::string_view text) {
  Line(stream, call_id_(), text);
}

void FunctionLog::Platform(std::string_view text) { sink_.Write({"platform", {}, text}); }

OutputReader::OutputReader(FunctionLog& log, std::string_view stream,
                           std::unique_ptr<net::Stream> pipe, std::string call_id)
    : log_(log),
      stream_(stream),
      pipe_(std::move(pipe)),
      call_id_(std::move(call_id)),
      lines_(log.line_max()) {
  if (pipe_ != nullptr) pipe_->SetHandler(this);
}

OutputReader::~OutputReader() { Finish(); }

void OutputReader::Finish() {
  Drain();
  lines_.Finish([this](std::string_view text) { Line(text); });
}

void OutputReader::Line(std::string_view text) {
  if (call_id_.empty()) {
    log_.Line(stream_, text);
  } else {
    log_.Line(stream_, call_id_, text);
    tail_.append(text).push_back('\n');
    if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
  }
}

void OutputReader::OnReadable() { Drain(); }

void OutputReader::Drain() {
  char buffer[16 * 1024];
  while (pipe_ != nullptr) {
    const net::IoResult r = pipe_->Read(buffer);
    if (r.status == net::IoStatus::kWouldBlock) return;
    if (r.status != net::IoStatus::kOk) {
      pipe_->SetHandler(nullptr);
      pipe_ = nullptr;
      return;
    }
    lines_.Feed({buffer, r.bytes}, [this](std::string_view text) { Line(text); });
  }
}

}  // namespace hearth::watchdog
