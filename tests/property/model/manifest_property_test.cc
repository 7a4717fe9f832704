#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <rapidcheck/catch.h>

#include "core/model/manifest.h"
#include "core/model/revision.h"
#include "core/model/spec_fields.h"

namespace hearth::model {
namespace {

template <typename T>
T OneOf(std::vector<T> values) {
  return *rc::gen::elementOf(std::move(values));
}

// Text with everything that quoting can get wrong, but no NUL (which nothing may hold).
std::string AnyText() {
  return OneOf<std::string>(
             {"",     "true",   "~",      "8080",  "1e3",   "yes",    "a: b",
              "- x",  "x\ny\n", "x\n\ny", "\n",    " lead", "trail ", "tab\tx\n",
              "#c",   "a #b",   "'q'",    "\"d\"", "\\n",   "ünï→\n", "\x01\x7f",
              "${X}", "|",      "[a",     "{b",    "&a",    "*a",     "!t",
              "%d",   "@x",     "`x",     "---",   "...",   "x\r\ny", "\xF0\x9F\x94\xA5"}) +
         *rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127));
}

std::string Name() {
  return OneOf<std::string>({"a", "b-1", "x9", "long-name-with-parts", "a1b2"});
}

Duration Time() {
  return std::chrono::milliseconds(*rc::gen::inRange<int64_t>(1, 100'000'000)) +
         std::chrono::nanoseconds(OneOf<int64_t>({0, 0, 1, 1500}));
}

std::map<std::string, std::string> Labels() {
  std::map<std::string, std::string> labels;
  for (int n = *rc::gen::inRange(0, 4); n > 0; --n) {
    labels[OneOf<std::string>({"a", "com.openfaas.scale.min", "x/y", "true", "8", "k-1"})] =
        AnyText();
  }
  return labels;
}

FunctionSpec AnySpec() {
  FunctionSpec s;
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      s.runtime = Name();
      s.handler = AnyText();
      s.source.inline_code = "x" + AnyText();
      break;
    case 1:
      s.image = "registry/x:" + Name();
      break;
    case 2:
      s.command = {"/bin/x", AnyText(), AnyText()};
      s.source.files = {{"a.txt", AnyText()}, {"d/b", AnyText()}};
      break;
    default:
      s.static_path = "public";
      s.source.bundle = "sha256:" + std::string(64, 'a');
  }
  s.mode = *rc::gen::arbitrary<bool>()
               ? DefaultMode(s)
               : OneOf<Mode>({Mode::kNative, Mode::kHttp, Mode::kStreaming, Mode::kSerializing});
  if (!s.static_path.empty()) s.mode = Mode::kStatic;  // files alone can do nothing else
  s.concurrency = *rc::gen::arbitrary<bool>() ? DefaultConcurrency(s.mode)
                                              : *rc::gen::inRange<uint32_t>(0, 1000);
  s.max_body_bytes = *rc::gen::arbitrary<bool>() ? DefaultMaxBody(s.mode)
                                                 : *rc::gen::inRange<uint64_t>(0, 1ull << 40);
  s.event = OneOf<EventFormat>({EventFormat::kHttp, EventFormat::kRaw});
  s.port = *rc::gen::inRange<uint16_t>(1, 9000);
  for (int n = *rc::gen::inRange(0, 4); n > 0; --n) {
    s.environment[OneOf<std::string>({"A", "b_2", "PATH", "TRUE", "no"})] = AnyText();
  }
  if (*rc::gen::arbitrary<bool>()) s.secrets = {"one", "two.three"};
  s.limits.memory = OneOf<std::string>({"", "64Mi", "1.5Gi", "100000000"});
  s.limits.cpu = OneOf<std::string>({"", "1", "500m", "0.25"});
  if (*rc::gen::arbitrary<bool>()) s.limits.other["nvidia.com/gpu"] = "1";
  s.requests.memory = OneOf<std::string>({"", "16Mi"});
  s.timeout = Time();
  s.stream_idle_timeout = Time();
  s.max_duration = *rc::gen::arbitrary<bool>() ? Duration{} : s.timeout + Time();
  s.read_only_root_filesystem = *rc::gen::arbitrary<bool>();
  s.health.path = OneOf<std::string>({"", "/", "/ready?x=1"});
  s.health.initial_delay = Time();
  s.health.period = Time();
  s.health.failure_threshold = *rc::gen::inRange<uint32_t>(1, 9);
  if (*rc::gen::arbitrary<bool>()) s.constraints = {"a=b", "c==d"};
  s.scaling.min = *rc::gen::inRange<uint32_t>(0, 5);
  s.scaling.max = *rc::gen::inRange<uint32_t>(5, 100);
  s.scaling.metric = OneOf<std::string>({"concurrency", "rps", "cpu", "own"});
  if (*rc::gen::arbitrary<bool>()) s.scaling.target = *rc::gen::inRange(1, 10'000) / 7.0;
  s.scaling.idle_timeout = Time();
  if (*rc::gen::arbitrary<bool>()) s.replicas = *rc::gen::inRange<uint32_t>(0, 9);
  s.queue.max_requests = *rc::gen::arbitrary<uint32_t>();
  s.queue.max_bytes = *rc::gen::inRange<uint64_t>(0, 1ull << 40);
  s.queue.max_wait = Time();
  s.visibility = OneOf<Visibility>({Visibility::kPublic, Visibility::kPrivate});
  s.labels = Labels();
  s.annotations = Labels();
  return s;
}

