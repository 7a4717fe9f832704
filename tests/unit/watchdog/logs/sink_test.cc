#include "watchdog/logs/sink.h"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/memory_loop.h"

namespace hearth::watchdog {
namespace {

struct TempFile {
  TempFile() : fd(mkstemp(name)) { fcntl(fd, F_SETFL, O_APPEND); }
  ~TempFile() {
    close(fd);
    unlink(name);
  }
  std::string Text() const {
    std::string text(1 << 20, '\0');
    text.resize(static_cast<size_t>(pread(fd, text.data(), text.size(), 0)));
    return text;
  }
  char name[32] = "/tmp/hearth-log-test-XXXXXX";
  int fd;
};

TEST_CASE("a line as JSON", "[watchdog][logs]") {
  const fakes::FakeClock clock;
  CHECK(FormatJsonLine({"stdout", "", "a \"b\"\t\xff"}, clock.WallNow()) ==
        "{\"time\":\"2023-11-14T22:13:20.000000000Z\",\"stream\":\"stdout\",\"text\":\"a "
        "\\\"b\\\"\\t\xef\xbf\xbd\"}\n");
  CHECK(FormatJsonLine({"stderr", "id-1", "x"}, clock.WallNow()) ==
        "{\"time\":\"2023-11-14T22:13:20.000000000Z\",\"stream\":\"stderr\",\"call_id\":\"id-1\","
        "\"text\":\"x\"}\n");
}

TEST_CASE("a line as text", "[watchdog][logs]") {
  const fakes::FakeClock clock;
  CHECK(FormatTextLine({"stdout", "id", "x"}, clock.WallNow(), {true, false}) ==
        "2023/11/14 22:13:20 stdout: x\n");
  CHECK(FormatTextLine({"stdout", "id", "x"}, clock.WallNow(), {false, true}) == "x [id]\n");
}

TEST_CASE("the ring keeps the newest lines within its size", "[watchdog][logs]") {
  const fakes::FakeClock clock;
  const TempFile a, b;
  RingSink ring(clock, a.fd, b.fd, 1000);
  for (int i = 0; i < 50; ++i) ring.Write({"stdout", "", "line " + std::to_string(i)});
  const std::string first = a.Text();
  const std::string second = b.Text();
  CHECK(first.size() <= 500);
  CHECK(second.size() <= 500);
  CHECK(first.size() + second.size() > 500);
  CHECK((first + second).find("line 49") != std::string::npos);
  CHECK((first + second).find("line 0\"") == std::string::npos);
  CHECK(ring.dropped() == 0);
}

TEST_CASE("the ring goes on where the one before stopped", "[watchdog][logs]") {
  const fakes::FakeClock clock;
  const TempFile a, b;
  RingSink(clock, a.fd, b.fd, 4096).Write({"stdout", "", "one"});
  RingSink(clock, a.fd, b.fd, 4096).Write({"stdout", "", "two"});
  CHECK(a.Text().find("one") != std::string::npos);
  CHECK(a.Text().find("two") != std::string::npos);
  CHECK(b.Text().empty());
}

TEST_CASE("a reader that does not read costs lines, not memory or time", "[watchdog][logs]") {
  fakes::FakeClock clock;
  fakes::MemoryLoop loop(clock);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  {
    TextSink sink(loop, ends[1], {false, false});
    const std::string line(1000, 'x');
    for (int i = 0; i < 1000; ++i) sink.Write({"stdout", "", line});
    CHECK(sink.dropped() > 0);
    std::string got(64 * 1024, '\0');
    const ssize_t n = read(ends[0], got.data(), got.size());
    CHECK(n > 4096);
    loop.Advance(std::chrono::milliseconds(30));
    CHECK(read(ends[0], got.data(), got.size()) > 4096);  // what waited came after it
  }
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace hearth::watchdog
