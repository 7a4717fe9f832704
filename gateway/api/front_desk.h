#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/log/log.h"
#include "gateway/auth/credential_file.h"
#include "gateway/fleet/controller_info.h"
#include "gateway/proxy/interfaces.h"

namespace hearth::gateway {

// Deals with every request that is no function's: sends the management API on to the controller
// after checking credentials, answers health checks, and tells everybody else what exists here.
// Called on all loops at once; owned by the application.
class FrontDesk final : public proxy::LocalHandler {
 public:
  // `credentials` may be null: then nobody may use the management API.
  FrontDesk(const auth::CredentialFile* credentials, std::string version,
            const log::Logger& logger);

  // Where this gateway's own numbers are (AdminServer); without it they are not to be had. Before
  // the loops run.
  void SetAdmin(net::Address address) { admin_ = std::move(address); }

  // Another controller is obeyed now, or none. Any thread.
  void SetController(const std::optional<fleet::ControllerInfo>& controller);

  std::variant<proxy::LocalResponse, proxy::ForwardTarget> Handle(
      const http::RequestHead& request, const proxy::RequestContext& context) override;

 private:
  using Answer = std::variant<proxy::LocalResponse, proxy::ForwardTarget>;
  struct Targets {
    std::optional<net::Address> api;
    std::optional<net::Address> stream;
    std::string token;
  };
  Answer System(const http::RequestHead& request, const proxy::RequestContext& context);
  Answer Top(const http::RequestHead& request, const proxy::RequestContext& context);
  Answer Forward(const http::RequestHead& request, const proxy::RequestContext& context);
  proxy::LocalResponse Page(const http::RequestHead& request) const;

  const auth::CredentialFile* const credentials_;
  const std::string version_;
  const log::Logger logger_;
  std::optional<net::Address> admin_;
  mutable std::mutex mutex_;  // guards targets_
  std::shared_ptr<const Targets> targets_;
};

}  // namespace hearth::gateway
