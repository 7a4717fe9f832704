#include "core/model/openfaas_labels.h"

#include <algorithm>
#include <limits>

#include "core/base/duration.h"
#include "core/base/strings.h"

namespace hearth::model {
namespace {

// One map of texts (labels, annotations or environment), whose values are read as numbers and
// times.
class TextReader {
 public:
  TextReader(std::string path, const std::map<std::string, std::string>& texts,
             ReadContext* context)
      : path_(std::move(path)), texts_(texts), context_(context) {}

  const std::string* Find(const std::string& key) const {
    const auto at = texts_.find(key);
    return at == texts_.end() ? nullptr : &at->second;
  }

  std::optional<uint32_t> Whole(const std::string& key) const {
    const std::string* text = Find(key);
    if (text == nullptr) return std::nullopt;
    const auto n = ParseUint(*text);
    if (n && *n <= std::numeric_limits<uint32_t>::max()) return static_cast<uint32_t>(*n);
    Bad(key, *text, "must be a whole number of 0 or more");
    return std::nullopt;
  }

  std::optional<double> Real(const std::string& key) const {
    const std::string* text = Find(key);
    if (text == nullptr) return std::nullopt;
    const auto n = ParseDouble(*text);
    if (n && *n > 0) return n;
    Bad(key, *text, "must be a number larger than 0");
    return std::nullopt;
  }

  // Go's notation, or seconds.
  std::optional<Duration> Time(const std::string& key) const {
    const std::string* text = Find(key);
    if (text == nullptr) return std::nullopt;
    if (auto d = ParseDuration(*text); d.ok()) return *d;
    Bad(key, *text, "must be a duration such as \"30s\", or seconds");
    return std::nullopt;
  }

  std::optional<bool> Flag(const std::string& key) const {
    const std::string* text = Find(key);
    if (text == nullptr) return std::nullopt;
    if (*text == "true" || *text == "1") return true;
    if (*text == "false" || *text == "0" || text->empty()) return false;
    Bad(key, *text, "must be \"true\" or \"false\"");
    return std::nullopt;
  }

 private:
  void Bad(const std::string& key, const std::string& text, std::string_view must) const {
    const std::string at = Cat(path_, ".", key);
    const auto line = context_->lines.find(at);
    context_->Add(at, Cat(must, "; got \"", text, "\""),
                  line == context_->lines.end() ? 0 : line->second);
  }

  std::string path_;
  const std::map<std::string, std::string>& texts_;
  ReadContext* context_;
};

// OpenFaaS's names of metrics.
std::string MetricOf(const std::string& type) { return type == "capacity" ? "concurrency" : type; }

}  // namespace

void ApplyScaleLabels(const std::string& path, FunctionSpec* spec, ReadContext* context) {
  const TextReader labels(path + ".labels", spec->labels, context);
  Scaling& scaling = spec->scaling;
  scaling.min = labels.Whole("com.openfaas.scale.min").value_or(1);
  if (const auto max = labels.Whole("com.openfaas.scale.max")) {
    scaling.max = *max;
    // A ceiling below the default floor lowers the floor; one below a given floor is a mistake.
    if (labels.Find("com.openfaas.scale.min") == nullptr) scaling.min = std::min(1u, *max);
  } else {
    scaling.max = std::max(scaling.max, scaling.min);
  }
  if (const std::string* type = labels.Find("com.openfaas.scale.type")) {
    scaling.metric = MetricOf(*type);
  }
  if (const auto target = labels.Real("com.openfaas.scale.target")) {
    if (labels.Find("com.openfaas.scale.type") == nullptr) scaling.metric = "rps";
    scaling.target = *target * labels.Real("com.openfaas.scale.target-proportion").value_or(1.0);
  }
  scaling.idle_timeout = std::chrono::minutes(15);
  if (const auto idle = labels.Time("com.openfaas.scale.zero-duration")) {
    scaling.idle_timeout = *idle;
  }
  if (labels.Flag("com.openfaas.scale.zero").value_or(false)) scaling.min = 0;
}

void ApplyHealthAnnotations(const std::string& path, FunctionSpec* spec, ReadContext* context) {
  const TextReader annotations(path + ".annotations", spec->annotations, context);
  Health& health = spec->health;
  // Readiness is what counts here; the liveness annotations are its defaults, as in OpenFaaS.
  for (const std::string prefix : {"com.openfaas.health.http.", "com.openfaas.ready.http."}) {
    if (const std::string* text = annotations.Find(prefix + "path")) health.path = *text;
    const auto seconds = [&](const char* name, Duration* out) {
      if (const auto d = annotations.Time(prefix + name)) *out = *d;
    };
    seconds("initialDelaySeconds", &health.initial_delay);
    seconds("periodSeconds", &health.period);
    seconds("timeoutSeconds", &health.timeout);
    if (const auto n = annotations.Whole(prefix + "failureThreshold"))
      health.failure_threshold = *n;
  }
}

void ApplyWatchdogVariables(const std::string& path, FunctionSpec* spec, ReadContext* context) {
  const TextReader variables(path + ".environment", spec->environment, context);
  if (const auto n = variables.Whole("max_inflight")) spec->concurrency = *n;
  if (const auto d = variables.Time("exec_timeout"); d && *d > Duration{}) spec->timeout = *d;
  if (const std::string* ready = variables.Find("ready_path");
      ready != nullptr && !ready->empty() && spec->health.path.empty()) {
    spec->health.path = *ready;
  }
}

}  // namespace hearth::model
