// HTTPS on the data path: what a function and a client see, and what is counted.
#include <catch2/catch.hpp>
#include <openssl/ssl.h>

#include <functional>
#include <set>

#include "core/base/real_clock.h"
#include "core/base/strings.h"
#include "core/tls/certificate_store.h"
#include "gateway/metrics/collector.h"
#include "gateway/metrics/recorder.h"
#include "tests/fakes/tls/test_certificate.h"
#include "tests/fakes/tls/tls_client.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

using fakes::MakeCertificate;
using fakes::TempFolder;
using fakes::TlsClient;
using fakes::TlsClientOptions;

constexpr const char* kTlsAddress = "127.0.0.1:443";
constexpr const char* kRedirectAddress = "127.0.0.1:8080";

// A second data path beside the harness's own, with HTTPS and real counters.
struct World {
  explicit World(const std::function<void(World&, tls::CertificateStoreOptions*)>& change = {}) {
    const auto files = MakeCertificate(folder, "a");
    tls::CertificateStoreOptions wanted;
    wanted.certificates = {files.chain};
    wanted.keys = {files.key};
    wanted.protocols = {"h2", "http/1.1"};
    if (change) change(*this, &wanted);
    certificates = std::make_unique<tls::CertificateStore>(wanted, real);
    REQUIRE(certificates->Open().ok());
    Options options;
    options.redirect_port = 8443;
    path = std::make_unique<DataPath>(std::vector<net::Loop*>{&h.loop}, options,
                                      Dependencies{.local = &h.edge,
                                                   .authenticator = &h.edge,
                                                   .exchanges = &recorder,
                                                   .certificates = certificates.get()});
    REQUIRE(path->Listen(*net::Address::Parse(kTlsAddress), ListenerKind::kTls).ok());
    REQUIRE(path->Listen(*net::Address::Parse(kRedirectAddress), ListenerKind::kRedirect).ok());
    path->Install(h.store.Apply({h.Function({std::string(kReplica)}, 10)}, {}));
    h.Run();
  }
  ~World() {
    clients.clear();
    plain.clear();
    h.Run();
  }
  TlsClient& Client(const TlsClientOptions& options = {}) {
    clients.push_back(std::make_unique<TlsClient>(h.loop, kTlsAddress, options));
    h.Run();
    return *clients.back();
  }
  TestPeer& Plain(std::string_view bytes, const char* to = kTlsAddress) {
    plain.push_back(std::make_unique<TestPeer>(h.loop, to));
    plain.back()->Send(bytes);
    h.Run();
    return *plain.back();
  }
  uint64_t Metric(const std::string& line) const {
    const std::string text = collector.Text();
    const size_t at = text.find(line + " ");
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + line.size() + 1));
  }
  uint64_t Failures(std::string_view reason) const {
    return Metric(Cat("hearth_gateway_tls_failures_total{reason=\"", reason, "\"}"));
  }

  RealClock real;
  TempFolder folder;
  std::unique_ptr<tls::CertificateStore> certificates;
  Harness h;
  gateway::Recorder recorder{1};
  gateway::Collector collector{&recorder, &h.clock, [] { return nullptr; },
                               [] { return std::vector<gateway::Reading>(); }};
  TestServer replica{h.loop, kReplica};
  std::unique_ptr<DataPath> path;
  std::vector<std::unique_ptr<TlsClient>> clients;
  std::vector<std::unique_ptr<TestPeer>> plain;
};

TEST_CASE("a function is called by HTTPS and is told so") {
  World w;
  TlsClient& client = w.Client({.protocols = {"http/1.1"}});
  client.Send(Get());
  w.h.Run();
  REQUIRE(w.replica.size() == 1);
  const Message request = ParseMessage(w.replica.last().TakeReceived());
  CHECK(request.Header("X-Forwarded-Proto") == "https");
  CHECK(request.Header("X-Forwarded-For") == "127.0.0.1");
  w.replica.last().Send(Ok("hello"));
  w.h.Run();
  CHECK(ParseMessage(client.TakeReceived()).body == "hello");
  client.Send(Get());  // kept alive
  w.h.Run();
  w.replica.last().Send(Ok("again"));
  w.h.Run();
  CHECK(ParseMessage(client.received()).body == "again");
  CHECK(w.Metric("hearth_gateway_tls_handshakes_total{result=\"full\"}") == 1);

  TlsClient& next = w.Client({.resume = client.session()});
  CHECK(next.resumed());
  CHECK(w.Metric("hearth_gateway_tls_handshakes_total{result=\"resumed\"}") == 1);
}

