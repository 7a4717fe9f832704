#include "gateway/app/options.h"

#include <catch2/catch.hpp>

#include <map>

#include "core/base/absl_compat.h"

namespace hearth::gateway {
namespace {

using Environment = std::map<std::string, std::string>;

absl::Status Load(Options* options, const std::vector<std::string>& args,
                  const Environment& environment = {}) {
  Settings settings("hearth-gateway", "Test.");
  Declare(options, &settings);
  return settings
      .Load(args,
            [&](std::string_view name) -> std::optional<std::string> {
              const auto it = environment.find(std::string(name));
              if (it == environment.end()) return std::nullopt;
              return it->second;
            })
      .status();
}

TEST_CASE("Flags win over the environment") {
  Options options;
  REQUIRE(Load(&options, {"--listen", "127.0.0.1:1", "--threads=3"},
               {{"HEARTH_GATEWAY_LISTEN", "127.0.0.1:2"},
                {"HEARTH_GATEWAY_ADMIN_LISTEN", "127.0.0.1:3"}})
              .ok());
  CHECK(options.listen == "127.0.0.1:1");
  CHECK(options.admin_listen == "127.0.0.1:3");
  CHECK(options.threads == 3);
}

TEST_CASE("Controllers are a list, by commas or by repetition") {
  Options commas;
  REQUIRE(Load(&commas, {"--controller", "unix:/a,10.0.0.1:9000"}).ok());
  CHECK(commas.controllers == std::vector<std::string>{"unix:/a", "10.0.0.1:9000"});
  Options repeated;
  REQUIRE(Load(&repeated, {"--controller=unix:/a", "--controller=unix:/b"}).ok());
  CHECK(repeated.controllers == std::vector<std::string>{"unix:/a", "unix:/b"});
}

TEST_CASE("Defaults listen on this machine only") {
  Options options;
  REQUIRE(Load(&options, {}).ok());
  CHECK(options.listen == "127.0.0.1:8080");
  CHECK(options.admin_listen == "127.0.0.1:8082");
  CHECK(options.access_log == "off");
}

TEST_CASE("A wrong value names its setting") {
  struct Case {
    const char* name;
    std::vector<std::string> args;
    const char* setting;
  };
  const Case cases[] = {
      {"no port", {"--listen", "127.0.0.1"}, "listen"},
      {"a name", {"--listen", "localhost:8080"}, "listen"},
      {"format", {"--access-log", "xml"}, "access-log"},
      {"level", {"--log-level", "loud"}, "log-level"},
      {"threads", {"--threads", "-1"}, "threads"},
      {"unknown", {"--lissten", "127.0.0.1:1"}, "lissten"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      Options options;
      const absl::Status status = Load(&options, c.args);
      REQUIRE_FALSE(status.ok());
      CHECK_THAT(std::string(Message(status)), Catch::Contains(c.setting));
    }
  }
}

}  // namespace
}  // namespace hearth::gateway
