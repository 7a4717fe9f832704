#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/loop.h"
#include "core/tls/server_context.h"

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct bio_st;

namespace hearth::fakes {

// A session to resume, to be given to the next client.
using TlsSession = std::shared_ptr<ssl_session_st>;

struct TlsClientOptions {
  std::string host = {};  // asked for by SNI; "" for none
  bool only_tls12 = false;
  int max_version = 0;                 // OpenSSL's number; 0: the newest
  std::string ciphers12 = {};               // "" for the default
  std::vector<std::string> protocols = {};  // ALPN
  const tls::CertificateFiles* certificate = nullptr;
  std::string trust = {};  // CA file; "": the server's certificate is not looked at
  TlsSession resume = {};
};

// A TLS client played by a test, on any loop: OpenSSL over memory, so that it is not the code under
// test. Sends what it is told, keeps what it receives.
class TlsClient final : public net::StreamHandler {
 public:
  TlsClient(net::Loop& loop, std::string_view address, const TlsClientOptions& options = {});
  TlsClient(std::unique_ptr<net::Stream> stream, const TlsClientOptions& options = {});
  ~TlsClient() override;

  void Send(std::string_view bytes);
  void Finish();                         // close_notify and the half-close
  void Cut();                            // the half-close without close_notify
  void Abort();                          // a reset
  void SendRaw(std::string_view bytes);  // beside TLS
  void RequestKeyUpdate();
  bool Renegotiate();  // false: OpenSSL does not even try
  void Pause() { paused_ = true; }
  void Resume();

  bool done() const { return done_; }          // the handshake
  bool failed() const { return failed_; }      // a fatal error of TLS
  bool finished() const { return finished_; }  // the server's close_notify came
  bool eof() const { return eof_; }            // of the stream below
  bool reset() const { return reset_; }
  const std::string& received() const { return received_; }
  std::string TakeReceived() { return std::exchange(received_, {}); }
  size_t unsent() const { return plain_.size() + outgoing_.size(); }

  bool resumed() const;
  std::string version() const;
  std::string cipher() const;
  std::string protocol() const;                    // ALPN
  std::string server_name() const;                 // the common name in the server's certificate
  TlsSession session() const { return session_; }  // the newest that the server gave

 private:
  void OnReadable() override;
  void OnWritable() override { Flush(); }
  void Attach(std::unique_ptr<net::Stream> stream);
  void MakeTls(const TlsClientOptions& options);
  void Pump();
  void Flush();

  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<net::Stream> stream_;
  ssl_ctx_st* context_ = nullptr;
  ssl_st* ssl_ = nullptr;
  bio_st* in_ = nullptr;
  bio_st* out_ = nullptr;
  std::string plain_;     // to be sent once the handshake is done
  std::string outgoing_;  // on its way
  std::string received_;
  TlsSession session_;
  bool paused_ = false;
  bool done_ = false;
  bool failed_ = false;
  bool finish_ = false;
  bool finished_ = false;
  bool shut_ = false;
  bool eof_ = false;
  bool reset_ = false;
};

}  // namespace hearth::fakes
