#pragma once

#include <map>
#include <string>

#include "core/base/ids.h"
#include "core/model/function.h"

namespace hearth::model {

// The digest of what is inside a replica: the spec's revision fields and the versions of its
// secrets (name → version). The same values give the same id on every machine and in every release
// that does not say otherwise: the canonical text it hashes is covered by golden tests.
RevisionId RevisionOf(const FunctionSpec& spec,
                      const std::map<std::string, std::string>& secret_versions);

// The text that is hashed.
std::string CanonicalRevisionText(const FunctionSpec& spec,
                                  const std::map<std::string, std::string>& secret_versions);

}  // namespace hearth::model
