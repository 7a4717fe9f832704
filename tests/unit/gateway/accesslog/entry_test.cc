#include "gateway/accesslog/entry.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <rapidcheck/catch.h>

namespace hearth::accesslog {
namespace {

using namespace std::chrono_literals;

Entry Sample() {
  Entry e;
  e.time = WallTime(std::chrono::seconds(1700000000) + 123456us);
  e.client = "10.0.0.7";
  e.method = "POST";
  e.path = "/function/resize";
  e.status = 200;
  e.bytes_in = 12;
  e.bytes_out = 3456;
  e.duration = 1500us;
  e.queued = 250us;
  e.function = "resize";
  e.ns = "default";
  e.user_agent = "curl/7.88.1";
  e.replica = "r-1-a";
  e.call_id = "c1";
  return e;
}

TEST_CASE("A text line has its columns, with dashes where there is nothing") {
  LineFormatter formatter(Format::kText);
  CHECK(formatter.Line(Sample()) ==
        "2023-11-14T22:13:20.123456Z 10.0.0.7 POST /function/resize 200 in=12 out=3456 t=0.001500 "
        "q=0.000250 resize.default r-1-a c1 - curl/7.88.1\n");
}

TEST_CASE("A JSON line is one object") {
  Entry e = Sample();
  e.error = "queue_full";
  e.attempts = 2;
  LineFormatter formatter(Format::kJson);
  const auto json = nlohmann::json::parse(formatter.Line(e));
  CHECK(json["time"] == "2023-11-14T22:13:20.123456Z");
  CHECK(json["status"] == 200);
  CHECK(json["duration_seconds"] == 0.0015);
  CHECK(json["error"] == "queue_full");
  CHECK(json["attempts"] == 2);
  CHECK(json["function"] == "resize");
}

TEST_CASE("No text breaks out of its line") {
  rc::prop("whatever the path and the client's call id", [](std::string path, std::string id) {
    Entry e = Sample();
    e.path = path;
    e.call_id = id;
    LineFormatter json_formatter(Format::kJson);
    const std::string_view json = json_formatter.Line(e);
    RC_ASSERT(nlohmann::json::accept(json));
    RC_ASSERT(json.find('\n') == json.size() - 1);
    LineFormatter text_formatter(Format::kText);
    const std::string_view text = text_formatter.Line(e);
    RC_ASSERT(text.find('\n') == text.size() - 1);
    RC_ASSERT(std::count(text.begin(), text.end(), ' ') == 13);
  });
}

TEST_CASE("A formatter follows the time") {
  LineFormatter formatter(Format::kText);
  Entry e = Sample();
  std::string lines;
  for (const Duration step : {Duration(0), Duration(1ms), Duration(1s), Duration(-1500ms)}) {
    e.time += step;
    lines += formatter.Line(e);
  }
  CHECK_THAT(lines, Catch::StartsWith("2023-11-14T22:13:20.123456Z "));
  CHECK_THAT(lines, Catch::Contains("\n2023-11-14T22:13:20.124456Z "));
  CHECK_THAT(lines, Catch::Contains("\n2023-11-14T22:13:21.124456Z "));
  CHECK_THAT(lines, Catch::Contains("\n2023-11-14T22:13:19.624456Z "));
}

TEST_CASE("A long path is cut") {
  Entry e = Sample();
  const std::string path(5000, 'x');
  e.path = path;
  LineFormatter formatter(Format::kText);
  const std::string line(formatter.Line(e));
  CHECK(line.size() < 1300);
  CHECK_THAT(line, Catch::Contains("xxx... 200"));
}

TEST_CASE("The longest texts, all of them escaped, have room in a line") {
  const std::string worst(70000, '\n');
  Entry e = Sample();
  for (std::string_view* text : {&e.client, &e.method, &e.path, &e.function, &e.ns, &e.replica,
                                 &e.call_id, &e.error, &e.user_agent}) {
    *text = worst;
  }
  e.bytes_in = e.bytes_out = UINT64_MAX;
  e.duration = e.queued = Duration::max();
  e.status = INT32_MAX;
  e.attempts = UINT32_MAX;
  for (const Format format : {Format::kText, Format::kJson}) {
    LineFormatter formatter(format);
    const std::string line(formatter.Line(e));
    CHECK(std::count(line.begin(), line.end(), '%') == 9 * 1024);
    CHECK(line.find('\n') == line.size() - 1);
  }
}

}  // namespace
}  // namespace hearth::accesslog
