#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands/command.h"

namespace hearth::cli {

// A completion script for "bash", "zsh" or "fish", made from the commands' descriptions; nothing
// for another shell. Pure.
std::optional<std::string> CompletionScript(std::string_view shell,
                                            const std::vector<std::unique_ptr<Command>>& commands);

}  // namespace hearth::cli
