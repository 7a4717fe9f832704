#include "cli/commands/views.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

#include "cli/commands/rollout.h"
#include "cli/terminal/terminal.h"
#include "core/base/duration.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

using nlohmann::json;

// A field below "a/b/c"; null where there is none.
const json& At(const json& object, std::string_view path) {
  static const json null;
  const json* at = &object;
  for (std::string_view part : Split(path, '/')) {
    if (!at->is_object()) return null;
    const auto next = at->find(std::string(part));
    if (next == at->end()) return null;
    at = &*next;
  }
  return *at;
}

std::string Text(const json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return Printable(value.get<std::string>());
  if (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>() &&
      std::abs(value.get<double>()) < 1e15) {
    return Cat(static_cast<int64_t>(value.get<double>()));
  }
  return Printable(value.dump());
}

std::string TextOr(const json& value, std::string_view fallback) {
  const std::string text = Text(value);
  return text.empty() ? std::string(fallback) : text;
}

std::string MadeOf(const json& function) {
  for (const char* field : {"spec/runtime", "spec/image"}) {
    if (const json& value = At(function, field); value.is_string()) return Text(value);
  }
  const json& command = At(function, "spec/command");
  return command.is_array() && !command.empty() ? Text(command[0]) : "-";
}

// "Ready", "Scaled to zero", "Failed: CrashLoop", "Deploying".
std::string State(const json& function) {
  const json ready = ConditionOf(function, "Ready");
  const std::string status = ready.value("status", "Unknown");
  if (status == "True") {
    return ready.value("reason", "") == "ScaledToZero" ? "Ready (at zero)" : "Ready";
  }
  const std::string reason = Printable(ready.value("reason", "Unknown"));
  return status == "False" ? "Failed: " + reason : reason;
}

std::string Age(const json& function, WallTime now) {
  const json& created = At(function, "metadata/creationTimestamp");
  if (!created.is_string()) return "-";
  const auto time = ParseTime(created.get<std::string>());
  if (!time.ok()) return "-";
  return ShortAge(std::chrono::duration_cast<std::chrono::seconds>(now - *time).count());
}

// "key=value" lines, the first behind the label.
class Sheet {
 public:
  void Line(std::string_view label, std::string_view text) {
    if (!text.empty()) rows_.emplace_back(label, text);
  }
  void Map(std::string_view label, const json& map) {
    if (!map.is_object()) return;
    for (const auto& [key, value] : map.items()) {
      rows_.emplace_back(label, Cat(Printable(key), "=", Text(value)));
      label = "";
    }
  }
  void List(std::string_view label, const json& list) {
    if (!list.is_array()) return;
    for (const json& item : list) {
      rows_.emplace_back(label, Text(item));
      label = "";
    }
  }
  void Lines(std::string_view label, const std::vector<std::string>& lines) {
    for (const auto& line : lines) {
      rows_.emplace_back(label, Printable(line));
      label = "";
    }
  }
  std::string Out() const {
    std::string out;
    for (const auto& [label, text] : rows_) {
      const std::string head = label.empty() ? "" : label + ":";
      out += Cat(head, std::string(22 - std::min<size_t>(head.size(), 21), ' '), text, "\n");
    }
    return out;
  }

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
};

std::string SourceText(const json& source) {
  if (!source.is_object()) return "";
  if (source.contains("bundle")) return "bundle " + Text(source["bundle"]);
  if (source.contains("inline")) return "inline";
  if (source.contains("files") && source["files"].is_object()) {
    return Cat(source["files"].size(), " inline files");
  }
  return "";
}

}  // namespace

void SortFunctions(SortBy by, std::vector<json>* functions) {
  const auto name = [](const json& f) {
    return Text(At(f, "metadata/namespace")) + "/" + Text(At(f, "metadata/name"));
  };
  const auto calls = [](const json& f) {
    const json& n = At(f, "status/invocations");
    return n.is_number() ? n.get<double>() : 0.0;
  };
  const auto created = [](const json& f) { return Text(At(f, "metadata/creationTimestamp")); };
  std::stable_sort(functions->begin(), functions->end(), [&](const json& a, const json& b) {
    if (by == SortBy::kInvocations && calls(a) != calls(b)) return calls(a) > calls(b);
    if (by == SortBy::kCreation && created(a) != created(b)) return created(a) > created(b);
    return name(a) < name(b);
  });
}

