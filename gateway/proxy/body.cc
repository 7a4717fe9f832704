#include "gateway/proxy/body.h"

#include <algorithm>

#include "core/http/writer.h"

namespace hearth::proxy {

using http::BodyKind;

void BodyReader::Start(BodyKind kind, uint64_t length) {
  kind_ = kind;
  remaining_ = length;
  done_ = kind == BodyKind::kNone || (kind == BodyKind::kLength && length == 0);
  if (kind == BodyKind::kChunked) chunked_.Reset();
}

bool BodyReader::Take(std::string_view input, BodyBatch* batch) {
  batch->count = batch->payload = batch->consumed = 0;
  batch->last = done_;
  if (done_) return true;
  if (kind_ == BodyKind::kLength || kind_ == BodyKind::kUntilClose) {
    const size_t n = kind_ == BodyKind::kLength
                         ? static_cast<size_t>(std::min<uint64_t>(remaining_, input.size()))
                         : input.size();
    if (n != 0) batch->pieces[batch->count++] = {const_cast<char*>(input.data()), n};
    batch->payload = batch->consumed = n;
    if (kind_ == BodyKind::kLength) {
      remaining_ -= n;
      batch->last = done_ = remaining_ == 0;
    }
    return true;
  }
  while (batch->consumed < input.size() && batch->count < BodyBatch::kMost) {
    const auto fed = chunked_.Feed(input.substr(batch->consumed));
    if (fed.state == http::ParseState::kError) return false;
    batch->consumed += fed.consumed;
    if (!fed.payload.empty()) {
      batch->pieces[batch->count++] = {const_cast<char*>(fed.payload.data()), fed.payload.size()};
      batch->payload += fed.payload.size();
    }
    if (fed.state == http::ParseState::kDone) {
      batch->last = done_ = true;
      break;
    }
    if (fed.consumed == 0) break;
  }
  return true;
}

FramedBatch::FramedBatch(std::string_view head, BodyKind framing, const BodyBatch& batch,
                         std::string_view trailer) {
  Add(head);
  if (framing == BodyKind::kNone) return;
  const bool chunked = framing == BodyKind::kChunked;
  if (chunked && batch.payload != 0)
    Add({size_line_, http::WriteChunkSize(batch.payload, size_line_)});
  for (size_t i = 0; i < batch.count; ++i) pieces_[count_++] = batch.pieces[i];
  if (!chunked) return;
  if (batch.payload != 0) Add("\r\n");
  if (!batch.last) return;
  Add("0\r\n");
  Add(trailer);
  Add("\r\n");
}

}  // namespace hearth::proxy
