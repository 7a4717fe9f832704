#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/trace/span.h"

namespace hearth::gateway::trace {

struct Origin {
  std::string service;   // service.name
  std::string version;   // service.version
  std::string instance;  // service.instance.id
};

// The body of POST /v1/traces.
std::string EncodeExport(const Origin& origin, const std::vector<Span>& spans);

// How many spans the collector has refused, by the body of its 200; 0 where it says nothing.
uint64_t RejectedSpans(std::string_view body);

}  // namespace hearth::gateway::trace
