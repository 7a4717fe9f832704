#pragma once

#include <string>

#include "core/model/fields.h"
#include "core/model/function.h"

namespace hearth::model {

// What labels, annotations and watchdog variables of an OpenFaaS function mean here. They stay
// where they are as well: clients expect to read them back. `path` is where the function's fields
// stand.

// com.openfaas.scale.*; without them one replica is always there, as OpenFaaS's users expect.
void ApplyScaleLabels(const std::string& path, FunctionSpec* spec, ReadContext* context);
// com.openfaas.ready.http.* and com.openfaas.health.http.*.
void ApplyHealthAnnotations(const std::string& path, FunctionSpec* spec, ReadContext* context);
// max_inflight and exec_timeout of the watchdogs.
void ApplyWatchdogVariables(const std::string& path, FunctionSpec* spec, ReadContext* context);

}  // namespace hearth::model
