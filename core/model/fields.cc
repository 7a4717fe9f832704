#include "core/model/fields.h"

#include <map>

namespace hearth::model {
namespace {

// Names that people bring along from other systems.
const std::map<std::string, std::string, std::less<>>& ForeignNames() {
  static const std::map<std::string, std::string, std::less<>> names = {
      {"env", "environment"},
      {"envVars", "environment"},
      {"variables", "environment"},
      {"entrypoint", "command"},
      {"args", "command"},
      {"fprocess", "command"},
      {"envProcess", "command"},
      {"memory", "limits.memory"},
      {"memorySize", "limits.memory"},
      {"cpu", "limits.cpu"},
      {"resources", "limits"},
      {"minScale", "scaling.min"},
      {"maxScale", "scaling.max"},
      {"minReplicas", "scaling.min"},
      {"maxReplicas", "scaling.max"},
      {"containerConcurrency", "concurrency"},
      {"lang", "runtime"},
      {"language", "runtime"},
      {"code", "source"},
      {"readiness", "health"},
      {"readinessProbe", "health"},
      {"healthcheck", "health"},
      {"timeoutSeconds", "timeout"},
      {"private", "visibility"},
      {"readonly_root_filesystem", "readOnlyRootFilesystem"},
  };
  return names;
}

std::string LastPart(const std::string& path) { return path.substr(path.rfind('.') + 1); }

}  // namespace

std::string UnknownFieldMessage(std::string_view name, const std::vector<std::string>& known,
                                const std::vector<FieldDoc>& everywhere) {
  const auto foreign = ForeignNames().find(name);
  if (foreign != ForeignNames().end()) {
    for (const FieldDoc& doc : everywhere) {
      if (doc.path == foreign->second) {
        return Cat("is not a field here (did you mean \"", doc.path, "\"?)");
      }
    }
  }
  for (const auto& candidate : known) {
    if (EqualsIgnoreAsciiCase(candidate, name)) {
      return Cat("is not a field here (did you mean \"", candidate, "\"?)");
    }
  }
  const std::string suggestion = Suggestion(name, known);
  if (!suggestion.empty()) return Cat("is not a field here", suggestion);
  for (const FieldDoc& doc : everywhere) {
    if (LastPart(doc.path) == name) {
      return Cat("is not a field here; it belongs in \"", doc.path.substr(0, doc.path.rfind('.')),
                 "\"");
    }
  }
  return Cat("is not a field here; known are ", Join(known, ", "));
}

}  // namespace hearth::model
