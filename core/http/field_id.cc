#include "core/http/field_id.h"

#include <cstddef>
#include <cstring>

namespace hearth::http {
namespace {

// Eight bytes in lower case. Exact where the bytes are token characters and those compared with are
// lower-case letters, digits or "-": no other token character meets one of these by this bit.
uint64_t Folded(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word | 0x2020202020202020ULL;
}

// `name` has the literal's length.
template <size_t N>
bool Same(const char* name, const char (&lower)[N]) {
  constexpr size_t kSize = N - 1;
  if constexpr (kSize < 8) {
    for (size_t i = 0; i < kSize; ++i) {
      if ((name[i] | 0x20) != lower[i]) return false;
    }
    return true;
  } else {
    for (size_t i = 0; i + 8 <= kSize; i += 8) {
      if (Folded(name + i) != Folded(lower + i)) return false;
    }
    return Folded(name + kSize - 8) == Folded(lower + kSize - 8);  // the rest, overlapping
  }
}

FieldId OfLength(std::string_view name) {
  const char* const p = name.data();
  switch (name.size()) {
    case 2:
      return Same(p, "te") ? FieldId::kTe : FieldId::kOther;
    case 4:
      return Same(p, "host") ? FieldId::kHost : FieldId::kOther;
    case 6:
      return Same(p, "expect") ? FieldId::kExpect : FieldId::kOther;
    case 7:
      if (Same(p, "upgrade")) return FieldId::kUpgrade;
      return Same(p, "trailer") ? FieldId::kTrailer : FieldId::kOther;
    case 9:
      return Same(p, "x-call-id") ? FieldId::kXCallId : FieldId::kOther;
    case 10:
      if (Same(p, "user-agent")) return FieldId::kUserAgent;
      if (Same(p, "connection")) return FieldId::kConnection;
      return Same(p, "keep-alive") ? FieldId::kKeepAlive : FieldId::kOther;
    case 11:
      return Same(p, "x-served-by") ? FieldId::kXServedBy : FieldId::kOther;
    case 12:
      return Same(p, "x-start-time") ? FieldId::kXStartTime : FieldId::kOther;
    case 13:
      return Same(p, "x-hearth-busy") ? FieldId::kXHearthBusy : FieldId::kOther;
    case 14:
      if (Same(p, "content-length")) return FieldId::kContentLength;
      if (Same(p, "x-hearth-token")) return FieldId::kXHearthToken;
      return Same(p, "http2-settings") ? FieldId::kHttp2Settings : FieldId::kOther;
    case 15:
      return Same(p, "x-forwarded-for") ? FieldId::kXForwardedFor : FieldId::kOther;
    case 16:
      if (Same(p, "x-forwarded-host")) return FieldId::kXForwardedHost;
      return Same(p, "proxy-connection") ? FieldId::kProxyConnection : FieldId::kOther;
    case 17:
      if (Same(p, "transfer-encoding")) return FieldId::kTransferEncoding;
      if (Same(p, "x-forwarded-proto")) return FieldId::kXForwardedProto;
      return Same(p, "x-hearth-draining") ? FieldId::kXHearthDraining : FieldId::kOther;
    case 18:
      return Same(p, "proxy-authenticate") ? FieldId::kProxyAuthenticate : FieldId::kOther;
    case 19:
      if (Same(p, "proxy-authorization")) return FieldId::kProxyAuthorization;
      return Same(p, "x-hearth-timeout-ms") ? FieldId::kXHearthTimeoutMs : FieldId::kOther;
    default:
      return FieldId::kOther;
  }
}

}  // namespace

FieldId FieldIdOf(std::string_view name) {
  const FieldId id = OfLength(name);
  if (id == FieldId::kOther && name.size() > 9 && Same(name.data(), "x-hearth-")) {
    return FieldId::kXHearthOther;
  }
  return id;
}

}  // namespace hearth::http
