#include "controller/logs/log_store.h"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "controller/logs/ring_reader.h"
#include "core/base/duration.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

const FunctionKey kFunction{"default", "fn"};

WallTime At(int seconds) { return WallTime(std::chrono::seconds(1'700'000'000 + seconds)); }

std::string Line(int second, const std::string& text, const std::string& stream = "stdout") {
  return Cat("{\"time\":\"", FormatTimeNanos(At(second)), "\",\"stream\":\"", stream,
             "\",\"text\":\"", text, "\"}\n");
}

struct Fixture {
  Fixture() {
    char pattern[] = "/tmp/hearth-unit-XXXXXX";
    folder = mkdtemp(pattern);
    store = std::make_unique<LogStore>(folder, 8000);
  }
  ~Fixture() { fs::remove_all(folder); }
  std::string Path(const std::string& replica, const char* end) const {
    return Cat(folder, "/default/fn/", replica, ".", end);
  }
  void Write(const std::string& replica, const char* end, const std::string& text) {
    const auto ring = store->OpenRing(kFunction, ReplicaId(replica));
    REQUIRE(ring.ok());
    close(ring->a);
    close(ring->b);
    std::ofstream(Path(replica, end), std::ios::app) << text;
  }
  std::vector<std::string> Texts(LogQuery query) {
    query.function = kFunction;
    std::vector<std::string> out;
    for (const LogLine& line : store->Query(query)) out.push_back(line.text);
    return out;
  }
  std::string folder;
  std::unique_ptr<LogStore> store;
};

using Lines = std::vector<std::string>;

TEST_CASE_METHOD(Fixture, "rings of several replicas are one log in the order of time") {
  Write("r1", "a", Line(1, "one") + Line(4, "four"));
  Write("r2", "b", Line(2, "two"));
  Write("r2", "a", Line(3, "three"));
  CHECK(Texts({}) == Lines{"one", "two", "three", "four"});
  LogQuery query;
  query.tail = 2;
  CHECK(Texts(query) == Lines{"three", "four"});
  query.tail.reset();
  query.since = At(3);
  CHECK(Texts(query) == Lines{"three", "four"});
  query.since.reset();
  query.instance = "r2";
  CHECK(Texts(query) == Lines{"two", "three"});
  query.tail = 0;
  CHECK(Texts(query).empty());
}

TEST_CASE_METHOD(Fixture, "lines that a crash cut off are left out") {
  Write("r1", "a", Line(1, "one") + "{\"time\":\"20\n" + Line(2, "two") + "{\"time\":");
  CHECK(Texts({}) == Lines{"one", "two"});
}

TEST_CASE_METHOD(Fixture, "a cursor begins with the tail and goes on with what is written") {
  Write("r1", "a", Line(1, "one") + Line(2, "two"));
  LogQuery query;
  query.function = kFunction;
  query.tail = 1;
  const auto cursor = store->Follow(query);
  const auto next = [&] {
    Lines out;
    for (const LogLine& line : cursor->Next(100)) out.push_back(line.text);
    return out;
  };
  CHECK(next() == Lines{"two"});
  CHECK(next().empty());
  std::ofstream(Path("r1", "a"), std::ios::app) << Line(3, "three").substr(0, 10);
  CHECK(next().empty());
  std::ofstream(Path("r1", "a"), std::ios::app) << Line(3, "three").substr(10);
  Write("r9", "a", Line(4, "new replica"));
  CHECK(next() == Lines{"three", "new replica"});
  // The ring goes round: the other file, then the first one anew.
  std::ofstream(Path("r1", "b"), std::ios::app) << Line(5, "five");
  CHECK(next() == Lines{"five"});
  std::ofstream(Path("r1", "a"), std::ios::trunc) << Line(6, "six");
  CHECK(next() == Lines{"six"});
}

TEST_CASE_METHOD(Fixture, "a cursor gives no more than it is asked for") {
  Write("r1", "a", Line(1, "one") + Line(2, "two") + Line(3, "three"));
  LogQuery query;
  query.function = kFunction;
  const auto cursor = store->Follow(query);
  CHECK(cursor->Next(2).size() == 2);
  CHECK(cursor->Next(2).size() == 1);
  CHECK(cursor->Next(2).empty());
}

TEST_CASE_METHOD(Fixture, "the platform's own lines are in the log") {
  Write("r1", "a", Line(1, "one"));
  store->AppendPlatform(kFunction, ReplicaId("r1"), "killed: out of \"memory\"", At(2));
  const auto lines = store->Query({kFunction, "", {}, {}});
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].stream == "platform");
  CHECK(lines[1].text == "killed: out of \"memory\"");
  CHECK(store->LastLines(kFunction, ReplicaId("r1"), 1) == Lines{"killed: out of \"memory\""});
}

TEST_CASE_METHOD(Fixture, "the oldest rings of gone replicas make room") {
  for (int i = 0; i < 5; ++i) {
    const std::string name = Cat("r", i);
    Write(name, "a", std::string(3000, 'x') + "\n");
    const timespec times[2] = {{1000 + i, 0}, {1000 + i, 0}};
    utimensat(AT_FDCWD, Path(name, "a").c_str(), times, 0);
    utimensat(AT_FDCWD, Path(name, "b").c_str(), times, 0);
  }
  store->Prune(kFunction, {ReplicaId("r0")});
  CHECK(fs::exists(Path("r0", "a")));
  CHECK_FALSE(fs::exists(Path("r1", "a")));
  CHECK_FALSE(fs::exists(Path("r2", "a")));
  CHECK_FALSE(fs::exists(Path("r3", "b")));
  CHECK(fs::exists(Path("r4", "a")));
  store->RemoveFunction(kFunction);
  CHECK(Texts({}).empty());
}

TEST_CASE("one line of a ring") {
  const auto line = ParseLogLine(
      R"({"time":"2024-05-01T12:00:00.5Z","stream":"stderr","call_id":"c","text":"t"})", "r");
  REQUIRE(line.has_value());
  CHECK(line->instance == "r");
  CHECK(line->stream == "stderr");
  CHECK(line->call_id == "c");
  CHECK(line->text == "t");
  CHECK_FALSE(ParseLogLine("[]", "r").has_value());
  CHECK_FALSE(ParseLogLine("{}", "r").has_value());
  CHECK_FALSE(ParseLogLine("", "r").has_value());
}

}  // namespace
}  // namespace hearth::controller
