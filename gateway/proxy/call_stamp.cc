#include "gateway/proxy/call_stamp.h"

#include <algorithm>
#include <cstring>

#include "core/http/writer.h"

namespace hearth::proxy {

void CallStamp::Begin(std::string_view given, UuidSource& uuids, WallTime arrival) {
  std::memcpy(text_.data(), kIdName.data(), kIdName.size());
  char* p = text_.data() + kIdAt;
  if (IsAcceptableCallId(given)) {
    std::memcpy(p, given.data(), given.size());
    id_size_ = given.size();
  } else {
    uuids.Write(p);
    id_size_ = UuidSource::kSize;
  }
  p += id_size_;
  std::memcpy(p, kTimeName.data(), kTimeName.size());
  p += kTimeName.size();
  p += http::FormatDecimal(static_cast<uint64_t>(arrival.time_since_epoch().count()), p);
  std::memcpy(p, "\r\n", 2);
  size_ = static_cast<size_t>(p + 2 - text_.data());
}

bool IsAcceptableCallId(std::string_view id) {
  if (id.empty() || id.size() > CallStamp::kLongestId) return false;
  return std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace hearth::proxy
