#include "core/net/address.h"

#include <catch2/catch.hpp>

#include <string>

#include "core/base/absl_compat.h"

namespace hearth::net {
namespace {

TEST_CASE("addresses read and written") {
  struct Case {
    std::string text;
    bool loopback;
  };
  for (const Case& c :
       {Case{"127.0.0.1:8080", true}, Case{"0.0.0.0:0", false}, Case{"10.1.2.3:65535", false},
        Case{"[::1]:80", true}, Case{"[::]:80", false}, Case{"127.9.9.9:1", true},
        Case{"unix:/run/a.sock", true}, Case{"fd:3", false}}) {
    DYNAMIC_SECTION(c.text) {
      const auto address = Address::Parse(c.text);
      REQUIRE(address.ok());
      CHECK(address->Text() == c.text);
      CHECK(address->IsLoopback() == c.loopback);
    }
  }
}

TEST_CASE("what is not an address") {
  for (const std::string text : {"", "127.0.0.1", ":80", "localhost:80", "127.0.0.1:", "::1:80",
                                 "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8a", "[127.0.0.1]:1",
                                 "[::1]", "unix:", "fd:", "fd:x", "fd:-1", "300.1.1.1:1"}) {
    DYNAMIC_SECTION(text) {
      const auto address = Address::Parse(text);
      REQUIRE_FALSE(address.ok());
      CHECK(Message(address.status()).find('"' + text + '"') != std::string_view::npos);
    }
  }
  CHECK_FALSE(Address::Parse("unix:/" + std::string(108, 'a')).ok());
}

}  // namespace
}  // namespace hearth::net
