#include "core/model/revision.h"

#include "core/base/strings.h"
#include "core/model/digest.h"

namespace hearth::model {
namespace {

// The text whose digest names a revision. A field is written only where it differs from the default
// of FunctionSpec: so a field that is added later changes no id of functions that do not use it.
// Values are preceded by their length: no value can look like another field.
class Canonical {
 public:
  void Text(std::string_view name, std::string_view value) {
    text_ += Cat(name, " ", value.size(), ":", value, "\n");
  }
  void Text(std::string_view name, const std::string& value, const std::string& base) {
    if (value != base) Text(name, value);
  }
  template <std::integral T>
  void Number(std::string_view name, T value, T base) {
    if (value != base) Text(name, Cat(value));
  }
  void Time(std::string_view name, Duration value, Duration base) {
    Number<int64_t>(name, value.count(), base.count());
  }
  void List(std::string_view name, const std::vector<std::string>& values) {
    for (const auto& value : values) Text(name, value);
  }
  void Map(std::string_view name, const std::map<std::string, std::string>& values) {
    for (const auto& [key, value] : values) {
      Text(Cat(name, " key"), key);
      Text(Cat(name, " value"), value);
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_ = "hearth-revision 1\n";
};

void AddResources(Canonical& c, std::string_view name, const Resources& r) {
  c.Text(Cat(name, ".memory"), r.memory, {});
  c.Text(Cat(name, ".cpu"), r.cpu, {});
  c.Map(Cat(name, ".other"), r.other);
}

}  // namespace

std::string CanonicalRevisionText(const FunctionSpec& spec,
                                  const std::map<std::string, std::string>& secret_versions) {
  static const FunctionSpec kBase;
  Canonical c;
  c.Text("runtime", spec.runtime, kBase.runtime);
  c.Text("image", spec.image, kBase.image);
  c.Text("handler", spec.handler, kBase.handler);
  c.Text("source.inline", spec.source.inline_code, {});
  c.Map("source.files", spec.source.files);
  c.Text("source.bundle", spec.source.bundle, {});
  c.Text("source.path", spec.source.path, {});
  c.List("command", spec.command);
  c.Text("mode", ToString(spec.mode));
  c.Text("event", std::string(ToString(spec.event)), std::string(ToString(kBase.event)));
  c.Number("port", spec.port, kBase.port);
  c.Text("protocol", std::string(ToString(spec.protocol)), std::string(ToString(kBase.protocol)));
  c.Map("environment", spec.environment);
  for (const auto& secret : spec.secrets) {
    c.Text("secret", secret);
    const auto version = secret_versions.find(secret);
    c.Text("secret.version", version == secret_versions.end() ? "" : version->second);
  }
  AddResources(c, "limits", spec.limits);
  AddResources(c, "requests", spec.requests);
  c.Number("concurrency", spec.concurrency, kBase.concurrency);
  c.Time("timeout", spec.timeout, kBase.timeout);
  c.Time("streamIdleTimeout", spec.stream_idle_timeout, kBase.stream_idle_timeout);
  c.Time("maxDuration", spec.max_duration, kBase.max_duration);
  c.Number("maxBodySize", spec.max_body_bytes, kBase.max_body_bytes);
  c.Number("readOnlyRootFilesystem", int{spec.read_only_root_filesystem}, 0);
  c.Text("staticPath", spec.static_path, kBase.static_path);
  c.Text("health.path", spec.health.path, kBase.health.path);
  c.Time("health.initialDelay", spec.health.initial_delay, kBase.health.initial_delay);
  c.Time("health.period", spec.health.period, kBase.health.period);
  c.Time("health.timeout", spec.health.timeout, kBase.health.timeout);
  c.Number("health.failureThreshold", spec.health.failure_threshold,
           kBase.health.failure_threshold);
  c.Time("health.startupTimeout", spec.health.startup_timeout, kBase.health.startup_timeout);
  c.List("constraint", spec.constraints);
  return c.text();
}

RevisionId RevisionOf(const FunctionSpec& spec,
                      const std::map<std::string, std::string>& secret_versions) {
  return RevisionId("r-" + Sha256Hex(CanonicalRevisionText(spec, secret_versions)).substr(0, 16));
}

}  // namespace hearth::model
