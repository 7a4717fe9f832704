#include "core/model/validate.h"

#include <algorithm>
#include <set>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/quantity.h"
#include "core/base/strings.h"
#include "core/model/digest.h"

namespace hearth::model {
namespace {

constexpr uint64_t kMinMemory = 16ull << 20;
constexpr uint64_t kMaxMemory = 1ull << 50;
constexpr uint64_t kMaxMilliCpu = 1'000'000;
constexpr size_t kMaxInlineBytes = 512u << 10;
constexpr size_t kMaxVariableBytes = 100u << 10;     // the kernel takes 128 KiB for one
constexpr size_t kMaxEnvironmentBytes = 512u << 10;  // and about 2 MiB for all, arguments included
constexpr uint32_t kMaxReplicas = 10'000;
constexpr uint32_t kMaxConcurrency = 1'000'000;
constexpr Duration kMaxTime = std::chrono::hours(24 * 7);
constexpr size_t kMaxLabels = 256;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsVariableName(std::string_view name) {
  const auto letter = [](char c) { return IsLower(c) || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || IsDigit(c); });
}

bool IsInside(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos)
    return false;
  for (std::string_view part : Split(path, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

class Checker {
 public:
  Checker(const FunctionSpec& spec, Side side) : spec_(spec), side_(side) {}

  void Key(const FunctionKey& key) {
    if (auto why = NameProblem(key.name); !why.empty()) Add("metadata.name", why);
    if (auto why = NameProblem(key.ns); !why.empty()) Add("metadata.namespace", why);
  }

  void Code() {
    const bool has_runtime = !spec_.runtime.empty(), has_image = !spec_.image.empty();
    if (has_runtime && has_image) {
      Add("spec.image",
          Cat("a function has either an image (\"", spec_.image, "\") or a runtime (\"",
              spec_.runtime, "\"); remove spec.image or spec.runtime"));
    } else if (!has_runtime && !has_image && spec_.command.empty() && spec_.mode != Mode::kStatic) {
      Add("spec",
          "says nothing to run; set spec.runtime and spec.source, or spec.image, or "
          "spec.command");
    }
    if (has_runtime && spec_.source.empty()) {
      Add("spec.source", Cat("is missing: runtime \"", spec_.runtime,
                             "\" needs code; set source.inline, files, bundle or path"));
    }
    if (has_image && !spec_.source.empty()) {
      Add("spec.source", "an image brings its own code; remove spec.source or spec.image");
    }
    if (spec_.mode == Mode::kStatic && !has_image && spec_.source.empty()) {
      Add("spec.source", "is missing: static mode serves files; set source.files, bundle or path");
    }
    if (has_runtime && !IsValidName(spec_.runtime)) {
      Add("spec.runtime", Cat("\"", spec_.runtime, "\" is not a runtime's name"));
    }
    if (has_image && spec_.image.find_first_of(" \t\r\n") != std::string::npos) {
      Add("spec.image", Cat("\"", spec_.image, "\" holds white space"));
    }
    Text("spec.image", spec_.image);
    Text("spec.handler", spec_.handler);
    Text("spec.staticPath", spec_.static_path);
    if (!spec_.static_path.empty() && spec_.image.empty() && !IsInside(spec_.static_path)) {
      Add("spec.staticPath", Cat("\"", spec_.static_path,
                                 "\" must be a relative path inside the code, without \"..\""));
    }
    for (size_t i = 0; i < spec_.command.size(); ++i) {
      Text(Cat("spec.command[", i, "]"), spec_.command[i]);
    }
    if (!spec_.command.empty() && spec_.command.front().empty()) {
      Add("spec.command[0]", "is empty; it names the program");
    }
    SourceForm();
  }

  void Environment() {
    size_t total = 0;
    for (const auto& [name, value] : spec_.environment) {
      const std::string at = Cat("spec.environment.", name);
      total += name.size() + value.size() + 2;
      if (!IsVariableName(name)) {
        Add(at, Cat("\"", name,
                    "\" is not a variable's name; use letters, digits and _, no digit first"));
      } else if (name.starts_with("AWS_LAMBDA_") || name.starts_with("HEARTH_") ||
                 name.front() == '_') {
        Add(at, Cat("\"", name,
                    "\" is reserved: AWS_LAMBDA_…, HEARTH_… and _… are set by the "
                    "platform; use another name"));
      }
      Text(at, value);
      if (value.size() > kMaxVariableBytes) {
        Add(at, Cat("has ", value.size(), " bytes; the most is ", kMaxVariableBytes,
                    ": put large values into a secret or a file"));
      }
    }
    if (total > kMaxEnvironmentBytes) {
      Add("spec.environment", Cat("has ", total, " bytes; the most is ", kMaxEnvironmentBytes));
    }
    std::set<std::string> seen;
    for (size_t i = 0; i < spec_.secrets.size(); ++i) {
      const std::string at = Cat("spec.secrets[", i, "]");
      if (!IsValidSecretName(spec_.secrets[i])) {
        Add(at, Cat("\"", spec_.secrets[i],
                    "\" is not a secret's name; use lower-case letters, "
                    "digits, \"-\" and \".\""));
      } else if (!seen.insert(spec_.secrets[i]).second) {
        Add(at, Cat("\"", spec_.secrets[i], "\" stands here twice; remove one"));
      }
    }
  }

  void Amounts() {
    const auto memory_limit = Memory("spec.limits.memory", spec_.limits.memory);
    const auto memory_request = Memory("spec.requests.memory", spec_.requests.memory);
    const auto cpu_limit = Cpu("spec.limits.cpu", spec_.limits.cpu);
    const auto cpu_request = Cpu("spec.requests.cpu", spec_.requests.cpu);
    if (memory_limit && memory_request && *memory_request > *memory_limit) {
      Add("spec.requests.memory",
          Larger("requests.memory", spec_.requests.memory, "limits.memory", spec_.limits.memory));
    }
    if (cpu_limit && cpu_request && *cpu_request > *cpu_limit) {
      Add("spec.requests.cpu",
          Larger("requests.cpu", spec_.requests.cpu, "limits.cpu", spec_.limits.cpu));
    }
    if (spec_.port == 0) Add("spec.port", "is 0; a port is 1 to 65535");
    if (spec_.mode == Mode::kHttp && (spec_.port == 9001 || spec_.port == 9900)) {
      Add("spec.port", Cat("is ", spec_.port, ", which the platform uses; take another"));
    }
    if (spec_.protocol == Protocol::kH2c && spec_.mode != Mode::kHttp) {
      Add("spec.protocol", Cat("is h2c, which only a server of http mode speaks; the mode is ",
                               ToString(spec_.mode), ": set mode: http, or leave protocol out"));
    }
    if (spec_.concurrency > kMaxConcurrency) {
      Add("spec.concurrency",
          Cat("is ", spec_.concurrency, "; the most is ", kMaxConcurrency, ", 0 is no limit"));
    }
    for (size_t i = 0; i < spec_.constraints.size(); ++i) {
      if (spec_.constraints[i].find('=') == std::string::npos) {
        Add(Cat("spec.constraints[", i, "]"),
            Cat("\"", spec_.constraints[i], "\" must be written key=value"));
      }
    }
  }

  void Times() {
    Positive("spec.timeout", spec_.timeout);
    Positive("spec.streamIdleTimeout", spec_.stream_idle_timeout);
    Bounded("spec.maxDuration", spec_.max_duration);
    Bounded("spec.health.initialDelay", spec_.health.initial_delay);
    Positive("spec.health.period", spec_.health.period);
    Positive("spec.health.timeout", spec_.health.timeout);
    Positive("spec.health.startupTimeout", spec_.health.startup_timeout);
    if (spec_.health.failure_threshold == 0) {
      Add("spec.health.failureThreshold", "is 0; one failure is the least that can count");
    }
    if (!spec_.health.path.empty() && spec_.health.path.front() != '/') {
      Add("spec.health.path", Cat("\"", spec_.health.path, "\" must begin with \"/\""));
    }
    const bool printable = std::all_of(spec_.health.path.begin(), spec_.health.path.end(),
                                       [](char c) { return c > 0x20 && c < 0x7f; });
    if (!printable) Add("spec.health.path", "holds characters that a URL must percent-encode");
    if (spec_.max_duration > Duration{} && spec_.max_duration < spec_.timeout) {
      Add("spec.maxDuration",
          Cat("(", FormatDuration(spec_.max_duration), ") is shorter than timeout (",
              FormatDuration(spec_.timeout), "); raise maxDuration or lower timeout"));
    }
  }

  void Service() {
    const Scaling& s = spec_.scaling;
    if (s.max == 0) Add("spec.scaling.max", "is 0; at least one replica must be allowed");
    if (s.max > kMaxReplicas) {
      Add("spec.scaling.max", Cat("is ", s.max, "; the most is ", kMaxReplicas));
    }
    if (s.max != 0 && s.min > s.max) {
      Add("spec.scaling.min",
          Cat("min (", s.min, ") is larger than max (", s.max, "); lower min or raise max"));
    }
    if (spec_.replicas && *spec_.replicas > kMaxReplicas) {
      Add("spec.replicas", Cat("is ", *spec_.replicas, "; the most is ", kMaxReplicas));
    }
    if (s.target && !(*s.target > 0)) {
      Add("spec.scaling.target", "must be larger than 0; leave it out for the replica's capacity");
    }
    if (s.metric.empty() || !std::all_of(s.metric.begin(), s.metric.end(), [](char c) {
          return IsLower(c) || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '_' || c == '-';
        })) {
      Add("spec.scaling.metric", Cat("\"", s.metric,
                                     "\" is not a metric's name; usual are "
                                     "concurrency, rps and cpu"));
    }
    Positive("spec.scaling.idleTimeout", s.idle_timeout);
    Bounded("spec.queue.maxWait", spec_.queue.max_wait);
    Labels("spec.labels", spec_.labels);
    Labels("spec.annotations", spec_.annotations);
  }

  std::vector<Problem> Take() { return std::move(problems_); }

 private:
  void Add(std::string field, std::string message) {
    problems_.push_back({std::move(field), std::move(message), 0});
  }
  static std::string Larger(std::string_view a, std::string_view a_value, std::string_view b,
                            std::string_view b_value) {
    return Cat(a, " (", a_value, ") is larger than ", b, " (", b_value, "); lower it or raise ", b);
  }
  void Text(const std::string& field, const std::string& text) {
    if (text.find('\0') != std::string::npos) Add(field, "holds a NUL byte");
  }

  void SourceForm() {
    const Source& s = spec_.source;
    const int forms = int{!s.inline_code.empty()} + int{!s.files.empty()} + int{!s.bundle.empty()} +
                      int{!s.path.empty()};
    if (forms > 1) {
      Add("spec.source", "has more than one form; keep one of inline, files, bundle and path");
    }
    if (!s.inline_code.empty() && spec_.runtime.empty() && spec_.image.empty()) {
      Add("spec.source.inline",
          "needs spec.runtime, which names the file; without one use "
          "source.files");
    }
    size_t bytes = s.inline_code.size();
    for (const auto& [path, content] : s.files) {
      bytes += path.size() + content.size();
      if (!IsInside(path)) {
        Add(Cat("spec.source.files.", path),
            Cat("\"", path, "\" must be a relative path without \"..\""));
      }
    }
    if (bytes > kMaxInlineBytes) {
      Add("spec.source", Cat("has ", bytes, " bytes of code; the most in a manifest is ",
                             kMaxInlineBytes, ": use source.path and \"hearth up\""));
    }
    if (!s.bundle.empty() && !IsDigest(s.bundle)) {
      Add("spec.source.bundle",
          Cat("\"", s.bundle, "\" must be \"sha256:\" and 64 lower-case hex digits"));
    }
    if (!s.path.empty() && side_ == Side::kServer) {
      Add("spec.source.path", Cat("\"", s.path,
                                  "\" is a folder on the client's side; deploy with "
                                  "\"hearth up\", which builds and uploads it"));
    }
  }

  std::optional<uint64_t> Memory(const std::string& field, const std::string& text) {
    if (text.empty()) return std::nullopt;
    auto bytes = ParseBytes(text);
    if (!bytes.ok()) {
      Add(field, Cat("\"", text, "\" must be a size such as \"256Mi\" or \"1Gi\""));
      return std::nullopt;
    }
    if (*bytes < kMinMemory && field.starts_with("spec.limits")) {
      Add(field, Cat("\"", text, "\" is below 16Mi, too little for any process; raise it"));
      return std::nullopt;
    }
    if (*bytes > kMaxMemory) {
      Add(field, Cat("\"", text, "\" is more than any machine has (1Pi)"));
      return std::nullopt;
    }
    return *bytes;
  }

  std::optional<uint64_t> Cpu(const std::string& field, const std::string& text) {
    if (text.empty()) return std::nullopt;
    auto milli = ParseMilliCpu(text);
    if (!milli.ok()) {
      Add(field, Cat("\"", text, "\" must be a number of CPUs such as \"2\", \"0.5\" or \"500m\""));
      return std::nullopt;
    }
    if (*milli == 0 || *milli > kMaxMilliCpu) {
      Add(field, Cat("\"", text, "\" must be more than 0 and at most 1000 CPUs"));
      return std::nullopt;
    }
    return *milli;
  }

  void Positive(const std::string& field, Duration d) {
    if (d <= Duration{}) {
      Add(field, Cat("is ", FormatDuration(Duration{}), "; it must be longer than that"));
    } else {
      Bounded(field, d);
    }
  }
  void Bounded(const std::string& field, Duration d) {
    if (d < Duration{}) Add(field, "is negative");
    if (d > kMaxTime) Add(field, Cat("is ", FormatDuration(d), "; the most is 168h"));
  }

  void Labels(const std::string& field, const std::map<std::string, std::string>& labels) {
    if (labels.size() > kMaxLabels) {
      Add(field, Cat("has ", labels.size(), " entries; the most is ", kMaxLabels));
    }
    for (const auto& [key, value] : labels) {
      if (key.empty() || key.find_first_of(" \t\r\n\"\\") != std::string::npos ||
          key.size() > 317) {
        Add(Cat(field, ".", key), Cat("\"", key,
                                      "\" is not a key; use letters, digits, \"-\", "
                                      "\"_\", \".\" and one \"/\""));
      }
      if (value.size() > (256u << 10)) Add(Cat(field, ".", key), "is larger than 256 KiB");
    }
  }

  const FunctionSpec& spec_;
  Side side_;
  std::vector<Problem> problems_;
};

}  // namespace

bool IsValidName(std::string_view name) { return NameProblem(name).empty(); }

std::string NameProblem(std::string_view name) {
  if (name.empty()) return "is empty; use lower-case letters, digits and \"-\"";
  if (name.size() > 63) {
    return Cat("\"", name.substr(0, 100), "\" has ", name.size(), " characters; the most is 63");
  }
  const auto inner = [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; };
  if (!std::all_of(name.begin(), name.end(), inner) || name.front() == '-' || name.back() == '-') {
    return Cat("\"", name,
               "\" is not a valid name; use lower-case letters, digits and \"-\", with "
               "a letter or digit at both ends");
  }
  return "";
}

bool IsValidSecretName(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (std::string_view label : Split(name, '.')) {
    if (!IsValidName(label)) return false;
  }
  return true;
}

std::vector<Problem> Validate(const FunctionKey& key, const FunctionSpec& spec, Side side) {
  Checker checker(spec, side);
  checker.Key(key);
  checker.Code();
  checker.Environment();
  checker.Amounts();
  checker.Times();
  checker.Service();
  return checker.Take();
}

absl::Status ToStatus(const std::vector<Problem>& problems) {
  if (problems.empty()) return absl::OkStatus();
  std::string text;
  for (const Problem& problem : problems) {
    if (!text.empty()) text += "\n";
    if (problem.line > 0) text += Cat("line ", problem.line, ": ");
    if (!problem.field.empty()) text += Cat(problem.field, ": ");
    text += problem.message;
  }
  return InvalidArgument(text);
}

}  // namespace hearth::model
