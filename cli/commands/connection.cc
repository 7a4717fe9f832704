#include "cli/commands/connection.h"

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/model/validate.h"

namespace hearth::cli {
namespace {

std::optional<std::string> ReadIfThere(const std::string& path) {
  auto content = ReadFile(path);
  if (!content.ok()) return std::nullopt;
  return *std::move(content);
}

}  // namespace

void Connection::Declare(Flags* flags) {
  flags->Add(
      &gateway_,
      {.name = "gateway", .letter = 'g', .help = "Address of the gateway", .value_name = "URL"});
  flags->Add(&given_.user, {.name = "user", .help = "User of the management API"});
  flags->Add(&given_.password,
             {.name = "password",
              .help = "Its password; better by \"hearth login\" or HEARTH_PASSWORD, which no "
                      "process list shows"});
  flags->Add(&certificates_.accept_any,
             {.name = "tls-no-verify", .help = "Accept any certificate (for tests only)"});
  flags->Add(&certificates_.ca_file,
             {.name = "tls-ca",
              .help = "CA, or the certificate itself, by which to check an https gateway",
              .value_name = "FILE"});
}

absl::StatusOr<PlatformClient*> Connection::Open(Context& context,
                                                 const std::string& stack_gateway) {
  const std::string data = DefaultDataFolder(context.environment);
  CredentialSources sources;
  sources.flags = given_;
  sources.endpoint_file = ReadIfThere(data + "/run/endpoint");
  sources.local = ReadIfThere(data + "/credentials");
  const std::string saved = CredentialsFile(context.environment);
  sources.saved = ReadIfThere(saved).value_or("");
  ASSIGN_OR_RETURN(
      GatewayChoice gateway,
      ChooseGateway(gateway_, stack_gateway, sources.endpoint_file, context.environment));
  auto credentials = ChooseCredentials(gateway.url, sources, context.environment);
  if (!credentials.ok()) {
    return FailedPrecondition(
        Cat("the credentials in ", saved, " or ", data, ": ", Message(credentials.status())));
  }
  if (!certificates_.ca_file.empty() && !ReadIfThere(certificates_.ca_file)) {
    return InvalidArgument(
        Cat("--tls-ca: cannot read ", certificates_.ca_file, "; name a file of PEM certificates"));
  }
  transport_ = context.new_transport(certificates_);
  client_ =
      std::make_unique<PlatformClient>(*transport_, std::move(gateway), *std::move(credentials));
  return client_.get();
}

absl::StatusOr<FunctionKey> ParseFunctionName(const std::string& text, const std::string& ns) {
  FunctionKey key{ns, text};
  if (const size_t dot = text.rfind('.'); dot != std::string::npos) {
    key = {text.substr(dot + 1), text.substr(0, dot)};
    if (!ns.empty() && ns != key.ns) {
      return UsageError(Cat("\"", text, "\" names the namespace ", key.ns, ", --namespace ", ns,
                            "; keep one of the two"));
    }
  }
  if (auto why = model::NameProblem(key.name); !why.empty()) return UsageError("name: " + why);
  if (!key.ns.empty()) {
    if (auto why = model::NameProblem(key.ns); !why.empty()) return UsageError("namespace: " + why);
  }
  return key;
}

}  // namespace hearth::cli
