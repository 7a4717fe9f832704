#include "gateway/accesslog/writer.h"

#include <catch2/catch.hpp>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace hearth::accesslog {
namespace {

std::string Contents(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST_CASE("A writer puts every loop's entries into its file before it goes") {
  char name[] = "/tmp/hearth-log-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  const std::string path = folder + "/access.log";
  {
    WriterOptions options;
    options.path = path;
    options.format = Format::kJson;
    auto writer = Writer::Open(options, 2);
    REQUIRE(writer.ok());
    for (int i = 0; i < 10; ++i) {
      Entry e;
      e.status = 200 + i;
      (*writer)->sink(static_cast<size_t>(i % 2))->Log(e);
    }
    CHECK((*writer)->dropped() == 0);
  }
  const std::string text = Contents(path);
  CHECK(std::count(text.begin(), text.end(), '\n') == 10);
  for (int i = 0; i < 10; ++i) {
    CHECK_THAT(text, Catch::Contains("\"status\":" + std::to_string(200 + i)));
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("A log that cannot be opened says which flag") {
  WriterOptions options;
  options.path = "/nonexistent/folder/access.log";
  const auto writer = Writer::Open(options, 1);
  REQUIRE_FALSE(writer.ok());
  CHECK_THAT(std::string(writer.status().message()), Catch::Contains("--access-log-file"));
}

TEST_CASE("Sampling keeps every failure") {
  char name[] = "/tmp/hearth-log-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  WriterOptions options;
  options.path = folder + "/access.log";
  options.sample = 10;
  auto writer = Writer::Open(options, 1);
  REQUIRE(writer.ok());
  Writer::Sink* sink = (*writer)->sink(0);
  int wanted = 0;
  for (int i = 0; i < 100; ++i) wanted += sink->Wants(200, false) ? 1 : 0;
  CHECK(wanted == 10);
  CHECK(sink->Wants(500, false));
  CHECK(sink->Wants(429, true));
  CHECK(sink->Wants(0, false));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hearth::accesslog
