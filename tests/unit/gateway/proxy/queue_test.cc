// Waiting for a slot, seen from the client: cold starts, order, bounds, and giving up.
#include <catch2/catch.hpp>

#include <algorithm>

#include "core/base/strings.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

TEST_CASE("a request for a function without replicas waits for the first one") {
  Harness h;
  h.Install({h.Function({})});
  auto client = h.Client();
  h.Send(*client, Get());
  CHECK(client->received().empty());
  CHECK(h.edge.urgent == 1);
  REQUIRE(h.edge.demanded);
  h.loop.Advance(milliseconds(40));
  auto sample = h.edge.demanded->Sample(h.clock.Now());
  CHECK(sample.queued == 1);
  CHECK(sample.oldest_queued == milliseconds(40));
  CHECK(sample.in_flight == 0);
  CHECK(sample.since_activity == Duration::zero());

  TestServer replica(h.loop, kReplica);
  h.AnswerAll(replica);
  h.Install({h.Function({std::string(kReplica)})});
  CHECK(ParseMessage(client->received()).body == "ok");
  CHECK(h.edge.finished.at(0).cold);
  CHECK(h.edge.finished.at(0).queued == milliseconds(40));
  h.loop.Advance(seconds(3));
  sample = h.edge.demanded->Sample(h.clock.Now());
  CHECK(sample.queued == 0);
  CHECK(sample.completed == 1);
  CHECK(sample.since_activity == seconds(3));
}

TEST_CASE("without routes nobody knows what exists") {
  Harness h;
  route::RouteStore fresh(h.clock, {});
  h.path.Install(fresh.current());
  h.Run();
  const Message answer = h.Call(Get());
  CHECK(answer.status() == 503);
  CHECK(answer.Header("x-hearth-error") == "gateway;no_routes");
}

TEST_CASE("a limit of one lets one in, and the others follow in order") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)}, 1)});
  std::vector<std::unique_ptr<TestPeer>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(h.Client());
    h.Send(*clients.back(), Get(Cat("/function/f/", i)));
  }
  REQUIRE(replica.size() == 1);
  for (int i = 0; i < 5; ++i) {
    const Message seen = ParseMessage(replica.last().TakeReceived());
    CHECK(seen.start_line == Cat("GET /", i, " HTTP/1.1"));
    CHECK(h.edge.demanded->Sample(h.clock.Now()).in_flight == 1);
    h.Send(replica.last(), Ok(Cat("answer ", i)));
    CHECK(ParseMessage(clients[static_cast<size_t>(i)]->received()).body == Cat("answer ", i));
  }
  CHECK(replica.size() == 1);  // one at a time needs one connection
}

TEST_CASE("past the bound requests are refused at once") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  auto spec = h.Function({std::string(kReplica)}, 1);
  spec.policy.queue.requests = 2;
  h.Install({spec});
  std::vector<std::unique_ptr<TestPeer>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(h.Client());
    h.Send(*clients.back(), Get());
  }
  const Message refused = ParseMessage(clients[3]->received());
  CHECK(refused.status() == 429);
  CHECK(refused.Header("x-hearth-error") == "gateway;queue_full");
  CHECK(refused.Header("retry-after") == "1");
  CHECK_FALSE(refused.Header("connection"));
  CHECK(clients[2]->received().empty());
}

TEST_CASE("a queue of no length still serves what fits in the replicas") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  auto spec = h.Function({std::string(kReplica)}, 2);
  spec.policy.queue.requests = 0;
  h.Install({spec});
  auto a = h.Client(), b = h.Client(), c = h.Client();
  h.Send(*a, Get());
  h.Send(*b, Get());
  h.Send(*c, Get());
  CHECK(replica.size() == 2);
  CHECK(ParseMessage(c->received()).status() == 429);
}

TEST_CASE("the bytes of waiting requests are bounded as well") {
  Harness h;
  auto spec = h.Function({});
  spec.policy.queue.bytes = 30'000;
  h.Install({spec});
  auto small = h.Client(), large = h.Client();
  h.Send(*small, Get());
  h.Send(*large, Cat("POST /function/f HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n",
                     std::string(30000, 'x')));
  CHECK(small->received().empty());
  CHECK(ParseMessage(large->received()).status() == 429);
}

