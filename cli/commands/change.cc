#include <nlohmann/json.hpp>

#include <ostream>

#include "cli/commands/connection.h"
#include "cli/commands/factories.h"
#include "cli/commands/function_files.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

using nlohmann::json;

class ScaleCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {
        "scale",
        "Set a function's number of replicas by hand",
        "NAME[.NAMESPACE] [N]",
        "The number holds until --auto gives the function back to the autoscaler.",
        {"hearth scale hello 3", "hearth scale hello --replicas 0", "hearth scale hello --auto"},
        false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&namespace_, {.name = "namespace", .letter = 'n', .help = "Namespace"});
    flags->Add(&replicas_,
               {.name = "replicas", .letter = 'r', .help = "How many", .value_name = "N"});
    flags->Add(&auto_, {.name = "auto", .help = "Let the autoscaler decide again"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 2, Info()));
    std::optional<std::string> given = replicas_;
    if (arguments.size() == 2) given = arguments[1];
    if (given.has_value() == auto_) return UsageError("say either how many replicas, or --auto");
    ASSIGN_OR_RETURN(const FunctionKey key, ParseFunctionName(arguments[0], namespace_));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    if (auto_) return BackToAutomatic(*client, key, context);
    const auto n = ParseUint(*given);
    if (!n || *n > 10'000) {
      return UsageError(Cat("\"", *given, "\" is not a number of replicas from 0 to 10000"));
    }
    RETURN_IF_ERROR(client->Scale(key, static_cast<uint32_t>(*n)));
    context.terminal.out() << key.name << ": " << *n << (*n == 1 ? " replica" : " replicas")
                           << " from now on; --auto undoes it\n";
    return 0;
  }

 private:
  static absl::StatusOr<int> BackToAutomatic(PlatformClient& client, const FunctionKey& key,
                                             Context& context) {
    ASSIGN_OR_RETURN(json function, client.GetFunction(key));
    if (!function.is_object() || !function.contains("spec")) {
      return Internal("the gateway's answer is no Function");
    }
    function["spec"].erase("replicas");
    function.erase("status");
    RETURN_IF_ERROR(client.PutFunction(key, function, PlatformClient::Apply::kForReal).status());
    context.terminal.out() << key.name << ": scales by itself again\n";
    return 0;
  }

  Connection connection_;
  std::string namespace_;
  std::optional<std::string> replicas_;
  bool auto_ = false;
};

class RemoveCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"remove",
            "Remove functions",
            "[NAME[.NAMESPACE]…]",
            "By name, or all that a manifest or stack.yml names. Their secrets stay.",
            {"hearth remove hello", "hearth remove -f stack.yml"},
            false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    files_.Declare(flags);
    flags->Add(&missing_ok_, {.name = "ignore-missing", .help = "What is not there is no failure"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    std::vector<FunctionKey> keys;
    std::string gateway;
    for (const auto& argument : arguments) {
      ASSIGN_OR_RETURN(FunctionKey key, ParseFunctionName(argument, files_.given_namespace()));
      keys.push_back(std::move(key));
    }
    if (keys.empty()) {
      ASSIGN_OR_RETURN(const LoadedFunctions loaded, files_.Load({}, nullptr, context));
      gateway = loaded.gateway;
      for (const auto& f : loaded.functions) keys.push_back(f.function.key);
    }
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context, gateway));
    int code = 0;
    for (const auto& key : keys) {
      const absl::Status status = client->DeleteFunction(key);
      if (status.ok()) {
        context.terminal.out() << key.name << ": removed\n";
      } else if (status.code() == absl::StatusCode::kNotFound && missing_ok_) {
        context.terminal.out() << key.name << ": was not there\n";
      } else {
        context.terminal.Error(Printable(Message(status)));
        code = 1;
      }
    }
    return code;
  }

 private:
  Connection connection_;
  FunctionFlags files_;
  bool missing_ok_ = false;
};

}  // namespace

std::unique_ptr<Command> NewScaleCommand() { return std::make_unique<ScaleCommand>(); }
std::unique_ptr<Command> NewRemoveCommand() { return std::make_unique<RemoveCommand>(); }

}  // namespace hearth::cli
