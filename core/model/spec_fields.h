#pragma once

#include "core/model/fields.h"
#include "core/model/function.h"

namespace hearth::model {

// The fields below `spec` of a hearth.dev/v1 Function.
const FieldTable<FunctionSpec>& SpecFields();
// Of `limits` and `requests`, in every door.
const FieldTable<Resources>& ResourceFields();

// Defaults that follow from other fields.
Mode DefaultMode(const FunctionSpec& spec);
uint32_t DefaultConcurrency(Mode mode);
uint64_t DefaultMaxBody(Mode mode);

// Fills in what `context` has no line for, below `prefix` ("spec").
void ApplyDefaults(const ReadContext& context, const std::string& prefix, FunctionSpec* spec);

}  // namespace hearth::model
