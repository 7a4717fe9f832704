#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/commands/command.h"

namespace hearth::cli {

std::string OverallHelp(const std::vector<std::unique_ptr<Command>>& commands);
std::string GroupHelp(const std::string& group, const std::vector<CommandInfo>& commands);
std::string CommandHelp(const CommandInfo& info, const Flags& flags);
// docs/reference/cli.md.
std::string CommandReference(const std::vector<std::unique_ptr<Command>>& commands);

}  // namespace hearth::cli
