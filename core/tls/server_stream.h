#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/net/alive.h"
#include "core/net/loop.h"
#include "core/tls/server_context.h"

struct bio_st;
struct bio_method_st;

namespace hearth::tls {

// Why a handshake did not come to its end. The text is what metrics show.
std::string_view ReasonOf(unsigned long openssl_error);

// The server's side of a TLS connection over another stream, as a stream: what is read and written
// here is plain. First the owner calls Handshake at each event until it is decided, then it reads
// and writes as on any stream.
//
// OpenSSL works straight on the stream below, through a BIO that knows from short reads and writes
// that the socket is drained or full and then asks no more until the next edge. Nothing is buffered
// beyond the record under way: bytes that Write counts have left for the kernel, and after a short
// write the next one must begin with the bytes that were not taken. A peer that ends without
// close_notify is kReset, so that a cut connection cannot look like a complete one. Loop's thread.
class ServerStream final : public net::Stream, private net::StreamHandler {
 public:
  ServerStream(net::Loop& loop, std::unique_ptr<net::Stream> below,
               std::shared_ptr<const ServerContext> context);
  ~ServerStream() override;

  enum class Progress : uint8_t { kDone, kPending, kFailed };
  Progress Handshake();
  // After kFailed. One of a closed set: "plain_http", "version", "closed", …
  std::string_view failure() const { return failure_; }
  // After kFailed: the stream below, so that something can still be said on it. This one is dead.
  std::unique_ptr<net::Stream> TakeBelow();
  bool resumed() const;

  void SetHandler(net::StreamHandler* handler) override;
  net::IoResult Read(std::span<char> buffer) override;
  net::IoResult Write(std::span<const iovec> pieces) override;
  void ShutdownWrite() override;
  void Abort() override;
  std::string_view peer_ip() const override { return below_->peer_ip(); }
  bool encrypted() const override { return true; }
  std::string_view protocol() const override { return protocol_; }

 private:
  static const bio_method_st* BioMethod();
  static int BioRead(bio_st* bio, char* out, size_t size, size_t* got);
  static int BioWrite(bio_st* bio, const char* in, size_t size, size_t* taken);
  static long BioControl(bio_st* bio, int command, long number, void* pointer);

  enum class State : uint8_t { kHandshake, kOpen, kDead };

  void OnReadable() override;
  void OnWritable() override;
  void NotifyLater();
  void Notify(bool readable, bool writable);
  bool SpeaksTls() const { return first_byte_ == kHandshakeRecord; }
  net::IoStatus Failed(int result);
  std::string_view FailureNow(int error);
  void SendCloseNotify();

  static constexpr int kHandshakeRecord = 0x16;

  net::Loop& loop_;
  std::unique_ptr<net::Stream> below_;
  std::shared_ptr<const ServerContext> context_;  // before ssl_, which uses it
  ssl_st* ssl_;
  net::StreamHandler* handler_ = nullptr;
  State state_ = State::kHandshake;
  bool readable_ = true;    // below: a read may bring something
  bool writable_ = true;    // below: a write may take something
  bool peer_gone_ = false;  // below: the end or a reset was seen
  bool read_waits_for_write_ = false;
  bool write_waits_for_read_ = false;
  bool want_write_ = false;  // a write was short: OnWritable is owed
  bool shutdown_ = false;    // close_notify was asked for
  bool shutdown_pending_ = false;
  bool readable_missed_ = false;
  bool notify_queued_ = false;
  net::IoStatus end_ = net::IoStatus::kOk;  // how reading ended
  int first_byte_ = -1;
  std::string_view failure_;
  std::string protocol_;
  net::Lifetime lifetime_;
  std::shared_ptr<ServerStream*> self_;  // for deferred notification; made when first needed
};

}  // namespace hearth::tls
