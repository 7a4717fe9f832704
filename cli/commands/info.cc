#include <nlohmann/json.hpp>

#include <ostream>

#include "cli/commands/connection.h"
#include "cli/commands/factories.h"
#include "cli/commands/rollout.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/version.h"

namespace hearth::cli {
namespace {

using nlohmann::json;

std::string ServerVersion(const json& info) {
  if (!info.is_object() || !info.contains("version") || !info["version"].is_object()) return "?";
  return Printable(info["version"].value("release", "?"));
}

class VersionCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"version", "Show the version of this command and of the gateway", "",
            "",        {"hearth version", "hearth version --short-version"},  false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&short_, {.name = "short-version", .help = "Only this command's, one line"});
    flags->Add(&output_,
               {.name = "output", .letter = 'o', .help = "\"json\"", .value_name = "FORMAT"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 0, 0, Info()));
    if (short_) {
      context.terminal.out() << Version() << "\n";
      return 0;
    }
    json answer = {{"client", std::string(Version())}};
    std::string gateway = "not asked";
    if (auto client = connection_.Open(context); client.ok()) {
      auto info = (*client)->Info();
      gateway = info.ok() ? ServerVersion(*info)
                : info.status().code() == absl::StatusCode::kUnauthenticated
                    ? "asks for credentials"
                    : "does not answer";
      gateway += " (" + (*client)->url() + ")";
      if (info.ok()) answer["server"] = *info;
    }
    if (output_ == "json") {
      context.terminal.out() << answer.dump(2) << "\n";
    } else {
      context.terminal.out() << "hearth    " << Version() << "\ngateway   " << gateway << "\n";
    }
    return 0;
  }

 private:
  Connection connection_;
  bool short_ = false;
  std::string output_;
};

class StatusCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"status",
            "Show whether the platform is well",
            "",
            "Exit code 0 when gateway and controller answer. Functions that are not ready are "
            "listed.",
            {"hearth status"},
            false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&output_,
               {.name = "output", .letter = 'o', .help = "\"json\"", .value_name = "FORMAT"});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 0, 0, Info()));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    HttpRequest health;
    health.url = client->url() + "/healthz";
    health.timeout = std::chrono::seconds(5);
    auto alive = connection_.transport().Send(health);
    if (!alive.ok()) return client->Explain(alive.status());
    auto info = client->Info();
    std::vector<json> functions;
    if (info.ok()) {
      ASSIGN_OR_RETURN(functions, client->ListFunctions(""));
    }
    const bool well = alive->status < 300 && info.ok();
    if (output_ == "json") {
      context.terminal.out() << json{{"gateway", client->url()},
                                     {"gatewayHealthy", alive->status < 300},
                                     {"controllerHealthy", info.ok()},
                                     {"functions", functions.size()}}
                                    .dump(2)
                             << "\n";
    } else {
      Print(*client, alive->status, info, functions, context);
    }
    return well ? 0 : 1;
  }

 private:
  static void Print(const PlatformClient& client, int health, const absl::StatusOr<json>& info,
                    const std::vector<json>& functions, Context& context) {
    Terminal& t = context.terminal;
    const std::string ok = t.Out(Terminal::Style::kGreen, "ok");
    const std::string bad = t.Out(Terminal::Style::kRed, "not ok");
    t.out() << "gateway      " << (health < 300 ? ok : Cat(bad, " (", health, ")")) << "  "
            << client.url() << "\n";
    if (!info.ok()) {
      t.out() << "controller   " << bad << "  " << Printable(Message(info.status())) << "\n";
      return;
    }
    t.out() << "controller   " << ok << "  version " << ServerVersion(*info) << "\n";
    size_t ready = 0;
    for (const json& f : functions) {
      if (ConditionOf(f, "Ready").value("status", "") == "True") ++ready;
    }
    t.out() << "functions    " << functions.size() << ", " << ready << " ready\n";
    for (const json& f : functions) {
      const json condition = ConditionOf(f, "Ready");
      if (condition.value("status", "") == "True") continue;
      t.out() << "  " << Printable(f["metadata"].value("name", "")) << ": "
              << Printable(condition.value("reason", "Unknown")) << ": "
              << Printable(condition.value("message", "")) << "\n";
    }
  }

  Connection connection_;
  std::string output_;
};

}  // namespace

std::unique_ptr<Command> NewVersionCommand() { return std::make_unique<VersionCommand>(); }
std::unique_ptr<Command> NewStatusCommand() { return std::make_unique<StatusCommand>(); }

}  // namespace hearth::cli
