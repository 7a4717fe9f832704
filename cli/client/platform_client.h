#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "cli/client/transport.h"
#include "cli/config/gateway.h"
#include "core/base/ids.h"

namespace hearth::cli {

// The management API as the commands use it. Its errors are for people: what is wrong and what to
// do next. One thread; owns nothing.
class PlatformClient {
 public:
  PlatformClient(Transport& transport, GatewayChoice gateway, Credentials credentials)
      : transport_(transport), gateway_(std::move(gateway)), credentials_(std::move(credentials)) {}

  const std::string& url() const { return gateway_.url; }
  const GatewayChoice& gateway() const { return gateway_; }
  bool has_credentials() const { return !credentials_.empty(); }

  // "" for the namespace: the platform's default.
  absl::StatusOr<std::vector<nlohmann::json>> ListFunctions(std::string_view ns);
  absl::StatusOr<nlohmann::json> GetFunction(const FunctionKey& key);
  enum class Apply : uint8_t { kForReal, kDryRun };
  // {"result", "object"}
  absl::StatusOr<nlohmann::json> PutFunction(const FunctionKey& key, const nlohmann::json& manifest,
                                             Apply apply);
  absl::Status DeleteFunction(const FunctionKey& key);
  absl::Status Scale(const FunctionKey& key, uint32_t replicas);

  absl::StatusOr<bool> HasBundle(const std::string& digest);
  absl::Status PutBundle(const std::string& digest, const std::string& file);
  absl::StatusOr<nlohmann::json> Runtimes();
  absl::StatusOr<nlohmann::json> Info();

  // One JSON call below /system: the parsed answer; null where it is empty.
  absl::StatusOr<nlohmann::json> Call(std::string_view method, std::string_view path,
                                      const nlohmann::json* body);
  // An endless or large answer, piece by piece.
  absl::Status Follow(std::string_view path, const std::function<bool(std::string_view)>& on_data);

  // The address of a function for its callers.
  std::string FunctionUrl(const FunctionKey& key) const;
  // Basic authentication, where there are credentials.
  void AddCredentials(HttpRequest* request) const;
  // A transport's failure, with what to do about it.
  absl::Status Explain(const absl::Status& status) const;
  // The error of an answer of 400 or more.
  absl::Status ErrorOf(const HttpResponse& response) const;

 private:
  HttpRequest NewRequest(std::string_view method, std::string_view path) const;

  Transport& transport_;
  GatewayChoice gateway_;
  Credentials credentials_;
};

}  // namespace hearth::cli
