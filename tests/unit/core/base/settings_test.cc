#include "core/base/settings.h"

#include <catch2/catch.hpp>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/base/absl_compat.h"
#include "core/base/install.h"
#include "core/base/strings.h"

namespace hearth {
namespace {

struct World {
  World() {
    settings.Add(&listen, {.name = "listen", .help = "Address for clients"});
    settings.Add(&verbose, {.name = "verbose", .help = "Say more"});
    settings.Add(&port, {.name = "admin-port", .help = "Port for metrics"});
    settings.Add(&wait, {.name = "queue-max-wait", .help = "Longest wait"});
    settings.AddBytes(&size, {.name = "body-max", .help = "Largest body"});
    settings.Add(&peers, {.name = "peer", .help = "Other | ones"});
    settings.Add(&token, {.name = "token", .help = "Shared secret", .secret = true});
    settings.Add(&ratio, {.name = "ratio",
                          .help = "From 0 to 1",
                          .env = "OTHER_RATIO",
                          .check = [](std::string_view text) -> absl::Status {
                            const auto number = ParseDouble(text);
                            if (number && *number <= 1) return absl::OkStatus();
                            return InvalidArgument("write a number from 0 to 1");
                          }});
  }
  absl::StatusOr<Settings::Action> Load(const std::vector<std::string>& args) {
    return settings.Load(args, [this](std::string_view name) -> std::optional<std::string> {
      const auto found = environment.find(std::string(name));
      return found == environment.end() ? std::nullopt : std::optional(found->second);
    });
  }
  std::string ErrorOf(const std::vector<std::string>& args) {
    const auto result = Load(args);
    return result.ok() ? "none" : std::string(Message(result.status()));
  }

