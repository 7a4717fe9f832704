#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hearth::net {

// What a stream tells its owner. Edge-triggered: OnReadable means "read until kWouldBlock or until
// a read came back short"; OnWritable comes only after a write returned kWouldBlock or was short.
// Called on the loop's thread, never from inside Read or Write. The owner may close or destroy the
// stream from inside a callback.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void OnReadable() = 0;
  virtual void OnWritable() = 0;
};

enum class IoStatus : uint8_t {
  kOk,
  kWouldBlock,
  kEof,    // Read only: the peer has finished sending; writing may still work
  kReset,  // the connection is dead in both directions
};

struct IoResult {
  IoStatus status = IoStatus::kOk;
  size_t bytes = 0;
};

// One non-blocking byte stream: a TCP or Unix connection, or one end of an in-memory pipe in tests.
// It exists so that everything above runs unchanged over both. Belongs to one loop's thread; the
// destructor closes it.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void SetHandler(StreamHandler* handler) = 0;  // nullptr: no more callbacks
  virtual IoResult Read(std::span<char> buffer) = 0;
  virtual IoResult Write(std::span<const iovec> pieces) = 0;
  virtual void ShutdownWrite() = 0;  // half-close; the peer reads EOF
  // Closes with a reset instead of an orderly end, so that a truncated body cannot look complete.
  virtual void Abort() = 0;
  virtual int fd() const { return -1; }  // for splice and peer credentials; -1 for a pipe in memory
  // The peer's address as text ("127.0.0.1"), or "" for a Unix socket. Stable for the stream's
  // life.
  virtual std::string_view peer_ip() const { return {}; }
  // Whether others can read along on the way, and the application protocol that both sides agreed
  // on with TLS ("http/1.1", "h2"; "" where they did not speak of it).
  virtual bool encrypted() const { return false; }
  virtual std::string_view protocol() const { return {}; }
};

inline IoResult WriteAllOf(Stream& s, std::string_view bytes) {
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  return s.Write({&piece, 1});
}

}  // namespace hearth::net
