#pragma once

#include <cstdint>
#include <string_view>

#include "core/http/message.h"
#include "core/http/parser.h"

namespace hearth::http {

// Host and an optional port; an IPv6 literal stands in brackets. May be empty.
bool IsHost(std::string_view text);

// Collects the few fields that decide where a message ends and what becomes of its connection,
// while a head is parsed, and then judges them together: the one place that knows RFC 9112 §6.
class FramingFields {
 public:
  void Note(FieldId id, std::string_view value);
  ParseError Apply(RequestHead* head) const;
  ParseError Apply(std::string_view request_method, ResponseHead* head) const;

 private:
  void NoteConnection(std::string_view value);
  ParseError Length(Version version, BodyKind* body, uint64_t* length) const;
  bool KeepAlive(Version version) const {
    return !close_ && (version == Version::kHttp11 || keep_alive_);
  }

  std::string_view host_;
  std::string_view content_length_;
  std::string_view transfer_encoding_;
  uint8_t hosts_ = 0;  // counters stop at 2
  uint8_t content_lengths_ = 0;
  uint8_t transfer_encodings_ = 0;
  bool close_ = false;
  bool keep_alive_ = false;
  bool connection_upgrade_ = false;
  bool upgrade_ = false;
  bool connection_names_ = false;
  bool expect_continue_ = false;
  bool expect_other_ = false;
};

}  // namespace hearth::http
