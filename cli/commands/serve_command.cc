#include <stdlib.h>

#include <ostream>

#include "cli/commands/factories.h"
#include "cli/serve/continuation.h"
#include "cli/serve/serve.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

class ServeCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"serve",
            "Run a platform on this machine: gateway, controller and functions",
            "",
            "Stays in the foreground until Ctrl-C. Listens on 127.0.0.1 unless told otherwise. On "
            "SIGUSR2 it replaces all of its programs by what is on disk, without losing a request. "
            "Every "
            "flag can also be set as HEARTH_NAME in the environment, or in the file that --config "
            "names.",
            {"hearth serve", "hearth serve --data /srv/hearth --listen 127.0.0.1:9080"},
            false};
  }
  void Declare(Flags* flags) override { DeclareServe(&options_, flags); }

  absl::StatusOr<int> Run(const std::vector<std::string>&, Context&) override {
    return Internal("serve reads its arguments itself");
  }

  std::optional<int> RunRaw(const std::vector<std::string>& args, Context& context) override {
    options_.data = DefaultDataFolder(context.environment);
    Settings settings("hearth serve",
                      "A platform on this machine: gateway, controller, functions.");
    DeclareServe(&options_, &settings);
    auto action = settings.Load(args, context.environment);
    if (!action.ok()) {
      context.terminal.Error(Message(action.status()));
      return 2;
    }
    if (*action == Settings::Action::kHelp) {
      context.terminal.out() << settings.HelpText();
      return 0;
    }
    const auto before = context.environment(Continuation::kVariable);
    ::unsetenv(Continuation::kVariable);  // it is for this program alone
    if (before == Continuation::kCheck) return 0;
    Serve serve(options_, context.environment, context.clock, context.terminal);
    const auto code = before ? GoOn(serve, *before) : serve.Run(settings.Effective());
    if (code.ok()) return *code;
    context.terminal.Error(Message(code.status()));
    return 1;
  }

 private:
  static absl::StatusOr<int> GoOn(Serve& serve, const std::string& before) {
    ASSIGN_OR_RETURN(const Continuation continuation, Continuation::Parse(before));
    return serve.RunOn(continuation);
  }

  ServeOptions options_;
};

}  // namespace

std::unique_ptr<Command> NewServeCommand() { return std::make_unique<ServeCommand>(); }

}  // namespace hearth::cli