TEST_CASE("large bodies pass both ways through small pipes") {
  World w;
  w.h.loop.set_pipe_capacity(3000);
  TlsClient& client = w.Client();
  const std::string body(400'000, 'b');
  client.Send(Cat("POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: ", body.size(),
                  "\r\n\r\n", body));
  w.h.Run();
  CHECK(ParseMessage(w.replica.last().TakeReceived()).body == body);
  client.Pause();
  w.replica.last().Send(Ok(std::string(2'000'000, 'r')));
  w.h.Run();
  CHECK(w.replica.last().unsent() > 0);  // the gateway keeps a bounded part
  client.Resume();
  w.h.Run();
  CHECK(ParseMessage(client.received()).body == std::string(2'000'000, 'r'));
}

TEST_CASE("a body that is cut without close_notify never looks complete") {
  World w;
  TlsClient& client = w.Client();
  client.Send("POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  w.h.Run();
  client.Cut();
  w.h.Run();
  REQUIRE(w.replica.size() == 1);
  CHECK((w.replica.last().eof() || w.replica.last().reset()));
  CHECK(w.Metric("hearth_gateway_resets_total{function_name=\"f.default\",side=\"client\","
                 "reason=\"client_closed\"}") == 1);
}

TEST_CASE("clients that choose h2 get HTTP/2, also behind it the function is told of https") {
  World w;
  TlsClient& client = w.Client({.protocols = {"h2", "http/1.1"}});
  CHECK(client.protocol() == "h2");
  // Preface, empty SETTINGS, and a HEADERS frame of static and literal fields.
  const std::string block =
      std::string("\x82\x87\x44\x0b", 4) + "/function/f" + std::string("\x41\x02", 2) + "gw";
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  bytes += std::string("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 9);
  bytes += std::string("\x00\x00", 2) + static_cast<char>(block.size()) +
           std::string("\x01\x05\x00\x00\x00\x01", 6) + block;
  client.Send(bytes);
  w.h.Run();
  REQUIRE(w.replica.size() == 1);
  const Message request = ParseMessage(w.replica.last().received());
  CHECK(request.start_line == "GET / HTTP/1.1");
  CHECK(request.Header("X-Forwarded-Proto") == "https");
}

TEST_CASE("HTTP without TLS on the port of TLS is told what to do") {
  World w;
  const Message answer = ParseMessage(w.Plain(Get()).received());
  CHECK(answer.status() == 400);
  CHECK(answer.Header("X-Hearth-Error") == "gateway;plain_http");
  CHECK(answer.body.find("https://") != std::string::npos);
  CHECK(answer.Header("Connection") == "close");
}

TEST_CASE("the port without TLS leads to the one with, for other machines") {
  World w;
  w.h.loop.set_peer_ip("10.1.2.3");
  const auto ask = [&](std::string_view request) {
    return ParseMessage(w.Plain(request, kRedirectAddress).received());
  };
  const Message answer =
      ask("POST /function/f?x=1 HTTP/1.1\r\nHost: gw.test:80\r\n"
          "Content-Length: 3\r\n\r\nabc");
  CHECK(answer.status() == 308);
  CHECK(answer.Header("Location") == "https://gw.test:8443/function/f?x=1");
  CHECK(ask("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").Header("Location") ==
        "https://[::1]:8443/");
  CHECK(ask("GET /a HTTP/1.1\r\nHost: [fe80::1]\r\n\r\n").Header("Location") ==
        "https://[fe80::1]:8443/a");
  CHECK(ask("GET / HTTP/1.0\r\n\r\n").status() == 400);
  CHECK(w.replica.size() == 0);
  // What stays on this machine is served: nobody can read along.
  for (const char* here : {"127.0.0.1", "::1", "127.8.8.8"}) {
    w.h.loop.set_peer_ip(here);
    w.Plain(Get(), kRedirectAddress).Close();
  }
  w.h.Run();
  CHECK(w.recorder.slab(0).Functions().front()->started.Value() == 3);
}

TEST_CASE("draining lets handshakes finish and their first requests be answered") {
  World w;
  bool drained = false;
  w.clients.push_back(std::make_unique<TlsClient>(w.h.loop, kTlsAddress));
  TestPeer& silent = w.Plain("");
  w.path->Drain({seconds(20), seconds(1)}, [&] { drained = true; });
  w.h.Run();
  TlsClient& client = *w.clients.front();
  CHECK(client.done());
  CHECK_FALSE(drained);
  w.h.loop.Advance(seconds(3));
  CHECK((silent.eof() || silent.reset()));
  client.Finish();
  w.h.Run();
  w.h.loop.Advance(seconds(3));
  CHECK(drained);
}

TEST_CASE("every row of TLS in the list has a way to come about") {
  std::set<std::string> seen;
  const auto play = [&](std::string_view reason, World& w) {
    INFO(reason);
    CHECK(w.Failures(reason) == 1);
    CHECK(w.Failures("other") == 0);
    seen.emplace(reason);
  };
  {
    World w;
    w.Plain(Get());
    play("plain_http", w);
    w.Plain(std::string(20, '\x01'));
    play("not_tls", w);
    w.Plain(std::string("\x16\x03\x01", 3)).Close();
    w.h.Run();
    play("closed", w);
    w.Plain(std::string("\x16\x03\x01\x00\x05hello", 10));
    play("protocol", w);
    w.Client({.max_version = TLS1_1_VERSION});
    play("version", w);
    w.Client({.only_tls12 = true, .ciphers12 = "AES128-SHA"});
    play("cipher", w);
    w.Client({.protocols = {"smtp"}});
    play("application_protocol", w);
    w.Client({.trust = MakeCertificate(w.folder, "other").chain});
    play("refused_by_client", w);
    w.Plain("");
    w.h.loop.Advance(seconds(11));
    play("timeout", w);
  }
  {
    World w([](World& world, tls::CertificateStoreOptions* options) {
      options->client_ca =
          MakeCertificate(world.folder, "ca", {.common_name = "ca", .ca = true}).chain;
    });
    w.Client({.only_tls12 = true});
    play("no_client_certificate", w);
    const auto foreign = MakeCertificate(w.folder, "foreign");
    w.Client({.only_tls12 = true, .certificate = &foreign});
    play("client_certificate", w);
  }
  // Their bounds are too large to be reached here: core/tls/acceptor_test.cc does.
  seen.insert({"crowded_out", "too_many", "other"});
  for (const EventInfo& event : kEvents) {
    if (event.kind != EventKind::kTls) continue;
    INFO(event.reason);
    CHECK(seen.contains(std::string(event.reason)));
  }
}

}  // namespace
}  // namespace hearth::proxy
