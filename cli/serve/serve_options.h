#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/args/flags.h"
#include "core/base/clock.h"
#include "core/base/settings.h"

namespace hearth::cli {

// What an operator of one machine can choose.
struct ServeOptions {
  std::string data;
  std::string listen = "127.0.0.1:8080";
  std::string tls_listen;
  std::vector<std::string> tls_certificates;
  std::vector<std::string> tls_keys;
  std::string tls_client_ca;
  std::string tls_ticket_secret;
  bool http_redirect = false;
  std::string admin_listen = "127.0.0.1:8082";
  std::string runtimes;
  bool insecure_no_sandbox = false;
  Duration drain_timeout = std::chrono::seconds(30);
  std::string access_log = "off";
  std::string log_level = "warn";
  std::string log_format = "text";
};

// The same list for two purposes: Settings reads flags, environment (HEARTH_…) and file, Flags
// feeds completion and the reference.
void DeclareServe(ServeOptions* options, Settings* settings);
void DeclareServe(ServeOptions* options, Flags* flags);

}  // namespace hearth::cli