TEST_CASE("the platform's bound is 503") {
  Harness h;
  h.limits.max_queued_requests = 1;
  h.Install({h.Function({})});
  auto a = h.Client(), b = h.Client();
  h.Send(*a, Get());
  h.Send(*b, Get());
  const Message refused = ParseMessage(b->received());
  CHECK(refused.status() == 503);
  CHECK(refused.Header("x-hearth-error") == "gateway;overloaded");
  CHECK(refused.Header("retry-after"));
}

TEST_CASE("waiting ends") {
  Harness h;
  auto client = h.Client();
  SECTION("with 503 where no replica ever came") {
    h.Install({h.Function({})});
    h.Send(*client, Get());
    h.loop.Advance(seconds(59));
    CHECK(client->received().empty());
    h.loop.Advance(seconds(2));
    const Message answer = ParseMessage(client->received());
    CHECK(answer.status() == 503);
    CHECK(answer.Header("x-hearth-error") == "gateway;no_replica");
  }
  SECTION("with 429 where they were busy all the time") {
    TestServer replica(h.loop, kReplica);
    auto spec = h.Function({std::string(kReplica)});
    spec.policy.queue_max_wait = seconds(5);
    h.Install({spec});
    auto first = h.Client();
    h.Send(*first, Get());
    h.Send(*client, Get());
    h.loop.Advance(seconds(6));
    const Message answer = ParseMessage(client->received());
    CHECK(answer.status() == 429);
    CHECK(answer.Header("x-hearth-error") == "gateway;queue_timeout");
  }
  SECTION("with the reason where the revision cannot run") {
    h.Install({h.Function({})});
    h.Send(*client, Get());
    auto spec = h.Function({});
    spec.unavailable_reason = "crash loop: exit status 1";
    h.Install({spec});
    const Message answer = ParseMessage(client->TakeReceived());
    CHECK(answer.status() == 503);
    CHECK(answer.Header("x-hearth-error") == "gateway;unavailable");
    CHECK(answer.body.find("crash loop: exit status 1") != std::string::npos);
    h.Send(*client, Get());  // and at once for those that come later
    CHECK(ParseMessage(client->received()).status() == 503);
  }
  SECTION("with 404 where the function was deleted") {
    h.Install({h.Function({})});
    h.Send(*client, Get());
    h.Install({}, {FunctionKey{"default", "f"}});
    CHECK(ParseMessage(client->received()).status() == 404);
  }
  CHECK(h.limits.queued_requests == 0);
  CHECK(h.limits.queued_bytes == 0);
}

TEST_CASE("a client that leaves while it waits leaves no trace") {
  Harness h;
  h.Install({h.Function({})});
  auto a = h.Client(), b = h.Client();
  h.Send(*a, Get("/function/f/a"));
  h.Send(*b, Get("/function/f/b"));
  SECTION("by a reset") { a->Abort(); }
  SECTION("orderly, which is seen a moment later") { a->Close(); }
  h.loop.Advance(seconds(1));
  CHECK(h.edge.demanded->Sample(h.clock.Now()).queued == 1);
  CHECK(h.limits.queued_requests == 1);
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  REQUIRE(replica.size() == 1);
  CHECK(ParseMessage(replica.last().received()).start_line == "GET /b HTTP/1.1");
}

TEST_CASE("a client that has only finished sending gets its answer") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  h.Install({h.Function({std::string(kReplica)})});
  auto client = h.Client();
  h.Send(*client, Get() + Get("/function/f/2"));
  client->FinishSending();
  h.Run();
  SECTION("at once") {}
  SECTION("after a while, in which it is asked whether it is still there") {
    h.loop.Advance(seconds(2));
    CHECK(client->TakeReceived() == "HTTP/1.1 100 Continue\r\n\r\n");
  }
  REQUIRE(replica.size() == 1);
  h.Send(replica.last(), Ok("late"));
  h.Send(replica.last(), Ok("later"));
  CHECK(client->received().find("late") != std::string::npos);
  CHECK(client->received().find("later") != std::string::npos);
  CHECK(client->eof());
}

TEST_CASE("two replicas share the work, the less loaded first") {
  Harness h;
  TestServer one(h.loop, kReplica), two(h.loop, kReplica2);
  h.Install({h.Function({std::string(kReplica), std::string(kReplica2)}, 0)});
  std::vector<std::unique_ptr<TestPeer>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(h.Client());
    h.Send(*clients.back(), Get());
  }
  CHECK(one.size() == 5);
  CHECK(two.size() == 5);
}

