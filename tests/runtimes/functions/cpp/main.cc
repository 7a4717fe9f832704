// The function that every language has for the tests: it does what the query parameter `op` says.
#include <hearth.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using hearth::Context;
using hearth::Event;
using hearth::Json;
using hearth::Response;

Json Echo(const Event& event) {
  Json query = Json::object(), cookies = Json::array();
  for (const auto& [name, value] : event.json["queryStringParameters"].members()) query.set(name, value);
  for (const std::string& cookie : event.cookies()) cookies.push(cookie);
  return Json::object({{"method", event.method()},
                       {"path", event.path()},
                       {"rawQuery", event.raw_query()},
                       {"query", query},
                       {"cookies", cookies},
                       {"header", event.header("x-test")},
                       {"body", event.json["body"].str()},
                       {"base64", event.json["isBase64Encoded"].boolean()}});
}

Json Describe(const Context& context) {
  const auto remaining = context.Remaining().count();
  return Json::object({{"id", !context.request_id.empty()},
                       {"name", context.function_name},
                       {"arn", context.invoked_function_arn},
                       {"memory", context.memory_limit_mb},
                       {"remaining", remaining > 0 && remaining <= 20000},
                       {"trace", context.trace_id}});
}

Json Handle(const Event& event, const Context& context) {
  const std::string op = event.query("op");
  if (op == "string") return "plain wörds";
  if (op == "number") return 42;
  if (op == "null") return nullptr;
  if (op == "list") return Json::array({1, "two", nullptr});
  if (op == "full") {
    return Json::Parse(Response{418, {{"content-type", "text/html"}, {"x-test", "yes"}}, "<p>é</p>",
                                {"a=1; Path=/", "b=2"}}.Encode());
  }
  if (op == "binary") {
    Response all{200, {{"content-type", "image/x-test"}}, "", {}};
    for (int i = 0; i < 256; ++i) all.body += static_cast<char>(i);
    return Json::Parse(all.Encode());
  }
  if (op == "decode") {
    int sum = 0;
    const std::string data = event.body();
    for (const char c : data) sum += static_cast<unsigned char>(c);
    return Json::object({{"length", data.size()}, {"sum", sum}});
  }
  if (op == "fail") throw std::invalid_argument("went wrong");
  if (op == "nested") {
    try {
      throw std::out_of_range("inside");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("outside"));
    }
  }
  if (op == "odd") throw 42;
  if (op == "context") return Describe(context);
  if (op == "log") {
    std::cout << "to stdout\n";
    std::cerr << "to stderr\n";
    return "logged";
  }
  if (op == "sleep") {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return "slept";
  }
  if (op == "exit") std::_Exit(3);
  return Echo(event);
}

void HandleStream(const Event& event, const Context&, hearth::Stream& out) {
  if (event.query("op") == "stream_fail") {
    out.Write("one\n");
    throw std::runtime_error("went wrong later");
  }
  if (event.query("op") == "early_fail") throw std::runtime_error("went wrong early");
  out.SetHead({201, {{"content-type", "text/event-stream"}, {"x-test", "yes"}}, "", {"a=1"}});
  for (const char* word : {"one\n", "two\n", "three\n"}) {
    if (!out.Write(word)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

std::string HandleText(std::string_view event, const Context&) {
  return "{\"got\":" + std::string(event) + "}";
}

Json RoundTrip(const Event& event, const Context&) { return event.json; }

}  // namespace

int main() {
  const std::string handler = hearth::HandlerName();
  if (handler == "stream") return hearth::Run(HandleStream);
  if (handler == "raw") return hearth::Run(HandleText);
  if (handler == "json") return hearth::Run(RoundTrip);
  return hearth::Run(Handle);
}
