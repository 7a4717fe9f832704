#include "bench/load/http_call.h"

#include "core/base/strings.h"

namespace hearth::load {

void HttpCall::OnReuse() {
  kept_.clear();
  line_.clear();
  parser_.Reset();
  in_body_ = false;
  status_ = 0;
  size_ = 0;
  Send(target().head, host_.plan().options.body);
}

bool HttpCall::OnBytes(std::string_view bytes) {
  if (kept_.empty()) return Follow(bytes);
  std::string all = std::move(kept_);
  kept_.clear();
  all.append(bytes);
  return Follow(all);
}

bool HttpCall::Follow(std::string_view bytes) {
  while (!in_body_) {
    if (!ParseHead(&bytes)) return false;
    if (in_body_ || bytes.empty()) break;
    if (!kept_.empty()) return true;
  }
  return !in_body_ || ReadBody(bytes);
}

// Takes one head off the front of `bytes`, or keeps them all. False: it is none.
bool HttpCall::ParseHead(std::string_view* bytes) {
  http::ResponseHead head;
  const http::ParseState state = parser_.ParseResponse(*bytes, host_.plan().method, &head);
  if (state == http::ParseState::kError) return false;
  if (state == http::ParseState::kNeedMore) {
    kept_ = std::string(*bytes);
    return true;
  }
  bytes->remove_prefix(head.size);
  parser_.Reset();
  if (head.status < 200) return head.status != 101;  // an interim answer: another head follows
  in_body_ = true;
  status_ = head.status;
  keep_alive_ = head.keep_alive && head.body != http::BodyKind::kUntilClose;
  body_.Start(head.body, head.content_length);
  return true;
}

bool HttpCall::ReadBody(std::string_view bytes) {
  while (!body_.done() && !bytes.empty()) {
    const auto result = body_.Feed(bytes);
    if (result.state == http::ParseState::kError) return false;
    size_ += result.payload.size();
    if (host_.plan().options.events) TakeEvents(result.payload);
    bytes.remove_prefix(result.consumed);
  }
  if (!body_.done()) return true;
  if (!bytes.empty()) return false;  // more than one answer
  Done();
  return true;
}

// "data: 123456789\n": the sender's monotonic time.
void HttpCall::TakeEvents(std::string_view payload) {
  for (const char c : payload) {
    if (c != '\n') {
      if (line_.size() < 64) line_.push_back(c);
      continue;
    }
    if (std::string_view(line_).starts_with("data: ")) {
      if (const auto sent = ParseInt(Trim(std::string_view(line_).substr(6)))) {
        host_.recorder().RecordEvent(
            (host_.clock().Now() - MonotonicTime(Duration(*sent))).count());
      }
    }
    line_.clear();
  }
}

void HttpCall::OnEndOfInput() {
  if (in_body_ && body_.EndOfInput()) return Done();
  GiveUp(Failure::kReset);
}

void HttpCall::Done() {
  const int64_t expected = host_.plan().options.expect_size;
  const bool good = status_ >= 200 && status_ < 300;
  if (good && expected >= 0 && size_ != static_cast<uint64_t>(expected)) {
    return GiveUp(Failure::kWrongSize);
  }
  // An answer that came before the request was sent whole leaves a connection nobody can use.
  if (!keep_alive_ || sending()) Close();
  Finish({Failure::kNone, status_});
}

}  // namespace hearth::load
