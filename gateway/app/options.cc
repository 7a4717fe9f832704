#include "gateway/app/options.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "core/net/address.h"
#include "gateway/trace/exporter.h"

namespace hearth::gateway {
namespace {

std::string EnvironmentName(std::string_view flag) {
  std::string name = "HEARTH_GATEWAY_";
  for (const char c : flag) {
    name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name;
}

SettingInfo Info(std::string name, std::string help, std::string value_name = {}) {
  SettingInfo info;
  info.env = EnvironmentName(name);
  info.name = std::move(name);
  info.help = std::move(help);
  info.value_name = std::move(value_name);
  return info;
}

SettingInfo With(SettingInfo info, std::function<absl::Status(std::string_view)> check) {
  info.check = std::move(check);
  return info;
}

absl::Status CheckAddress(std::string_view text) { return net::Address::Parse(text).status(); }

absl::Status CheckOptionalAddress(std::string_view text) {
  return text.empty() ? absl::OkStatus() : CheckAddress(text);
}

std::function<absl::Status(std::string_view)> OneOf(std::vector<std::string> values) {
  return [values = std::move(values)](std::string_view text) {
    if (std::find(values.begin(), values.end(), text) != values.end()) return absl::OkStatus();
    return InvalidArgument(Cat("\"", text, "\" is none of ", Join(values, ", ")));
  };
}

void DeclareAddresses(Options* o, Settings* s) {
  s->Add(&o->listen,
         With(Info("listen", "Where clients reach this gateway; port 0 for any", "ADDRESS"),
              CheckAddress));
  s->Add(&o->functions_socket,
         Info("functions-socket",
              "Unix socket on which functions reach other functions, and nothing else", "PATH"));
  s->Add(&o->admin_listen,
         With(Info("admin-listen", "Where metrics and health are; empty for none", "ADDRESS"),
              CheckOptionalAddress));
  s->Add(
      &o->function_url,
      Info("function-url",
           "URL under which functions reach this gateway; by default made from --listen", "URL"));
}

void DeclareTls(Options* o, Settings* s) {
  s->Add(&o->tls_listen,
         With(Info("tls-listen", "Where clients reach this gateway by HTTPS; empty for nowhere",
                   "ADDRESS"),
              CheckOptionalAddress));
  s->Add(&o->tls_certificates,
         Info("tls-cert",
              "Certificate chain in PEM form, or a folder of NAME.crt and NAME.key; several are "
              "chosen from by the host that a client asks for; read again when they change",
              "FILE"));
  s->Add(&o->tls_keys, Info("tls-key", "Its key; one for each --tls-cert, in their order", "FILE"));
  s->Add(&o->tls_client_ca,
         Info("tls-client-ca",
              "CA of which clients must show a certificate; empty: none is asked for", "FILE"));
  s->Add(
      &o->tls_ticket_secret,
      Info("tls-ticket-secret",
           "Secret from which the keys of session tickets are made, so that sessions go on after "
           "a restart and at other gateways that have it; empty: keys are random",
           "FILE"));
  s->Add(&o->http_redirect,
         Info("http-redirect",
              "Send clients of other machines from --listen to HTTPS, by 308, instead of "
              "answering"));
}

void DeclareControl(Options* o, Settings* s) {
  s->Add(&o->controllers,
         Info("controller",
              "Address of a controller, unix:PATH or HOST:PORT; may be given several times",
              "ADDRESS"));
  s->Add(&o->controller_ca,
         Info("controller-ca", "CA that the controllers' certificates come from; empty for no TLS",
              "FILE"));
  s->Add(&o->controller_certificate,
         Info("controller-certificate", "This gateway's certificate for the controllers", "FILE"));
  s->Add(&o->controller_key, Info("controller-key", "Its key", "FILE"));
  s->Add(&o->auth_file,
         Info("auth-file",
              "Credentials for the management API and private functions, user:password a line; "
              "read again when it changes",
              "FILE"));
  s->Add(&o->route_cache,
         Info("route-cache", "Where the last routes are kept, to start from without a controller",
              "FILE"));
}

void DeclareLimits(Options* o, Settings* s) {
  s->Add(&o->threads, Info("threads", "Event loops; 0 for as many as there are CPUs to use"));
  s->Add(&o->max_queued_requests,
         Info("max-queued-requests", "Requests of all functions that may wait for a slot"));
  s->AddBytes(&o->max_queued_bytes,
              Info("max-queued-bytes", "Memory that waiting requests may hold"));
  s->Add(&o->drain_timeout, Info("drain-timeout", "How long requests may go on after SIGTERM"));
  s->Add(&o->handover_socket,
         Info("handover-socket",
              "Unix socket at which the next gateway on this machine takes over from this one, "
              "without a connection lost; empty for none",
              "PATH"));
  s->Add(&o->handover_timeout,
         Info("handover-timeout", "How long requests may go on here once a successor serves"));
  s->Add(&o->ready_fd,
         Info("ready-fd",
              "Descriptor to which READY=1 is written once clients can connect; -1 for "
              "none"));
}

void DeclareLogs(Options* o, Settings* s) {
  s->Add(&o->access_log,
         With(Info("access-log", "A line for each request: off, text or json", "FORMAT"),
              OneOf({"off", "text", "json"})));
  s->Add(&o->access_log_file,
         Info("access-log-file", "Where it goes; - for standard output", "FILE"));
  s->Add(&o->access_log_sample,
         Info("access-log-sample", "Of successful requests one in N is logged; failures always"));
  s->Add(&o->log_level, With(Info("log-level", "debug, info, warn or error", "LEVEL"),
                             OneOf({"debug", "info", "warn", "error"})));
  s->Add(&o->log_format,
         With(Info("log-format", "text or json", "FORMAT"), OneOf({"text", "json"})));
}

void DeclareTraces(Options* o, Settings* s) {
  const auto named = [](SettingInfo info, std::string env) {
    info.env = std::move(env);
    return info;
  };
  s->Add(
      &o->otlp_endpoint,
      With(named(Info("otlp-endpoint",
                      "Collector of OpenTelemetry that gets a span for each request by OTLP over "
                      "HTTP; empty for no traces",
                      "URL"),
                 "OTEL_EXPORTER_OTLP_ENDPOINT"),
           [](std::string_view text) {
             return text.empty() ? absl::OkStatus() : trace::ParseEndpoint(text).status();
           }));
  s->Add(&o->otlp_service,
         named(Info("otlp-service", "Name of this gateway in its spans"), "OTEL_SERVICE_NAME"));
  s->Add(
      &o->trace_ratio,
      With(Info("trace-ratio",
                "Of the traces that begin at this gateway, how many are kept: 0 to 1; a caller's "
                "own trace is kept as its caller says"),
           [](std::string_view text) {
             const auto ratio = ParseDouble(text);
             return ratio && *ratio >= 0 && *ratio <= 1 ? absl::OkStatus()
                                                        : InvalidArgument("must be 0 to 1");
           }));
  s->Add(&o->server_timing,
         With(Info("server-timing",
                   "Whether answers say in Server-Timing where their time went: off, request (to "
                   "requests with X-Hearth-Timing) or always",
                   "WHEN"),
              OneOf({"off", "request", "always"})));
}

}  // namespace

void Declare(Options* options, Settings* settings) {
  DeclareAddresses(options, settings);
  DeclareTls(options, settings);
  DeclareControl(options, settings);
  DeclareLimits(options, settings);
  DeclareLogs(options, settings);
  DeclareTraces(options, settings);
}

}  // namespace hearth::gateway