TEST_CASE("a function's own limit holds over all replicas") {
  Harness h;
  TestServer one(h.loop, kReplica), two(h.loop, kReplica2);
  auto spec = h.Function({std::string(kReplica), std::string(kReplica2)}, 0);
  spec.max_total_in_flight = 3;
  h.Install({spec});
  std::vector<std::unique_ptr<TestPeer>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(h.Client());
    h.Send(*clients.back(), Get());
  }
  CHECK(one.size() + two.size() == 3);
  clients[0]->Abort();
  h.Run();
  CHECK(h.edge.demanded->Sample(h.clock.Now()).in_flight == 3);
}

TEST_CASE("an update moves new requests and leaves those inside alone") {
  Harness h;
  TestServer one(h.loop, kReplica), two(h.loop, kReplica2);
  h.Install({h.Function({std::string(kReplica)})});
  auto a = h.Client(), b = h.Client();
  h.Send(*a, Get("/function/f/a"));
  h.Send(*b, Get("/function/f/b"));  // waits
  auto spec = h.Function({std::string(kReplica2)});
  spec.revisions[0].replicas[0].id = "r-2-0";
  h.Install({spec});
  REQUIRE(two.size() == 1);  // the waiting one went to the new revision
  CHECK(ParseMessage(two.last().received()).start_line == "GET /b HTTP/1.1");
  const auto sample = h.edge.demanded->Sample(h.clock.Now());
  CHECK(sample.in_flight == 2);  // the old one is still counted
  h.Send(one.last(), Ok("old"));
  CHECK(ParseMessage(a->received()).body == "old");
}

TEST_CASE("a flood of requests that are refused waits behind what was accepted") {
  Harness h;
  TestServer replica(h.loop, kReplica);
  auto spec = h.Function({std::string(kReplica)}, 1);
  spec.policy.queue.requests = 0;
  h.Install({spec});
  auto served = h.Client();
  h.Send(*served, Get());
  REQUIRE(replica.size() == 1);

  // All of this is there in one turn of the loop; the replica's answer comes last.
  constexpr size_t kFlood = 200;
  std::vector<std::unique_ptr<TestPeer>> flood;
  for (size_t i = 0; i < kFlood; ++i) flood.push_back(h.Client());
  for (auto& client : flood) client->Send(Get());
  replica.last().Send(Ok("done"));
  h.Run();
  CHECK(ParseMessage(served->received()).body == "done");
  const auto is_served = [](const RecordCopy& r) { return r.status == 200; };
  const auto first = std::find_if(h.edge.finished.begin(), h.edge.finished.end(), is_served);
  REQUIRE(first != h.edge.finished.end());
  CHECK(first - h.edge.finished.begin() <= 32);
  // All the others have an answer but the one that took the slot after it.
  const auto unanswered = std::count_if(
      flood.begin(), flood.end(), [](const auto& client) { return client->received().empty(); });
  CHECK(unanswered == 1);
}

TEST_CASE("a client that waits for its turn may leave, or send many requests at once") {
  Harness h;
  auto spec = h.Function({}, 1);
  spec.policy.queue.requests = 0;
  h.Install({spec});
  std::string many;
  for (int i = 0; i < 50; ++i) many += Get();
  std::vector<std::unique_ptr<TestPeer>> clients;
  for (size_t i = 0; i < 60; ++i) clients.push_back(h.Client());
  for (size_t i = 0; i < clients.size(); ++i) {
    clients[i]->Send(many);
    if (i % 3 == 1) clients[i]->Close();
    if (i % 3 == 2) clients[i]->Abort();
  }
  h.Run();
  for (size_t i = 0; i < clients.size(); i += 3) {
    const std::string& got = clients[i]->received();
    size_t answers = 0;
    for (size_t at = got.find("HTTP/1.1 429 "); at != std::string::npos;
         at = got.find("HTTP/1.1 429 ", at + 1)) {
      ++answers;
    }
    CHECK(answers == 50);
  }
  CHECK(h.path.connections() == 20);
  CHECK(h.path.exchanges() == 0);
}

}  // namespace
}  // namespace hearth::proxy
