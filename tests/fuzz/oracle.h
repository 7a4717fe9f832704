#pragma once

#include <http_parser.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/http/message.h"
#include "tests/fuzz/require.h"

namespace hearth::fuzz {

// A second opinion: Debian's http_parser. Whatever our strict parser accepts, it has to accept as
// well and understand in the same way; two readings of one message are how requests are smuggled.
class Oracle {
 public:
  explicit Oracle(http_parser_type type) {
    http_parser_init(&parser_, type);
    parser_.data = this;
  }

  // Feeds everything; stops at the end of the first message.
  void Feed(std::string_view bytes) {
    http_parser_settings settings{};
    settings.on_url = [](http_parser* p, const char* s, size_t n) {
      Self(p).url.append(s, n);
      return 0;
    };
    settings.on_header_field = [](http_parser* p, const char* s, size_t n) {
      auto& all = Self(p).fields;
      if (std::exchange(Self(p).in_value_, false) || all.empty()) all.emplace_back();
      all.back().first.append(s, n);
      return 0;
    };
    settings.on_header_value = [](http_parser* p, const char* s, size_t n) {
      Self(p).in_value_ = true;
      Self(p).fields.back().second.append(s, n);
      return 0;
    };
    settings.on_headers_complete = [](http_parser* p) {
      Oracle& self = Self(p);
      self.head_complete = true;
      self.keep_alive = http_should_keep_alive(p) != 0;
      self.chunked = (p->flags & F_CHUNKED) != 0;
      self.content_length = p->content_length;
      return self.skip_body ? 1 : 0;
    };
    settings.on_body = [](http_parser* p, const char* s, size_t n) {
      Self(p).body.append(s, n);
      return 0;
    };
    settings.on_message_complete = [](http_parser* p) {
      Self(p).complete = true;
      http_parser_pause(p, 1);
      return 0;
    };
    http_parser_execute(&parser_, &settings, bytes.data(), bytes.size());
  }

  bool failed() const {
    const auto error = HTTP_PARSER_ERRNO(&parser_);
    return error != HPE_OK && error != HPE_PAUSED;
  }
  const char* error() const { return http_errno_name(HTTP_PARSER_ERRNO(&parser_)); }
  int status() const { return static_cast<int>(parser_.status_code); }
  std::string_view method() const {
    return http_method_str(static_cast<http_method>(parser_.method));
  }

  std::string url;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool skip_body = false;
  bool head_complete = false;
  bool complete = false;
  bool keep_alive = false;
  bool chunked = false;
  uint64_t content_length = 0;

 private:
  static Oracle& Self(http_parser* p) { return *static_cast<Oracle*>(p->data); }
  http_parser parser_;
  bool in_value_ = false;
};

// Two faults of http_parser's own, such heads are not compared: it takes a field whose name only
// begins with "Transfer-Encoding" for that one, and does not know that a tab may end a length.
inline bool ConfusesOracle(std::string_view head, const http::HeaderList& headers) {
  if (head.find('\t') != std::string_view::npos) return true;
  constexpr std::string_view kName = "Transfer-Encoding";
  for (const http::HeaderField& field : headers) {
    if (field.name.size() > kName.size() &&
        http::EqualsIgnoreCase(field.name.substr(0, kName.size()), kName)) {
      return true;
    }
  }
  return false;
}

}  // namespace hearth::fuzz
