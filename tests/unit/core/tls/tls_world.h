#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/real_clock.h"
#include "core/tls/acceptor.h"
#include "core/tls/server_stream.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"
#include "tests/fakes/tls/test_certificate.h"
#include "tests/fakes/tls/tls_client.h"

namespace hearth::tls {

using fakes::CertificateWish;
using fakes::FakeClock;
using fakes::MakeCertificate;
using fakes::MemoryLoop;
using fakes::TempFolder;
using fakes::TestPeer;
using fakes::TlsClient;
using fakes::TlsClientOptions;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A TLS server on memory: what an Acceptor lets through becomes a TestPeer over the plain bytes.
struct World {
  explicit World(AcceptorOptions options = {}, size_t pipe = 64 * 1024) {
    loop.set_pipe_capacity(pipe);
    server.certificates = {MakeCertificate(folder, "a", {.common_name = "first"})};
    Load();
    acceptor = std::make_unique<Acceptor>(
        loop, std::move(options), [this] { return context; },
        [this](std::unique_ptr<net::Stream> stream) {
          protocols.emplace_back(stream->protocol());
          streams.push_back(stream.get());
          peers.push_back(std::make_unique<TestPeer>(std::move(stream)));
        },
        [this](const HandshakeReport& report) {
          if (report.ok) {
            ++(report.resumed ? resumed : full);
          } else {
            failures.emplace_back(report.reason);
          }
        });
    auto listening = loop.Listen(
        *net::Address::Parse("127.0.0.1:443"), {},
        [this](std::unique_ptr<net::Stream> stream) { acceptor->Accept(std::move(stream)); });
    listener = *std::move(listening);
  }

  void Load() {
    auto loaded = ServerContext::Load(server, tickets, real.WallNow());
    if (!loaded.ok()) std::abort();
    context = *std::move(loaded);
  }
  std::unique_ptr<TlsClient> Client(const TlsClientOptions& options = {}) {
    return std::make_unique<TlsClient>(loop, "127.0.0.1:443", options);
  }
  std::unique_ptr<TestPeer> Plain() { return std::make_unique<TestPeer>(loop, "127.0.0.1:443"); }
  void Run() { loop.RunUntilIdle(); }
  TestPeer& peer() { return *peers.back(); }

  RealClock real;  // certificates are of today
  FakeClock clock;
  MemoryLoop loop{clock};
  TempFolder folder;
  ServerOptions server;
  std::shared_ptr<TicketKeys> tickets = std::make_shared<TicketKeys>(clock);
  std::shared_ptr<const ServerContext> context;
  std::unique_ptr<Acceptor> acceptor;
  std::unique_ptr<net::Listener> listener;
  int full = 0;
  int resumed = 0;
  std::vector<std::string> failures;
  std::vector<std::string> protocols;
  std::vector<net::Stream*> streams;
  std::vector<std::unique_ptr<TestPeer>> peers;
};

}  // namespace hearth::tls
