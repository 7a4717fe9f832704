#include "cli/config/gateway.h"

#include <catch2/catch.hpp>

#include <map>

namespace hearth::cli {
namespace {

Environment Env(std::map<std::string, std::string> values) {
  return [values](std::string_view name) -> std::optional<std::string> {
    const auto at = values.find(std::string(name));
    if (at == values.end()) return std::nullopt;
    return at->second;
  };
}

TEST_CASE("which gateway") {
  const auto choose = [](const std::string& flag, const std::string& stack,
                         std::optional<std::string> endpoint,
                         std::map<std::string, std::string> env) {
    return ChooseGateway(flag, stack, endpoint, Env(std::move(env))).value().url;
  };
  CHECK(choose("", "", {}, {}) == kDefaultGateway);
  CHECK(choose("", "", "http://127.0.0.1:9\n", {}) == "http://127.0.0.1:9");
  CHECK(choose("", "", "http://127.0.0.1:9", {{"OPENFAAS_URL", "http://of"}}) == "http://of");
  CHECK(choose("", "", {}, {{"OPENFAAS_URL", "http://of"}, {"HEARTH_URL", "http://h/"}}) ==
        "http://h");
  CHECK(choose("", "http://stack", {}, {{"HEARTH_URL", "http://h"}}) == "http://stack");
  CHECK(choose("http://flag/", "http://stack", {}, {{"HEARTH_URL", "http://h"}}) == "http://flag");
  // What generated stacks contain says nothing.
  CHECK(choose("", "http://127.0.0.1:8080", {}, {{"HEARTH_URL", "http://h"}}) == "http://h");
  CHECK(choose("localhost:31112", "", {}, {}) == "http://localhost:31112");
  CHECK(choose("HTTPS://x", "", {}, {}) == "HTTPS://x");
  for (const char* bad : {"ftp://x", "http://", "unix:///x"}) {
    CHECK_FALSE(ChooseGateway(bad, "", {}, Env({})).ok());
  }
}

TEST_CASE("the same gateway in other words") {
  CHECK(SameGateway("http://localhost:8080/", "http://127.0.0.1:8080"));
  CHECK(SameGateway("HTTP://Example.com", "http://example.com/"));
  CHECK_FALSE(SameGateway("http://a:1", "http://a:2"));
  CHECK_FALSE(SameGateway("http://localhost.example.com:80", "http://127.0.0.1:80"));
}

TEST_CASE("which credentials") {
  const std::string gateway = "http://g";
  CredentialSources sources;
  sources.endpoint_file = "http://g\n";
  sources.local = "admin:local\n";
  const auto password = [&](std::map<std::string, std::string> env = {}) {
    return ChooseCredentials(gateway, sources, Env(std::move(env))).value().password;
  };
  CHECK(password() == "local");
  sources.endpoint_file = "http://other";
  CHECK(password().empty());  // never sent to another gateway
  sources.endpoint_file = std::nullopt;
  CHECK(password().empty());
  sources.saved = WithSaved("", gateway, {"me", "saved"}).value();
  CHECK(password() == "saved");
  CHECK(password({{"HEARTH_PASSWORD", "env"}}) == "env");
  CHECK(ChooseCredentials(gateway, sources, Env({{"HEARTH_PASSWORD", "p"}}))->user == "admin");
  sources.flags.password = "flag";
  CHECK(password({{"HEARTH_PASSWORD", "env"}}) == "flag");
}

TEST_CASE("logins are kept apart by gateway") {
  const std::string one = WithSaved("", "http://a/", {"u", "1"}).value();
  const std::string two = WithSaved(one, "http://b", {"u", "2"}).value();
  CHECK(FindSaved(two, "http://a")->password == "1");
  CHECK(FindSaved(two, "http://b/")->password == "2");
  CHECK(FindSaved(two, "http://c")->empty());
  const std::string changed = WithSaved(two, "http://a", {"u", "3"}).value();
  CHECK(FindSaved(changed, "http://a")->password == "3");
  const std::string less = WithoutSaved(changed, "http://a").value();
  CHECK(FindSaved(less, "http://a")->empty());
  CHECK(FindSaved(less, "http://b")->password == "2");
  CHECK_FALSE(FindSaved("not json", "http://a").ok());
}

TEST_CASE("user:password") {
  CHECK(ParseCredentials("admin:a:b\n").value() == Credentials{"admin", "a:b"});
  for (const char* bad : {"", "admin", ":x", "admin:"}) CHECK_FALSE(ParseCredentials(bad).ok());
}

TEST_CASE("folders") {
  CHECK(DefaultDataFolder(Env({{"HOME", "/h"}})) == "/h/.local/share/hearth");
  CHECK(DefaultDataFolder(Env({{"HOME", "/h"}, {"XDG_DATA_HOME", "/d"}})) == "/d/hearth");
  CHECK(DefaultDataFolder(Env({{"HEARTH_DATA", "/x"}, {"XDG_DATA_HOME", "/d"}})) == "/x");
  CHECK(CredentialsFile(Env({{"HOME", "/h"}})) == "/h/.config/hearth/credentials");
}

}  // namespace
}  // namespace hearth::cli
