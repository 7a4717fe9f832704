// Any text at all, read as a manifest: functions or problems come out, and what was accepted is
// accepted again after it was written, unchanged.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/manifest.h"
#include "core/model/revision.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::model;
  using hearth::fuzz::Require;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ParseOptions options;
  options.side = Side::kClient;
  options.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name.size() % 2 == 0) return std::string(name);
    return std::nullopt;
  };
  options.read_file = [](const std::string&) -> absl::StatusOr<std::string> {
    return std::string("environment: {A: b}");
  };
  const Parsed parsed = ParseManifest(text, options);
  Require(parsed.problems.empty() || parsed.functions.empty(), "problems: nothing may be applied");
  for (const Problem& problem : parsed.problems) Require(!problem.message.empty(), "a message");
  for (const Function& function : parsed.functions) {
    const std::string json = ToManifestJson(function).dump();
    const Parsed again = ParseManifest(json, options);
    Require(again.problems.empty(), "what was written as JSON is valid");
    Require(again.functions.size() == 1, "one function");
    Require(again.functions[0].spec == function.spec, "the same spec by JSON");
    Require(again.functions[0].key == function.key, "the same key");
    Require(RevisionOf(again.functions[0].spec, {}) == RevisionOf(function.spec, {}),
            "the same revision");
    const Parsed yaml = ParseManifest(ToManifestYaml(function), options);
    Require(yaml.problems.empty(), "what was written as YAML is valid");
    Require(yaml.functions.size() == 1, "one function");
    Require(yaml.functions[0].spec == function.spec, "the same spec by YAML");
  }
  return 0;
}
