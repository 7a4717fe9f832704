#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/args/flags.h"
#include "cli/commands/context.h"

namespace hearth::cli {

struct CommandInfo {
  std::string name;       // "deploy", "secret create"
  std::string summary;    // one sentence, without a full stop at the end
  std::string arguments;  // "NAME", "[NAME…]"
  std::string details;    // a paragraph, or ""
  std::vector<std::string> examples;
  bool hidden = false;
};

// One command of the line. An object is used once: Declare binds its members to flags, Run acts.
class Command {
 public:
  virtual ~Command() = default;
  virtual CommandInfo Info() const = 0;
  virtual void Declare(Flags* flags) = 0;
  // The exit code; an error is printed by the caller (1, or 2 for a UsageError).
  virtual absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) = 0;
  // For a command that reads its arguments by other means than Flags: the exit code.
  virtual std::optional<int> RunRaw(const std::vector<std::string>&, Context&) {
    return std::nullopt;
  }
};

// Every command, in the order in which help shows them.
std::vector<std::unique_ptr<Command>> AllCommands();

// Finds the command that `args` begin with, parses the rest and runs it. Returns the exit code.
int RunCommandLine(const std::vector<std::string>& args, Context& context);

// "at most one NAME": usage errors about the number of arguments.
absl::Status ExpectArguments(const std::vector<std::string>& arguments, size_t min, size_t max,
                             const CommandInfo& info);

}  // namespace hearth::cli
