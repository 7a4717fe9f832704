#pragma once

#include <memory>

#include "cli/commands/command.h"

namespace hearth::cli {

std::unique_ptr<Command> NewServeCommand();
std::unique_ptr<Command> NewNewCommand();
std::unique_ptr<Command> NewBuildCommand();
std::unique_ptr<Command> NewDeployCommand();
std::unique_ptr<Command> NewUpCommand();
std::unique_ptr<Command> NewInvokeCommand();
std::unique_ptr<Command> NewListCommand();
std::unique_ptr<Command> NewDescribeCommand();
std::unique_ptr<Command> NewLogsCommand();
std::unique_ptr<Command> NewTopCommand();
std::unique_ptr<Command> NewScaleCommand();
std::unique_ptr<Command> NewRemoveCommand();
std::unique_ptr<Command> NewSecretCreateCommand();
std::unique_ptr<Command> NewSecretListCommand();
std::unique_ptr<Command> NewSecretUpdateCommand();
std::unique_ptr<Command> NewSecretRemoveCommand();
std::unique_ptr<Command> NewNamespaceCreateCommand();
std::unique_ptr<Command> NewNamespaceListCommand();
std::unique_ptr<Command> NewNamespaceRemoveCommand();
std::unique_ptr<Command> NewLoginCommand();
std::unique_ptr<Command> NewLogoutCommand();
std::unique_ptr<Command> NewStatusCommand();
std::unique_ptr<Command> NewVersionCommand();
std::unique_ptr<Command> NewCompletionCommand();
std::unique_ptr<Command> NewDocsCommand();

}  // namespace hearth::cli
