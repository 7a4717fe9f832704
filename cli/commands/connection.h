#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "cli/args/flags.h"
#include "cli/client/platform_client.h"
#include "cli/commands/context.h"

namespace hearth::cli {

// The flags that every command has which talks to a gateway, and what they lead to.
class Connection {
 public:
  void Declare(Flags* flags);
  // Chooses gateway and credentials. `stack_gateway`: provider.gateway of a stack.yml.
  absl::StatusOr<PlatformClient*> Open(Context& context, const std::string& stack_gateway = "");

  Transport& transport() { return *transport_; }
  const std::string& gateway_flag() const { return gateway_; }
  const Credentials& given() const { return given_; }

 private:
  std::string gateway_;
  Credentials given_;
  Certificates certificates_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<PlatformClient> client_;
};

// "NAME" or "NAME.NAMESPACE", and the --namespace flag.
absl::StatusOr<FunctionKey> ParseFunctionName(const std::string& text, const std::string& ns);

}  // namespace hearth::cli
