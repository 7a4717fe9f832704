#include <nlohmann/json.hpp>

#include <ostream>

#include "cli/commands/connection.h"
#include "cli/commands/factories.h"
#include "cli/commands/views.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

using nlohmann::json;

absl::Status CheckOutput(const std::string& output) {
  if (output.empty() || output == "json") return absl::OkStatus();
  return UsageError(Cat("--output is \"json\" or nothing; got \"", output, "\""));
}

class ListCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"list", "Show the functions", "", "", {"hearth list", "hearth list -o json"}, false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&namespace_, {.name = "namespace", .letter = 'n', .help = "Only this namespace"});
    flags->Add(&verbose_, {.name = "verbose", .letter = 'v', .help = "More columns"});
    flags->Add(&quiet_, {.name = "quiet", .letter = 'q', .help = "Names only"});
    flags->Add(&output_,
               {.name = "output", .letter = 'o', .help = "\"json\"", .value_name = "FORMAT"});
    flags->Add(&json_, {.name = "json", .help = "", .hidden = true});
    flags->Add(&sort_, {.name = "sort", .help = "By name, invocations or creation"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 0, 0, Info()));
    RETURN_IF_ERROR(CheckOutput(output_));
    SortBy by = SortBy::kName;
    if (sort_ == "invocations") {
      by = SortBy::kInvocations;
    } else if (sort_ == "creation") {
      by = SortBy::kCreation;
    } else if (sort_ != "name") {
      return UsageError(Cat("--sort is name, invocations or creation; got \"", sort_, "\""));
    }
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    ASSIGN_OR_RETURN(std::vector<json> functions, client->ListFunctions(namespace_));
    SortFunctions(by, &functions);
    if (output_ == "json" || json_) {
      context.terminal.out() << json{{"items", functions}}.dump(2) << "\n";
    } else if (quiet_) {
      for (const json& f : functions) {
        context.terminal.out() << f["metadata"].value("name", "") << "\n";
      }
    } else if (functions.empty()) {
      context.terminal.Note(
          "no functions yet; \"hearth new hello --lang python3\" makes a first one");
    } else {
      context.terminal.out() << FunctionsTable(
          functions, verbose_ ? Columns::kMore : Columns::kUsual, context.clock.WallNow());
    }
    return 0;
  }

 private:
  Connection connection_;
  std::string namespace_, output_, sort_ = "name";
  bool verbose_ = false, quiet_ = false, json_ = false;
};

class DescribeCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"describe",
            "Show everything about one function",
            "NAME[.NAMESPACE]",
            "Why a function is not ready, and its last output then, is here. Values of secrets are "
            "never shown.",
            {"hearth describe hello", "hearth describe hello -o json"},
            false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&namespace_, {.name = "namespace", .letter = 'n', .help = "Namespace"});
    flags->Add(&output_,
               {.name = "output", .letter = 'o', .help = "\"json\"", .value_name = "FORMAT"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 1, Info()));
    RETURN_IF_ERROR(CheckOutput(output_));
    ASSIGN_OR_RETURN(const FunctionKey key, ParseFunctionName(arguments[0], namespace_));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    ASSIGN_OR_RETURN(const json function, client->GetFunction(key));
    context.terminal.out() << (output_ == "json"
                                   ? function.dump(2) + "\n"
                                   : FunctionDescription(function, client->FunctionUrl(key)));
    return 0;
  }

 private:
  Connection connection_;
  std::string namespace_, output_;
};

}  // namespace

std::unique_ptr<Command> NewListCommand() { return std::make_unique<ListCommand>(); }
std::unique_ptr<Command> NewDescribeCommand() { return std::make_unique<DescribeCommand>(); }

}  // namespace hearth::cli
