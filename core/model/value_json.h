#pragma once

#include <string_view>
#include <vector>

#include "core/model/value.h"

namespace hearth::model {

// The JSON half of ReadDocuments: one document, with lines.
std::vector<Value> ReadJson(std::string_view text, std::vector<Problem>* problems);
bool IsJson(std::string_view text);

}  // namespace hearth::model
