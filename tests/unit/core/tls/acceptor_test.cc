#include "core/tls/acceptor.h"

#include <catch2/catch.hpp>
#include <openssl/ssl.h>

#include "tests/fakes/tcp_gate.h"
#include "tests/unit/core/tls/tls_world.h"

namespace hearth::tls {
namespace {

using Reasons = std::vector<std::string>;
constexpr const char* kAnswer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

TEST_CASE("sessions are resumed by ticket, also by another context and with another certificate") {
  const bool old = GENERATE(false, true);
  World w;
  auto first = w.Client({.host = "localhost", .only_tls12 = old});
  w.Run();
  REQUIRE(first->done());
  CHECK(w.full == 1);
  REQUIRE(first->session() != nullptr);

  auto second = w.Client({.host = "localhost", .only_tls12 = old, .resume = first->session()});
  second->Send("again");
  w.Run();
  REQUIRE(second->done());
  CHECK(second->resumed());
  CHECK(w.resumed == 1);
  CHECK(w.peer().received() == "again");

  w.server.certificates = {MakeCertificate(w.folder, "b", {.common_name = "second"})};
  w.Load();
  auto third = w.Client({.host = "localhost", .only_tls12 = old, .resume = first->session()});
  w.Run();
  CHECK(third->resumed());
  auto fresh = w.Client();
  w.Run();
  CHECK(fresh->server_name() == "second");
  // Those from before the change go on.
  w.peers.front()->Send("still");
  w.Run();
  CHECK(first->received() == "still");
}

TEST_CASE("tickets of other keys lead to a full handshake") {
  World w;
  auto first = w.Client();
  w.Run();
  w.tickets = std::make_shared<TicketKeys>(w.clock);
  w.Load();
  auto second = w.Client({.resume = first->session()});
  w.Run();
  CHECK(second->done());
  CHECK_FALSE(second->resumed());
  CHECK(w.full == 2);
}

TEST_CASE("the certificate is chosen by the host, exactly, by wildcard, or the first") {
  World w;
  w.server.certificates = {
      MakeCertificate(w.folder, "a", {.hosts = {"a.test"}, .common_name = "a"}),
      MakeCertificate(w.folder, "b", {.hosts = {"b.test", "*.b.test"}, .common_name = "b"}),
      MakeCertificate(w.folder, "c", {.hosts = {"x.b.test"}, .common_name = "c", .rsa = true})};
  w.Load();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a.test", "a"},   {"b.test", "b"},     {"B.TEST", "b"},       {"y.b.test", "b"},
      {"x.b.test", "c"}, {"z.y.b.test", "a"}, {"unknown.test", "a"}, {"", "a"}};
  for (const auto& [host, want] : cases) {
    const bool old = GENERATE(false, true);
    INFO(host);
    auto client = w.Client({.host = host, .only_tls12 = old});
    w.Run();
    REQUIRE(client->done());
    CHECK(client->server_name() == want);
  }
}

TEST_CASE("the protocol is agreed on, and a client with none of ours is refused") {
  World w;
  w.server.protocols = {"h2", "http/1.1"};
  w.Load();
  auto both = w.Client({.protocols = {"http/1.1", "h2"}});
  w.Run();
  CHECK(both->protocol() == "h2");
  CHECK(w.protocols.back() == "h2");
  auto one = w.Client({.protocols = {"http/1.1"}});
  w.Run();
  CHECK(one->protocol() == "http/1.1");
  auto silent = w.Client();
  w.Run();
  CHECK(silent->done());
  CHECK(w.protocols.back().empty());
  auto foreign = w.Client({.protocols = {"smtp"}});
  w.Run();
  CHECK(foreign->failed());
  CHECK(w.failures == Reasons{"application_protocol"});
}

TEST_CASE("old versions and weak ciphers are refused, with the reason") {
  World w;
  SECTION("TLS 1.1") {
    auto client = w.Client({.max_version = TLS1_1_VERSION});
    w.Run();
    CHECK(client->failed());
    CHECK(w.failures == Reasons{"version"});
  }
  SECTION("no forward secrecy") {
    auto client = w.Client({.only_tls12 = true, .ciphers12 = "AES128-GCM-SHA256"});
    w.Run();
    CHECK(client->failed());
    CHECK(w.failures == Reasons{"cipher"});
  }
}

TEST_CASE("client certificates: of the CA, of another, none") {
  World w;
  const CertificateFiles ca = MakeCertificate(w.folder, "ca", {.common_name = "ca", .ca = true});
  const CertificateFiles good = MakeCertificate(w.folder, "good", {.issuer = &ca});
  const CertificateFiles foreign = MakeCertificate(w.folder, "foreign");
  w.server.client_ca = ca.chain;
  w.Load();
  const bool old = GENERATE(false, true);
  auto with = w.Client({.only_tls12 = old, .certificate = &good});
  with->Send("in");
  w.Run();
  REQUIRE(w.peers.size() == 1);
  CHECK(w.peer().received() == "in");
  // A session is as good as the certificate that it began with.
  auto again = w.Client({.only_tls12 = old, .certificate = &good, .resume = with->session()});
  w.Run();
  CHECK(again->resumed());
  auto none = w.Client({.only_tls12 = old});
  w.Run();
  auto other = w.Client({.only_tls12 = old, .certificate = &foreign});
  w.Run();
  CHECK(w.peers.size() == 2);
  CHECK(w.failures == Reasons{"no_client_certificate", "client_certificate"});
}

TEST_CASE("a client that does not trust us is counted as such") {
  World w;
  const CertificateFiles other = MakeCertificate(w.folder, "other");
  auto client = w.Client({.trust = other.chain});
  w.Run();
  CHECK(client->failed());
  CHECK(w.failures == Reasons{"refused_by_client"});
}

TEST_CASE("HTTP without TLS is answered in the clear, any method") {
  World w({.plain_http_answer = kAnswer});
  for (const char* method : {"GET", "DELETE", "CONNECT", "PATCH"}) {
    auto peer = w.Plain();
    peer->Send(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(5000, 'x'));
    w.Run();
    CHECK(peer->received() == kAnswer);
    CHECK(peer->eof());
    CHECK(w.failures.back() == "plain_http");
    CHECK(w.acceptor->size() == 1);  // reads on for a moment
    peer->FinishSending();
    w.Run();
    CHECK(w.acceptor->size() == 0);
  }
  auto stubborn = w.Plain();
  stubborn->Send("POST / HTTP/1.1\r\n");
  w.Run();
  w.loop.Advance(seconds(2));
  CHECK(w.acceptor->size() == 0);
}

TEST_CASE("what is neither TLS nor HTTP is closed without a word") {
  World w({.plain_http_answer = kAnswer});
  auto peer = w.Plain();
  peer->Send(std::string("\x00\x01\x02\xff garbage garbage", 20));
  w.Run();
  CHECK(peer->received().empty());
  CHECK((peer->eof() || peer->reset()));
  CHECK(w.failures == Reasons{"not_tls"});
  auto broken = w.Plain();
  broken->Send(std::string("\x16\x03\x01\x00\x05hello", 10));
  w.Run();
  CHECK(w.failures == Reasons{"not_tls", "protocol"});
  CHECK(w.acceptor->size() == 0);
}

TEST_CASE("a slow handshake ends at its deadline, a silent connection too") {
  World w;
  auto silent = w.Plain();
  w.Run();
  CHECK(w.acceptor->active() == 0);  // takes no place
  auto slow = w.Plain();
  slow->Send(std::string("\x16\x03\x01\x02", 4));
  w.Run();
  CHECK(w.acceptor->active() == 1);
  w.loop.Advance(seconds(9));
  CHECK(w.failures.empty());
  w.loop.Advance(seconds(2));
  CHECK(w.failures == Reasons{"timeout", "timeout"});
  CHECK(w.acceptor->size() == 0);
  CHECK((slow->eof() || slow->reset()));
  auto left = w.Plain();
  left->Send(std::string("\x16\x03\x01\x02", 4));
  w.Run();
  left->Close();
  w.Run();
  CHECK(w.failures.back() == "closed");
}

TEST_CASE("a handshake that drips byte by byte is done all the same") {
  World w({}, 1);
  auto client = w.Client();
  client->Send("x");
  w.Run();
  CHECK(client->done());
  CHECK(w.peer().received() == "x");
}

TEST_CASE("places are bounded: others wait, and those that dawdle make room") {
  World w({.max_active = 2});
  std::vector<std::unique_ptr<TestPeer>> dawdlers;
  for (int i = 0; i < 2; ++i) {
    dawdlers.push_back(w.Plain());
    dawdlers.back()->Send(std::string("\x16\x03\x01\x02", 4));
  }
  w.Run();
  CHECK(w.acceptor->active() == 2);
  std::vector<std::unique_ptr<TlsClient>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(w.Client());
  w.Run();
  CHECK(w.acceptor->size() == 7);
  CHECK(w.peers.empty());
  w.loop.Advance(milliseconds(2100));
  CHECK(w.peers.size() == 5);
  CHECK(w.failures.size() >= 1);
  for (const std::string& reason : w.failures) CHECK(reason == "crowded_out");
  for (const auto& client : clients) CHECK(client->done());
}

TEST_CASE("past the bound on connections new ones are reset") {
  World w({.max_connections = 3});
  std::vector<std::unique_ptr<TestPeer>> peers;
  for (int i = 0; i < 4; ++i) peers.push_back(w.Plain());
  w.Run();
  CHECK(w.acceptor->size() == 3);
  CHECK(w.failures == Reasons{"too_many"});
  CHECK(peers.back()->reset());
}

TEST_CASE("a turn does a bounded number of handshakes, and all are done in the end") {
  World w({.steps_a_turn = 3});
  std::vector<std::unique_ptr<TlsClient>> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(w.Client());
    clients.back()->Send("x");
  }
  w.Run();
  CHECK(w.full == 40);
  for (const auto& peer : w.peers) CHECK(peer->received() == "x");
}

TEST_CASE("draining ends what is silent soon and lets handshakes finish") {
  World w;
  auto silent = w.Plain();
  w.Run();
  auto client = w.Client();
  w.acceptor->Drain();
  w.Run();
  CHECK(client->done());
  CHECK(w.acceptor->size() == 1);
  int gone = 0;
  w.acceptor->set_on_gone([&] { ++gone; });
  w.loop.Advance(seconds(3));
  CHECK(w.acceptor->size() == 0);
  CHECK(gone == 1);
}

TEST_CASE("an acceptor that goes takes its connections along") {
  World w;
  auto silent = w.Plain();
  auto slow = w.Plain();
  slow->Send(std::string("\x16\x03\x01\x02", 4));
  w.Run();
  auto late = w.Client();
  w.loop.Advance(milliseconds(1));
  w.listener.reset();
  w.acceptor.reset();
  w.Run();
  CHECK((silent->eof() || silent->reset()));
  CHECK((slow->eof() || slow->reset()));
}

}  // namespace
}  // namespace hearth::tls
