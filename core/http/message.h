#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/field_id.h"

namespace hearth::http {

// Sizes that a peer may not exceed. The gateway's defaults; the Runtime API raises them to 1 MB.
struct Limits {
  size_t request_line = 8 * 1024;  // past it: 414
  size_t head = 64 * 1024;         // request line and all header lines; past it: 431
  size_t header_count = 128;       // past it: 431
  size_t chunk_extension = 1024;   // of one chunk; past it: 400
  size_t trailer = 8 * 1024;       // past it: 431
};

enum class Version : uint8_t { kHttp10, kHttp11 };

// How the length of a message's body is known (RFC 9112 §6.3).
enum class BodyKind : uint8_t { kNone, kLength, kChunked, kUntilClose };

struct HeaderField {
  std::string_view name;   // as received; compare with EqualsIgnoreCase, or use `id`
  std::string_view value;  // without surrounding white space
  FieldId id = FieldId::kOther;
  // Of the whole line as received, from the name on with its CR LF; 0 where there is none.
  uint32_t line_size = 0;
};

// Header fields of one message, in order. Views into the connection's buffer: valid until that
// buffer is consumed or grows. No heap memory.
class HeaderList {
 public:
  static constexpr size_t kMax = 128;
  const HeaderField* begin() const { return fields_.data(); }
  const HeaderField* end() const { return fields_.data() + size_; }
  size_t size() const { return size_; }
  void Clear() { size_ = 0; }
  // False when full.
  bool Add(std::string_view name, std::string_view value) {
    return Add({name, value, FieldIdOf(name)});
  }
  bool Add(const HeaderField& field) {
    if (size_ == kMax) return false;
    fields_[size_++] = field;
    return true;
  }
  // The first field of that name (case-insensitive), or nullopt.
  std::optional<std::string_view> Find(std::string_view name) const;

 private:
  std::array<HeaderField, kMax> fields_;
  size_t size_ = 0;
};

struct RequestHead {
  std::string_view method;  // as sent; a token
  std::string_view target;  // as sent: origin, absolute, asterisk or authority form
  std::string_view path;   // of the target, without the query; "/" for an absolute form without one
  std::string_view query;  // without "?"
  std::string_view host;   // of an absolute-form target, else of Host; may be empty for HTTP/1.0
  Version version = Version::kHttp11;
  HeaderList headers;
  BodyKind body = BodyKind::kNone;  // kLength with 0 where "Content-Length: 0" was sent
  uint64_t content_length = 0;      // for kLength
  bool keep_alive = true;           // what the peer allows after this message
  bool expect_continue = false;
  bool upgrade = false;  // Connection: upgrade and an Upgrade field
  // Connection names fields besides keep-alive, close and upgrade.
  bool connection_names = false;
  size_t size = 0;  // bytes of the head, the empty line included
};

struct ResponseHead {
  Version version = Version::kHttp11;
  int status = 0;
  std::string_view reason;
  HeaderList headers;
  BodyKind body = BodyKind::kNone;
  uint64_t content_length = 0;
  bool keep_alive = true;
  bool connection_names = false;
  size_t size = 0;
};

bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// As IsHopByHop(FieldId), for a name whose id nobody has found yet.
inline bool IsHopByHop(std::string_view name) { return IsHopByHop(FieldIdOf(name)); }

// Canonical reason phrase; "Unknown" for a status without one.
std::string_view ReasonPhrase(int status);

}  // namespace hearth::http
