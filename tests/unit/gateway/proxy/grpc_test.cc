// What the gateway knows of gRPC.
#include "gateway/proxy/grpc.h"

#include <catch2/catch.hpp>

#include "core/base/strings.h"
#include "tests/fakes/h2/h2_client.h"
#include "tests/unit/gateway/proxy/harness.h"

namespace hearth::proxy {
namespace {

TEST_CASE("gRPC is told by its content type") {
  CHECK(IsGrpc("application/grpc"));
  CHECK(IsGrpc("application/grpc+proto"));
  CHECK(IsGrpc("application/grpc;charset=x"));
  CHECK_FALSE(IsGrpc("application/grpc-web"));
  CHECK_FALSE(IsGrpc("application/grpcx"));
  CHECK_FALSE(IsGrpc("application/json"));
  CHECK_FALSE(IsGrpc(""));
}

TEST_CASE("timeouts of gRPC") {
  CHECK(GrpcTimeoutMs("100m") == 100);
  CHECK(GrpcTimeoutMs("2S") == 2000);
  CHECK(GrpcTimeoutMs("3M") == 180'000);
  CHECK(GrpcTimeoutMs("1H") == 3'600'000);
  CHECK(GrpcTimeoutMs("1n") == 1);
  CHECK(GrpcTimeoutMs("5000u") == 5);
  CHECK(GrpcTimeoutMs("99999999H") == 99'999'999ull * 3'600'000);
  for (const char* bad : {"", "S", "5", "5s", "-5S", "5.0S", "123456789S", " 5S"}) {
    CHECK_FALSE(GrpcTimeoutMs(bad));
  }
}

TEST_CASE("the metadata names the function") {
  h2::FieldBlock block;
  block.Add(":path", "/pkg.Svc/Method");
  block.Add("content-type", "application/grpc");
  block.Add("grpc-timeout", "5S");
  SECTION("a good name") {
    block.Add("x-hearth-function", "greet.team-a");
    CHECK(PrepareGrpc(&block));
    CHECK(block.Find(":path") == "/function/greet.team-a/pkg.Svc/Method");
    CHECK_FALSE(block.Has("x-hearth-function"));
    CHECK(block.Find("x-hearth-timeout-ms") == "5000");
  }
  SECTION("a nearer deadline stays") {
    block.Add("x-hearth-timeout-ms", "100");
    CHECK(PrepareGrpc(&block));
    CHECK(block.Find("x-hearth-timeout-ms") == "100");
    CHECK(block.Find(":path") == "/pkg.Svc/Method");
  }
  SECTION("names that could lead elsewhere") {
    for (const char* name : {"", "a/b", "../system", "a?b", "a b"}) {
      h2::FieldBlock other = block;
      other.Add("x-hearth-function", name);
      CHECK(PrepareGrpc(&other));
      CHECK(other.Find(":path") == "/pkg.Svc/Method");
    }
  }
  SECTION("no gRPC") {
    block.Set("content-type", "text/plain");
    block.Add("x-hearth-function", "greet");
    CHECK_FALSE(PrepareGrpc(&block));
    CHECK(block.Find(":path") == "/pkg.Svc/Method");
  }
}

TEST_CASE("the text of an error") {
  CHECK(ErrorMessageOf(R"({"error":"say \"hi\"\n","reason":"x"})") == "say \"hi\"\n");
  CHECK(ErrorMessageOf(R"({"error":"a\u0001b"})") ==
        "a\x01"
        "b");
  CHECK(ErrorMessageOf(R"({"error":"cut)").empty());
  CHECK(ErrorMessageOf(R"({"error":"bad \x escape"})").empty());
  CHECK(ErrorMessageOf("").empty());
}

TEST_CASE("errors of the platform reach gRPC clients as gRPC") {
  struct Case {
    int http;
    int grpc;
  };
  for (const Case c : {Case{400, 13},
                       {401, 16},
                       {403, 7},
                       {404, 12},
                       {408, 4},
                       {413, 8},
                       {429, 8},
                       {431, 8},
                       {500, 13},
                       {501, 12},
                       {502, 14},
                       {503, 14},
                       {504, 4},
                       {418, 2}}) {
    CHECK(GrpcStatusFor(c.http) == c.grpc);
  }
  h2::FieldBlock head;
  head.Add(":status", "503");
  head.Add("content-type", "application/json");
  head.Add("x-hearth-error", "gateway;no_replica");
  head.Add("content-length", "20");
  head.Add("retry-after", "2");
  ToGrpcError(&head, "{\"error\":\"n\xc3\xa4h, 100%\"}");
  CHECK(head.Find(":status") == "200");
  CHECK(head.Find("content-type") == "application/grpc");
  CHECK(head.Find("grpc-status") == "14");
  CHECK(head.Find("grpc-message") == "n%C3%A4h, 100%25 (gateway;no_replica)");
  CHECK(head.Find("grpc-retry-pushback-ms") == "2000");
  CHECK(head.Find("x-hearth-error") == "gateway;no_replica");
  CHECK_FALSE(head.Has("content-length"));
}

TEST_CASE("gRPC through the data path") {
  Harness h;
  TestServer replica{h.loop, kReplica};
  h.Install({h.Function({std::string(kReplica)}, 100)});
  fakes::H2Client client(h.loop, "127.0.0.1:80");
  const auto call = [&](std::string function, fakes::H2Client::Fields more = {}) {
    more.insert(more.begin(), {{"content-type", "application/grpc"},
                               {"te", "trailers"},
                               {"x-hearth-function", std::move(function)}});
    const int32_t id = client.Request("POST", "/pkg.Svc/M", more, false);
    client.Send(id, std::string("\0\0\0\0\1x", 6));
    client.End(id);
    h.Run();
    return id;
  };
  SECTION("an unknown function") {
    const auto& answer = client.answer(call("none"));
    CHECK(answer.status == 200);
    CHECK(answer.headers_only);
    CHECK(answer.Field("grpc-status") == "12");
    CHECK(answer.Field("grpc-message").starts_with("there is no function \"none\""));
    CHECK(answer.error == 0);
  }
  SECTION("a known one") {
    const int32_t id = call("f");
    REQUIRE(replica.size() == 1);
    CHECK(ParseMessage(replica.last().received()).start_line == "POST /pkg.Svc/M HTTP/1.1");
    h.Send(replica.last(),
           "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: "
           "chunked\r\n\r\n2\r\nab\r\n0\r\ngrpc-status: 0\r\n\r\n");
    CHECK(client.answer(id).body == "ab");
    CHECK(client.answer(id).Trailer("grpc-status") == "0");
  }
  SECTION("its deadline") {
    const int32_t id = call("f", {{"grpc-timeout", "3S"}});
    h.loop.Advance(seconds(10));
    CHECK(client.answer(id).Field("grpc-status") == "4");
  }
  SECTION("an error that the watchdog made") {
    const int32_t id = call("f");
    h.Send(replica.last(),
           "HTTP/1.1 502 Bad Gateway\r\nX-Hearth-Error: function;crashed\r\nContent-Length: "
           "16\r\n\r\n{\"error\":\"died\"}");
    CHECK(client.answer(id).status == 200);
    CHECK(client.answer(id).Field("grpc-status") == "14");
    CHECK(client.answer(id).Field("grpc-message") == "died (function;crashed)");
  }
  SECTION("an error of the function's own is its own") {
    const int32_t id = call("f");
    h.Send(replica.last(), "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno");
    CHECK(client.answer(id).status == 500);
    CHECK(client.answer(id).body == "no");
  }
  SECTION("a call that is no gRPC gets the error as it is") {
    const int32_t id = client.Request("GET", "/function/none");
    h.Run();
    CHECK(client.answer(id).status == 404);
  }
}

}  // namespace
}  // namespace hearth::proxy
