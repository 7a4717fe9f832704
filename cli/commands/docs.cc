#include <ostream>

#include "cli/commands/factories.h"
#include "cli/commands/help.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/manifest.h"

namespace hearth::cli {
namespace {

// Writes the pages of docs/reference that follow from the code.
class DocsCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"docs", "Print a page of the reference", "manifest|cli", "", {}, true};
  }
  void Declare(Flags*) override {}
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 1, Info()));
    std::ostream& out = context.terminal.out();
    if (arguments[0] == "manifest") {
      out << model::ManifestReference();
    } else if (arguments[0] == "cli") {
      out << CommandReference(AllCommands());
    } else {
      return UsageError(Cat("there is no page \"", arguments[0], "\""));
    }
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> NewDocsCommand() { return std::make_unique<DocsCommand>(); }

}  // namespace hearth::cli
