#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/settings.h"
#include "core/log/log.h"

namespace hearth::gateway {

// What an operator can choose. Filled by Settings in main, by hand in tests.
struct Options {
  std::string listen = "127.0.0.1:8080";
  std::string tls_listen;
  std::vector<std::string> tls_certificates;
  std::vector<std::string> tls_keys;
  std::string tls_client_ca;
  std::string tls_ticket_secret;
  bool http_redirect = false;
  std::string functions_socket;
  std::string admin_listen = "127.0.0.1:8082";
  std::vector<std::string> controllers;
  std::string controller_ca;
  std::string controller_certificate;
  std::string controller_key;
  std::string auth_file;
  std::string route_cache;
  std::string function_url;
  uint32_t threads = 0;
  std::string access_log = "off";
  std::string access_log_file = "-";
  uint32_t access_log_sample = 1;
  std::string log_level = "info";
  std::string log_format = "text";
  Duration drain_timeout = std::chrono::seconds(30);
  std::string handover_socket;
  Duration handover_timeout = std::chrono::minutes(15);
  uint32_t max_queued_requests = 20000;
  uint64_t max_queued_bytes = 256ull << 20;
  int64_t ready_fd = -1;
  std::string otlp_endpoint;  // empty: no traces
  std::string otlp_service = "hearth-gateway";
  double trace_ratio = 1;
  std::string server_timing = "request";
};

// Declares every option under its flag, HEARTH_GATEWAY_… variable and key in the file.
void Declare(Options* options, Settings* settings);

}  // namespace hearth::gateway