  std::string listen = "127.0.0.1:8080";
  bool verbose = false;
  uint16_t port = 8082;
  Duration wait = std::chrono::seconds(60);
  uint64_t size = 6 << 20;
  std::vector<std::string> peers;
  std::string token;
  double ratio = 0.5;
  Settings settings{"hearth-test", "Tests settings."};
  std::map<std::string, std::string> environment;
};

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    const int fd = ::mkstemp(path.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { ::unlink(path.c_str()); }
  std::string path = "/tmp/hearth-settings-XXXXXX";
};

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("flags in all their forms") {
  World w;
  REQUIRE(w.Load({"--listen", "0.0.0.0:1", "--verbose", "--admin-port=9", "--queue-max-wait=1m30s",
                  "--body-max", "1Gi", "--peer=a,b", "--peer", "c", "-ratio=0.25"})
              .value() == Settings::Action::kRun);
  CHECK(w.listen == "0.0.0.0:1");
  CHECK(w.verbose);
  CHECK(w.port == 9);
  CHECK(w.wait == std::chrono::seconds(90));
  CHECK(w.size == 1ull << 30);
  CHECK(w.peers == std::vector<std::string>{"a", "b", "c"});
  CHECK(w.ratio == 0.25);
  World off;
  off.verbose = true;
  REQUIRE(off.Load({"--no-verbose"}).ok());
  CHECK_FALSE(off.verbose);
  World given;
  REQUIRE(given.Load({"--verbose=false"}).ok());
  CHECK_FALSE(given.verbose);
}

TEST_CASE("flag beats environment beats file beats default") {
  const TemporaryFile file(
      "# comment\n---\nlisten: file:1\nadmin_port = 11\npeer: x,y\n\ntoken: 'a # b'\n"
      "queue-max-wait: 5s  # trailing\n");
  World w;
  w.environment = {{"HEARTH_LISTEN", "env:1"},
                   {"HEARTH_ADMIN_PORT", "12"},
                   {"OTHER_RATIO", "1"},
                   {"HEARTH_PEER", "z"}};
  REQUIRE(w.Load({"--config", file.path, "--listen=flag:1"}).ok());
  CHECK(w.listen == "flag:1");
  CHECK(w.port == 12);
  CHECK(w.ratio == 1);
  CHECK(w.wait == std::chrono::seconds(5));
  CHECK(w.token == "a # b");
  CHECK(w.peers == std::vector<std::string>{"z"});
  CHECK(w.size == 6 << 20);
  const std::string shown = Join(w.settings.Effective(), "\n");
  CHECK(Has(shown, "listen = flag:1 (flag)"));
  CHECK(Has(shown, "admin-port = 12 (environment)"));
  CHECK(Has(shown, "queue-max-wait = 5s (file)"));
  CHECK(Has(shown, "body-max = 6Mi (default)"));
  CHECK(Has(shown, "token = ******** (file)"));
  CHECK_FALSE(Has(shown, "a # b"));
}

TEST_CASE("the environment may name the file") {
  const TemporaryFile file("listen: file:1\n");
  World w;
  w.environment = {{"HEARTH_CONFIG", file.path}};
  REQUIRE(w.Load({}).ok());
  CHECK(w.listen == "file:1");
}

TEST_CASE("errors name the setting, its place and the remedy") {
  World w;
  CHECK(Has(w.ErrorOf({"--lisen=x"}), "unknown flag --lisen (did you mean \"listen\"?)"));
  CHECK(Has(w.ErrorOf({"--listen"}), "--listen needs a value"));
  CHECK(Has(w.ErrorOf({"--admin-port=70000"}), "--admin-port: bad value \"70000\""));
  CHECK(Has(w.ErrorOf({"--admin-port=70000"}), "0 to 65535"));
  CHECK(Has(w.ErrorOf({"--queue-max-wait=soon"}), "1h30m"));
  CHECK(Has(w.ErrorOf({"--verbose=maybe"}), "true or false"));
  CHECK(Has(w.ErrorOf({"--ratio=2"}), "from 0 to 1"));
  CHECK(Has(w.ErrorOf({"stray"}), "unexpected argument \"stray\""));
  CHECK(Has(w.ErrorOf({"--config=/nonexistent/x"}), "cannot read /nonexistent/x"));
  World e;
  e.environment = {{"HEARTH_ADMIN_PORT", "many"}};
  CHECK(Has(e.ErrorOf({}), "HEARTH_ADMIN_PORT: bad value \"many\""));
  const TemporaryFile unknown("listen: a\nlissen: b\n");
  World f;
  CHECK(Has(f.ErrorOf({"--config", unknown.path}), ":2: unknown setting \"lissen\" (did you mean"));
  const TemporaryFile malformed("listen\n");
  CHECK(Has(f.ErrorOf({"--config", malformed.path}), ":1: write \"name: value\""));
}

TEST_CASE("a secret's bad value is not shown") {
  World w;
  uint64_t pin = 0;
  w.settings.Add(&pin, {.name = "pin", .help = "A number", .secret = true});
  const std::string error = w.ErrorOf({"--pin=hunter2"});
  CHECK(Has(error, "--pin"));
  CHECK_FALSE(Has(error, "hunter2"));
}

TEST_CASE("help, version and documentation come from the declarations") {
  World w;
  CHECK(w.Load({"--bogus", "--help"}).value() == Settings::Action::kHelp);
  CHECK(w.Load({"--version"}).value() == Settings::Action::kVersion);
  const std::string help = w.settings.HelpText();
  CHECK(Has(help, "Usage: hearth-test [FLAGS]"));
  CHECK(Has(help, "--queue-max-wait DURATION"));
  CHECK(Has(help, "Longest wait (default 1m) [HEARTH_QUEUE_MAX_WAIT]"));
  const std::string table = w.settings.Markdown();
  CHECK(Has(table, "| `--body-max SIZE` | `HEARTH_BODY_MAX` | `6Mi` | Largest body |"));
  CHECK(Has(table, "Other \\| ones"));
}

TEST_CASE("arguments where they are allowed") {
  World w;
  w.settings.AllowArguments("[NAME]");
  REQUIRE(w.Load({"a", "--verbose", "--", "--b"}).ok());
  CHECK(w.settings.arguments() == std::vector<std::string>{"a", "--b"});
}

TEST_CASE("parts of the installation") {
  const auto folder = ExecutableFolder();
  REQUIRE(folder.ok());
  CHECK(FindSibling("core_base_test").value() == *folder + "/core_base_test");
  const auto missing = FindSibling("no-such-program");
  CHECK(Has(std::string(Message(missing.status())), *folder + "/no-such-program"));
  ::setenv("HEARTH_RUNTIMES", "/tmp", 1);
  CHECK(FindRuntimesDir().value() == "/tmp");
  ::setenv("HEARTH_RUNTIMES", "/nonexistent", 1);
  CHECK_FALSE(FindRuntimesDir().ok());
  ::unsetenv("HEARTH_RUNTIMES");
}

}  // namespace
}  // namespace hearth
