#pragma once

#include <string>
#include <string_view>

#include "bench/load/connection.h"
#include "core/http/body.h"
#include "core/http/parser.h"

namespace hearth::load {

// Sends HTTP/1.1 requests and follows the answers to their last byte.
class HttpCall final : public Connection {
 public:
  explicit HttpCall(Host& host) : Connection(host) {}

 private:
  void OnConnected() override { OnReuse(); }
  void OnReuse() override;
  bool OnBytes(std::string_view bytes) override;
  void OnEndOfInput() override;

  bool Follow(std::string_view bytes);
  bool ParseHead(std::string_view* bytes);
  bool ReadBody(std::string_view bytes);
  void TakeEvents(std::string_view payload);
  void Done();

  std::string kept_;  // the beginning of a head whose end has not come
  http::HeadParser parser_;
  http::BodyReader body_;
  bool in_body_ = false;
  bool keep_alive_ = false;
  int status_ = 0;
  uint64_t size_ = 0;  // of the payload so far
  std::string line_;   // --events: the line that is coming in
};

}  // namespace hearth::load