Function AnyFunction() {
  Function f;
  f.key = {Name(), Name()};
  f.spec = AnySpec();
  f.door = OneOf<Door>({Door::kHearth, Door::kOpenFaas, Door::kOpenFaasApi, Door::kStack});
  f.generation = *rc::gen::inRange<uint64_t>(1, 1000);
  return f;
}

void CheckSame(const Function& a, const Function& b) {
  RC_ASSERT(a.key == b.key);
  RC_ASSERT(a.spec == b.spec);
  RC_ASSERT(a.door == b.door);
  RC_ASSERT(a.generation == b.generation);
}

TEST_CASE("what is written is what is read") {
  rc::prop("JSON", [] {
    const Function f = AnyFunction();
    auto again = FromManifestJson(ToManifestJson(f), {});
    RC_ASSERT(again.ok());
    CheckSame(f, *again);
  });
  rc::prop("JSON text", [] {
    const Function f = AnyFunction();
    const Parsed parsed = ParseManifest(ToManifestJson(f).dump(2), {});
    RC_ASSERT(parsed.problems.empty());
    CheckSame(f, parsed.functions.at(0));
  });
  rc::prop("YAML", [] {
    const Function f = AnyFunction();
    const std::string yaml = ToManifestYaml(f);
    const Parsed parsed = ParseManifest(yaml, {});
    RC_LOG() << yaml << ToStatus(parsed.problems);
    RC_ASSERT(parsed.problems.empty());
    CheckSame(f, parsed.functions.at(0));
  });
}

TEST_CASE("a revision follows from the spec alone") {
  rc::prop("through a store it stays the same", [] {
    const Function f = AnyFunction();
    auto again = FromManifestJson(ToManifestJson(f), {});
    RC_ASSERT(again.ok());
    RC_ASSERT(RevisionOf(f.spec, {}) == RevisionOf(again->spec, {}));
  });
}

TEST_CASE("any text gives functions or problems, never both and never neither") {
  rc::prop("mutations of a manifest", [] {
    std::string text = ToManifestYaml(AnyFunction());
    for (int n = *rc::gen::inRange(1, 6); n > 0; --n) {
      const auto at = *rc::gen::inRange<size_t>(0, text.size());
      text[at] = *rc::gen::arbitrary<char>();
    }
    const Parsed parsed = ParseManifest(text, {});
    RC_ASSERT(parsed.functions.empty() != parsed.problems.empty());
  });
}

}  // namespace
}  // namespace hearth::model
