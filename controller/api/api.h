#pragma once

#include <functional>
#include <string>
#include <vector>

#include "controller/api/http.h"
#include "controller/api/platform.h"

namespace hearth::controller {

// One line of GET /system/runtimes.
struct RuntimeInfo {
  std::string name;
  std::string description;
  std::string version;
  std::string arch;
  std::string libc;
  bool can_inline = false;
  std::string file;
  std::string handler;
  std::string problem;  // why it cannot be used here; empty: it can
};

struct ApiOptions {
  std::string version;
  std::string orchestration = "local";
  std::string arch;
  std::function<std::vector<RuntimeInfo>()> runtimes;
};

// The management API: finds the handler for a request, and turns whatever goes wrong into an
// answer. Thread-safe: handlers keep nothing between requests.
class Api {
 public:
  Api(Platform* platform, ApiOptions options);
  ApiResponse Handle(const ApiRequest& request) const;

 private:
  ApiResponse Dispatch(const ApiRequest& request) const;
  ApiResponse Info() const;
  ApiResponse Runtimes() const;

  Platform* const platform_;
  const ApiOptions options_;
};

}  // namespace hearth::controller
