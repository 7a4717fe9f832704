#include <nlohmann/json.hpp>

#include <ostream>

#include "cli/commands/connection.h"
#include "cli/commands/factories.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/validate.h"

namespace hearth::cli {
namespace {

using nlohmann::json;

absl::Status CheckName(const std::string& name) {
  const std::string why = model::NameProblem(name);
  return why.empty() ? absl::OkStatus() : UsageError(why);
}

class CreateNamespaceCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"namespace create",
            "Create a namespace",
            "NAME",
            "",
            {"hearth namespace create team-a"},
            false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&labels_,
               {.name = "label", .letter = 'l', .help = "Label", .value_name = "NAME=VALUE"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 1, Info()));
    RETURN_IF_ERROR(CheckName(arguments[0]));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    // The label and annotation mark what functions may live in, as OpenFaaS's clients do.
    json body = {{"name", arguments[0]},
                 {"labels", {{"openfaas", "1"}}},
                 {"annotations", {{"openfaas", "1"}}}};
    for (const auto& label : labels_) {
      const size_t equals = label.find('=');
      if (equals == std::string::npos) {
        return UsageError(Cat("--label \"", label, "\" must be written NAME=VALUE"));
      }
      body["labels"][label.substr(0, equals)] = label.substr(equals + 1);
    }
    RETURN_IF_ERROR(client->Call("POST", "/system/namespace/", &body).status());
    context.terminal.out() << arguments[0] << ": created\n";
    return 0;
  }

 private:
  Connection connection_;
  std::vector<std::string> labels_;
};

class ListNamespacesCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"namespace list", "Show the namespaces", "", "", {"hearth namespace list"}, false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&output_,
               {.name = "output", .letter = 'o', .help = "\"json\"", .value_name = "FORMAT"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 0, 0, Info()));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    ASSIGN_OR_RETURN(const json names, client->Call("GET", "/system/namespaces", nullptr));
    if (output_ == "json") {
      context.terminal.out() << names.dump(2) << "\n";
      return 0;
    }
    for (const json& name : names) {
      if (name.is_string()) context.terminal.out() << Printable(name.get<std::string>()) << "\n";
    }
    return 0;
  }

 private:
  Connection connection_;
  std::string output_;
};

class RemoveNamespaceCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"namespace remove",
            "Remove a namespace with its functions and secrets",
            "NAME",
            "",
            {"hearth namespace remove team-a"},
            false};
  }
  void Declare(Flags* flags) override { connection_.Declare(flags); }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 1, Info()));
    RETURN_IF_ERROR(CheckName(arguments[0]));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    const json body = {{"name", arguments[0]}};
    RETURN_IF_ERROR(client->Call("DELETE", "/system/namespace/" + arguments[0], &body).status());
    context.terminal.out() << arguments[0] << ": removed\n";
    return 0;
  }

 private:
  Connection connection_;
};

}  // namespace

std::unique_ptr<Command> NewNamespaceCreateCommand() {
  return std::make_unique<CreateNamespaceCommand>();
}
std::unique_ptr<Command> NewNamespaceListCommand() {
  return std::make_unique<ListNamespacesCommand>();
}
std::unique_ptr<Command> NewNamespaceRemoveCommand() {
  return std::make_unique<RemoveNamespaceCommand>();
}

}  // namespace hearth::cli
