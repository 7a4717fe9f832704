#include "core/http/trace_context.h"

#include <catch2/catch.hpp>

#include <string>

namespace hearth::http {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kSpan = "b7ad6b7169203331";

TEST_CASE("a traceparent is read and written") {
  const auto context = ParseTraceparent("00-" + kTrace + "-" + kSpan + "-01");
  REQUIRE(context);
  CHECK(context->trace() == kTrace);
  CHECK(context->span() == kSpan);
  CHECK(context->sampled());
  const auto text = context->Text();
  CHECK(std::string(text.data(), text.size()) == "00-" + kTrace + "-" + kSpan + "-01");
  CHECK_FALSE(ParseTraceparent("00-" + kTrace + "-" + kSpan + "-02")->sampled());
  CHECK(ParseTraceparent("00-" + kTrace + "-" + kSpan + "-ff")->flags == 0xff);
}

TEST_CASE("versions to come are read as far as this one goes") {
  CHECK(ParseTraceparent("cc-" + kTrace + "-" + kSpan + "-01"));
  CHECK(ParseTraceparent("cc-" + kTrace + "-" + kSpan + "-01-what-the-future-will-be-like"));
  CHECK_FALSE(ParseTraceparent("cc-" + kTrace + "-" + kSpan + "-01.what"));
}

TEST_CASE("what is no traceparent") {
  const std::string cases[] = {
      "",
      "00",
      kTrace,
      "00-" + kTrace + "-" + kSpan,
      "00-" + kTrace + "-" + kSpan + "-1",
      "00-" + kTrace + "-" + kSpan + "-011",
      "00-" + kTrace + "-" + kSpan + "-01-",
      "00-" + kTrace + "-" + kSpan + "-01-more",
      "00-" + kTrace + "-" + kSpan + "-0G",
      "00-" + kTrace + "-" + kSpan + "-0A",
      "ff-" + kTrace + "-" + kSpan + "-01",
      "0-" + kTrace + "-" + kSpan + "-001",
      "0X-" + kTrace + "-" + kSpan + "-01",
      "00-" + std::string(32, '0') + "-" + kSpan + "-01",
      "00-" + kTrace + "-" + std::string(16, '0') + "-01",
      "00-0AF7651916CD43DD8448EB211C80319C-" + kSpan + "-01",
      "00-" + kTrace + "-B7AD6B7169203331-01",
      "00-" + kTrace.substr(1) + "x-" + kSpan + "-01",
      "00_" + kTrace + "-" + kSpan + "-01",
      "00-" + kTrace + "_" + kSpan + "-01",
      " 00-" + kTrace + "-" + kSpan + "-01",
      "00-" + kTrace + "-" + kSpan + "-01 ",
  };
  for (const std::string& text : cases) {
    INFO(text);
    CHECK_FALSE(ParseTraceparent(text));
  }
}

TEST_CASE("a tracestate is a list of vendors' entries") {
  std::string most, more;
  for (int i = 0; i < 33; ++i) {
    (i < 32 ? most : more) += (i % 32 ? "," : "") + std::string("v") + std::to_string(i) + "=1";
  }
  for (const std::string& text :
       {std::string("vendor=value"), std::string("a=1,b=2"), std::string("a=1 ,\tb=2"),
        std::string("tenant@vendor=x"), std::string("0ten/ant@v=x"),
        std::string("a=with space in it"), std::string(",a=1,,b=2,"), std::string(256, 'k') + "=v",
        "k=" + std::string(256, 'v'), most}) {
    INFO(text);
    CHECK(IsTracestate(text));
  }
  for (const std::string& text :
       {std::string(), std::string(","), std::string("a"), std::string("a="), std::string("=b"),
        std::string("A=1"), std::string("1a=1"), std::string("a=1,a=2"), std::string("a=b=c"),
        std::string("a b=1"), std::string("@v=1"), std::string("t@=1"), std::string("t@v@w=1"),
        std::string("t@averylongvendor=1"), std::string("a=\x01"), std::string("a=\xc3\xa4"),
        std::string(257, 'k') + "=v", "k=" + std::string(257, 'v'), most + "," + more}) {
    INFO(text);
    CHECK_FALSE(IsTracestate(text));
  }
}

TEST_CASE("ids are sixteen digits") {
  char out[16];
  WriteHex64(0x0123456789abcdef, out);
  CHECK(std::string(out, 16) == "0123456789abcdef");
  WriteHex64(1, out);
  CHECK(std::string(out, 16) == "0000000000000001");
}

}  // namespace
}  // namespace hearth::http