std::string FunctionsTable(const std::vector<json>& functions, Columns columns, WallTime now) {
  const bool more = columns == Columns::kMore;
  std::vector<std::string> header{"NAME", "NAMESPACE", "STATE", "REPLICAS", "INVOCATIONS", "AGE"};
  if (more) header.insert(header.end(), {"REVISION", "MADE OF", "URL"});
  Table table(header);
  for (const json& f : functions) {
    std::vector<std::string> row{
        Text(At(f, "metadata/name")),
        Text(At(f, "metadata/namespace")),
        State(f),
        Cat(TextOr(At(f, "status/availableReplicas"), "0"), "/",
            TextOr(At(f, "status/desiredReplicas"), TextOr(At(f, "status/replicas"), "0"))),
        TextOr(At(f, "status/invocations"), "0"),
        Age(f, now)};
    if (more) {
      row.insert(row.end(), {TextOr(At(f, "status/readyRevision"), "-"), MadeOf(f),
                             TextOr(At(f, "status/url"), "-")});
    }
    table.Add(std::move(row));
  }
  return table.Text();
}

std::string FunctionDescription(const json& f, const std::string& url) {
  Sheet sheet;
  sheet.Line("Name", Text(At(f, "metadata/name")));
  sheet.Line("Namespace", Text(At(f, "metadata/namespace")));
  const json ready = ConditionOf(f, "Ready");
  sheet.Line("State", State(f));
  sheet.Line("", Printable(ready.value("message", "")));
  sheet.Line("URL", url);
  sheet.Line("Replicas", Cat(TextOr(At(f, "status/availableReplicas"), "0"), " available, ",
                             TextOr(At(f, "status/desiredReplicas"), "0"), " wanted"));
  sheet.Line("Scaling", Cat(TextOr(At(f, "spec/scaling/min"), "0"), " to ",
                            TextOr(At(f, "spec/scaling/max"), "20")));
  sheet.Line("Fixed replicas", Text(At(f, "spec/replicas")));
  sheet.Line("Invocations", TextOr(At(f, "status/invocations"), "0"));
  sheet.Line("Revision", Text(At(f, "status/revision")));
  if (Text(At(f, "status/readyRevision")) != Text(At(f, "status/revision"))) {
    sheet.Line("Serving revision", TextOr(At(f, "status/readyRevision"), "none"));
  }
  sheet.Line("Created", Text(At(f, "metadata/creationTimestamp")));
  sheet.Line("Runtime", Text(At(f, "spec/runtime")));
  sheet.Line("Image", Text(At(f, "spec/image")));
  sheet.Line("Handler", Text(At(f, "spec/handler")));
  sheet.Line("Source", SourceText(At(f, "spec/source")));
  sheet.List("Command", At(f, "spec/command"));
  const bool has_runtime = At(f, "spec/runtime").is_string();
  sheet.Line("Mode", TextOr(At(f, "spec/mode"), has_runtime ? "native" : "http"));
  sheet.Line("Timeout", TextOr(At(f, "spec/timeout"), "1m"));
  sheet.Line("Concurrency", Text(At(f, "spec/concurrency")));
  sheet.Line("Visibility", TextOr(At(f, "spec/visibility"), "public"));
  sheet.Map("Environment", At(f, "spec/environment"));
  sheet.List("Secrets", At(f, "spec/secrets"));
  sheet.Map("Limits", At(f, "spec/limits"));
  sheet.Map("Requests", At(f, "spec/requests"));
  sheet.Map("Labels", At(f, "spec/labels"));
  sheet.Map("Annotations", At(f, "spec/annotations"));
  for (const char* type : {"Active", "Conflict"}) {
    const json condition = ConditionOf(f, type);
    if (condition.empty()) continue;
    sheet.Line(type, Cat(Printable(condition.value("status", "")), ": ",
                         Printable(condition.value("message", ""))));
  }
  sheet.Lines("Last output", RecentLogs(f));
  return sheet.Out();
}

}  // namespace hearth::cli
