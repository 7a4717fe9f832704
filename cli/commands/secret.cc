#include <nlohmann/json.hpp>

#include <ostream>

#include "cli/commands/connection.h"
#include "cli/commands/factories.h"
#include "core/base/absl_compat.h"
#include "core/base/base64.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/validate.h"

namespace hearth::cli {
namespace {

using nlohmann::json;

absl::Status CheckName(const std::string& name) {
  if (model::IsValidSecretName(name)) return absl::OkStatus();
  return UsageError(Cat("\"", name,
                        "\" is not a secret's name; use lower-case letters, digits, "
                        "\"-\" and \".\""));
}

// Where a value comes from. It is never an argument of its own and never printed.
class ValueFlags {
 public:
  void Declare(Flags* flags) {
    flags->Add(&literal_, {.name = "from-literal",
                           .help = "The value (your shell may keep it in its history)"});
    flags->Add(&file_, {.name = "from-file", .help = "File with the value", .value_name = "FILE"});
    flags->Add(&trim_, {.name = "trim",
                        .help = "Drop white space at both ends of what a file or standard input "
                                "holds; --trim=false keeps every byte"});
  }
  absl::StatusOr<std::string> Read(Context& context) const {
    if (literal_ && file_) return UsageError("give either --from-literal or --from-file");
    if (literal_) return *literal_;
    std::string value;
    if (file_) {
      ASSIGN_OR_RETURN(value, ReadFile(*file_));
    } else {
      if (context.input_is_terminal) {
        context.terminal.Note("reading the value from the terminal; Ctrl-D ends it");
      }
      ASSIGN_OR_RETURN(value, ReadAllInput(context));
    }
    if (trim_) value = std::string(Trim(value));
    if (value.empty()) return InvalidArgument("the value is empty");
    return value;
  }

 private:
  std::optional<std::string> literal_, file_;
  bool trim_ = true;
};

enum class Change : uint8_t { kCreate, kUpdate };

class WriteCommand final : public Command {
 public:
  explicit WriteCommand(Change change) : change_(change) {}
  CommandInfo Info() const override {
    if (change_ == Change::kCreate) {
      return {"secret create",
              "Create a secret",
              "NAME",
              "The value comes from --from-literal, --from-file, or standard input. Functions that "
              "name the secret read it from /var/openfaas/secrets/NAME.",
              {"hearth secret create api-key --from-file key.txt",
               "pass show api-key | hearth secret create api-key"},
              false};
    }
    return {"secret update",
            "Change a secret's value",
            "NAME",
            "Functions that use it get new replicas with the new value.",
            {"hearth secret update api-key --from-file key.txt"},
            false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&namespace_, {.name = "namespace", .letter = 'n', .help = "Namespace"});
    value_.Declare(flags);
    if (change_ == Change::kCreate) {
      flags->Add(&replace_, {.name = "replace", .help = "Update it where it exists already"});
    }
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 1, Info()));
    RETURN_IF_ERROR(CheckName(arguments[0]));
    ASSIGN_OR_RETURN(const std::string value, value_.Read(context));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    json body = {{"name", arguments[0]}, {"rawValue", Base64Encode(value)}};
    if (!namespace_.empty()) body["namespace"] = namespace_;
    const bool create = change_ == Change::kCreate;
    absl::Status status = client->Call(create ? "POST" : "PUT", "/system/secrets", &body).status();
    std::string_view done = create ? "created" : "updated";
    if (create && replace_ && status.code() == absl::StatusCode::kAlreadyExists) {
      status = client->Call("PUT", "/system/secrets", &body).status();
      done = "updated";
    }
    if (status.code() == absl::StatusCode::kAlreadyExists) {
      return AlreadyExists(Cat(Message(status), "\n  \"hearth secret update ", arguments[0],
                               "\" or --replace changes it"));
    }
    RETURN_IF_ERROR(status);
    context.terminal.out() << arguments[0] << ": " << done << "\n";
    return 0;
  }

 private:
  Change change_;
  Connection connection_;
  std::string namespace_;
  ValueFlags value_;
  bool replace_ = false;
};

class ListSecretsCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"secret list",
            "Show the names of secrets; never their values",
            "",
            "",
            {"hearth secret list"},
            false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&namespace_, {.name = "namespace", .letter = 'n', .help = "Namespace"});
    flags->Add(&output_,
               {.name = "output", .letter = 'o', .help = "\"json\"", .value_name = "FORMAT"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 0, 0, Info()));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    std::string path = "/system/secrets";
    if (!namespace_.empty()) path += "?namespace=" + PercentEncode(namespace_);
    ASSIGN_OR_RETURN(const json secrets, client->Call("GET", path, nullptr));
    if (output_ == "json") {
      context.terminal.out() << secrets.dump(2) << "\n";
      return 0;
    }
    Table table({"NAME", "NAMESPACE"});
    for (const json& secret : secrets) {
      if (secret.is_object()) {
        table.Add({Printable(secret.value("name", "")), Printable(secret.value("namespace", ""))});
      }
    }
    if (secrets.empty()) {
      context.terminal.Note("no secrets yet");
    } else {
      context.terminal.out() << table.Text();
    }
    return 0;
  }

 private:
  Connection connection_;
  std::string namespace_, output_;
};

class RemoveSecretCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {
        "secret remove", "Remove a secret", "NAME", "", {"hearth secret remove api-key"}, false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&namespace_, {.name = "namespace", .letter = 'n', .help = "Namespace"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 1, Info()));
    RETURN_IF_ERROR(CheckName(arguments[0]));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    json body = {{"name", arguments[0]}};
    if (!namespace_.empty()) body["namespace"] = namespace_;
    RETURN_IF_ERROR(client->Call("DELETE", "/system/secrets", &body).status());
    context.terminal.out() << arguments[0] << ": removed\n";
    return 0;
  }

 private:
  Connection connection_;
  std::string namespace_;
};

}  // namespace

std::unique_ptr<Command> NewSecretCreateCommand() {
  return std::make_unique<WriteCommand>(Change::kCreate);
}
std::unique_ptr<Command> NewSecretUpdateCommand() {
  return std::make_unique<WriteCommand>(Change::kUpdate);
}
std::unique_ptr<Command> NewSecretListCommand() { return std::make_unique<ListSecretsCommand>(); }
std::unique_ptr<Command> NewSecretRemoveCommand() {
  return std::make_unique<RemoveSecretCommand>();
}

}  // namespace hearth::cli
