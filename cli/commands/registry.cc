#include <algorithm>
#include <ostream>

#include "cli/commands/command.h"
#include "cli/commands/factories.h"
#include "cli/commands/help.h"
#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "core/base/version.h"

namespace hearth::cli {
namespace {

// The names that faas-cli has besides.
std::string Alias(const std::string& word) {
  if (word == "ls" || word == "ps") return "list";
  if (word == "rm" || word == "delete") return "remove";
  if (word == "namespaces" || word == "ns") return "namespace";
  if (word == "secrets") return "secret";
  if (word == "call") return "invoke";
  return word;
}

struct Found {
  std::unique_ptr<Command> command;
  size_t words = 0;  // how many arguments its name took
};

Found FindCommand(const std::vector<std::string>& args) {
  const std::string first = Alias(args[0]);
  const std::string second = args.size() > 1 ? Alias(args[1]) : "";
  for (auto& command : AllCommands()) {
    const std::string name = command->Info().name;
    if (name == first) return {std::move(command), 1};
    if (!second.empty() && name == Cat(first, " ", second)) return {std::move(command), 2};
  }
  return {};
}

// "secret" alone: the commands below it.
std::vector<CommandInfo> Below(const std::string& group) {
  std::vector<CommandInfo> below;
  for (auto& command : AllCommands()) {
    CommandInfo info = command->Info();
    if (info.name.starts_with(group + " ")) below.push_back(std::move(info));
  }
  return below;
}

int Unknown(const std::vector<std::string>& args, Context& context) {
  const std::string first = Alias(args[0]);
  const std::vector<CommandInfo> below = Below(first);
  const bool asks_help = args.size() == 1 || args[1] == "--help" || args[1] == "-h";
  if (!below.empty() && asks_help) {
    context.terminal.out() << GroupHelp(first, below);
    return args.size() == 1 ? 2 : 0;
  }
  std::vector<std::string> names;
  for (auto& command : AllCommands()) {
    const CommandInfo info = command->Info();
    if (info.hidden) continue;
    const size_t space = info.name.find(' ');
    if (below.empty()) {
      names.push_back(info.name.substr(0, space));
    } else if (info.name.starts_with(first + " ")) {
      names.push_back(info.name.substr(space + 1));
    }
  }
  const std::string& wrong = below.empty() ? args[0] : args[1];
  context.terminal.Error(Cat("unknown command \"", Printable(wrong), "\"", Suggestion(wrong, names),
                             "\n  \"hearth --help\" lists the commands"));
  return 2;
}

int Report(const absl::Status& status, const CommandInfo& info, Context& context) {
  context.terminal.EndProgress();
  if (IsUsageError(status)) {
    context.terminal.Error(Cat(Printable(Message(status)), "\n  usage: hearth ", info.name,
                               info.arguments.empty() ? "" : " " + info.arguments,
                               " [flags]; see \"hearth ", info.name, " --help\""));
    return 2;
  }
  context.terminal.Error(Printable(Message(status)));
  return 1;
}

}  // namespace

std::vector<std::unique_ptr<Command>> AllCommands() {
  std::vector<std::unique_ptr<Command>> all;
  for (auto* factory : {NewServeCommand,
                        NewNewCommand,
                        NewBuildCommand,
                        NewDeployCommand,
                        NewUpCommand,
                        NewInvokeCommand,
                        NewListCommand,
                        NewDescribeCommand,
                        NewLogsCommand,
                        NewTopCommand,
                        NewScaleCommand,
                        NewRemoveCommand,
                        NewSecretCreateCommand,
                        NewSecretListCommand,
                        NewSecretUpdateCommand,
                        NewSecretRemoveCommand,
                        NewNamespaceCreateCommand,
                        NewNamespaceListCommand,
                        NewNamespaceRemoveCommand,
                        NewLoginCommand,
                        NewLogoutCommand,
                        NewStatusCommand,
                        NewVersionCommand,
                        NewCompletionCommand,
                        NewDocsCommand}) {
    all.push_back(factory());
  }
  return all;
}

absl::Status ExpectArguments(const std::vector<std::string>& arguments, size_t min, size_t max,
                             const CommandInfo& info) {
  if (arguments.size() < min) return UsageError(Cat("missing ", info.arguments));
  if (arguments.size() > max) {
    return UsageError(Cat("unexpected argument \"", arguments[max], "\""));
  }
  return absl::OkStatus();
}

int RunCommandLine(const std::vector<std::string>& args, Context& context) {
  if (args.empty() || args[0] == "--help" || args[0] == "-h") {
    context.terminal.out() << OverallHelp(AllCommands());
    return args.empty() ? 2 : 0;
  }
  if (args[0] == "--version" || args[0] == "-v") {
    context.terminal.out() << "hearth " << Version() << "\n";
    return 0;
  }
  if (args[0] == "help") {
    std::vector<std::string> of(args.begin() + 1, args.end());
    of.push_back("--help");
    return RunCommandLine(of, context);
  }
  Found found = FindCommand(args);
  if (found.command == nullptr) return Unknown(args, context);
  const CommandInfo info = found.command->Info();
  const std::vector<std::string> rest(args.begin() + static_cast<std::ptrdiff_t>(found.words),
                                      args.end());
  if (const auto code = found.command->RunRaw(rest, context)) return *code;
  Flags flags;
  bool help = false;
  found.command->Declare(&flags);
  flags.Add(&help, {.name = "help", .letter = 'h', .help = "Show this"});
  auto arguments = flags.Parse(rest);
  if (help) {
    context.terminal.out() << CommandHelp(info, flags);
    return 0;
  }
  if (!arguments.ok()) return Report(arguments.status(), info, context);
  auto code = found.command->Run(*arguments, context);
  if (!code.ok()) return Report(code.status(), info, context);
  context.terminal.EndProgress();
  return *code;
}

}  // namespace hearth::cli
