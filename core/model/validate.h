#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/function.h"

namespace hearth::model {

// One thing that is wrong with a user's input: where, what, and what to do about it.
struct Problem {
  std::string field;    // "spec.scaling.min"
  std::string message;  // "min (5) is larger than max (2); lower min or raise max"
  int line = 0;         // of the manifest, 1-based; 0 where there is none
};

// Whose judgement: a folder as source (source.path) means something only where the folder is.
enum class Side : uint8_t { kServer, kClient };

// Everything that can be judged without looking at the world (no secrets, no bundles, no runtimes).
std::vector<Problem> Validate(const FunctionKey& key, const FunctionSpec& spec,
                              Side side = Side::kServer);

// "line 7: spec.scaling.min: min (5) …" for one, the same joined by newlines for several.
absl::Status ToStatus(const std::vector<Problem>& problems);

// RFC 1123 label, at most 63 characters.
bool IsValidName(std::string_view name);
// RFC 1123 subdomain: labels with dots between them, at most 253 characters.
bool IsValidSecretName(std::string_view name);
// "" for a name that may be used, else what is wrong with it.
std::string NameProblem(std::string_view name);

}  // namespace hearth::model
