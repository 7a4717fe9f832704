#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/base/clock.h"

namespace hearth::accesslog {

// One finished exchange, as the access log shows it. The path comes without its query, and there is
// no header and no body: nothing that may hold a secret. Views live as long as the call that gets
// it.
struct Entry {
  WallTime time{};          // when the request's head was complete
  std::string_view client;  // address, without the port
  std::string_view method;
  std::string_view path;
  int status = 0;  // 0: the client left before there was one
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  Duration duration{};        // head complete → last byte of the response
  Duration queued{};          // of that, waiting for a slot
  std::string_view function;  // its name and namespace; empty where the path names none
  std::string_view ns;
  std::string_view replica;
  std::string_view call_id;
  std::string_view error;  // reason of the platform's error, "queue_full"
  std::string_view user_agent;
  uint32_t attempts = 0;  // replicas tried
};

enum class Format : uint8_t { kText, kJson };

// Turns entries into lines. Bytes that are not printable ASCII are written as %XX, so that a line
// stays one line and JSON stays valid. One request is one pass over a few hundred bytes of its own
// memory, so that a loop can afford it. Remembers the text of the current second; one thread.
class LineFormatter {
 public:
  explicit LineFormatter(Format format);
  std::string_view Line(const Entry& entry);  // with "\n"; valid until the next call

 private:
  char* WriteTime(WallTime time, char* p);
  char* WriteText(const Entry& entry, char* p);
  char* WriteJson(const Entry& entry, char* p);

  const Format format_;
  std::unique_ptr<char[]> line_;
  std::chrono::seconds second_{-1};
  std::array<char, 20> second_text_{};  // "2023-11-14T22:13:20."
};

}  // namespace hearth::accesslog
