#pragma once

#include <cstdint>
#include <string_view>

namespace hearth::http {

// Field names that some part of Hearth treats in a way of its own. The parser finds the id of each
// field once, so that whoever looks at a message switches on a number instead of comparing names.
enum class FieldId : uint8_t {
  kOther,
  // Of one connection (RFC 9110 §7.6.1): never forwarded. IsConnectionField relies on the order.
  kConnection,
  kKeepAlive,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  // The message's framing and its expectations.
  kContentLength,
  kExpect,
  kHost,
  kHttp2Settings,
  // What a proxy adds.
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXCallId,
  kXStartTime,
  kXServedBy,
  // Of the platform.
  kXHearthBusy,
  kXHearthDraining,
  kXHearthTimeoutMs,
  kXHearthToken,
  kXHearthOther,  // any other name that begins with "X-Hearth-"
  kUserAgent,
};

// `name` is a token (RFC 9110 §5.6.2); upper and lower case are equal.
FieldId FieldIdOf(std::string_view name);

// Fields that belong to one connection. Those that a Connection field names in addition are the
// caller's to drop.
inline bool IsHopByHop(FieldId id) { return id >= FieldId::kConnection && id <= FieldId::kUpgrade; }

}  // namespace hearth::http
