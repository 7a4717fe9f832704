#include "cli/serve/serve_options.h"

#include <algorithm>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "core/net/address.h"

namespace hearth::cli {
namespace {

absl::Status CheckTcp(std::string_view text) {
  auto address = net::Address::Parse(text);
  if (!address.ok()) return address.status();
  if (address->kind != net::Address::Kind::kTcp) {
    return InvalidArgument("must be an IP address and a port, such as 127.0.0.1:8080");
  }
  if (address->port == 0) return InvalidArgument("must name a port: clients have to find it");
  return absl::OkStatus();
}

std::function<absl::Status(std::string_view)> OneOf(std::vector<std::string> words) {
  return [words = std::move(words)](std::string_view text) {
    if (std::find(words.begin(), words.end(), text) != words.end()) return absl::OkStatus();
    return InvalidArgument(Cat("must be one of ", Join(words, ", ")));
  };
}

// Each option once. `add` takes the variable, its name, what it means, what its value is called,
// and a check of the text.
template <typename Add>
void Each(ServeOptions* o, Add add) {
  add(&o->data, "data", "Folder of everything that is kept: functions, secrets, code, logs",
      "FOLDER", nullptr);
  add(&o->listen, "listen", "Where clients reach the gateway", "ADDRESS", CheckTcp);
  add(&o->tls_listen, "tls-listen", "Where clients reach it by HTTPS; empty for nowhere", "ADDRESS",
      [](std::string_view text) { return text.empty() ? absl::OkStatus() : CheckTcp(text); });
  add(&o->tls_certificates, "tls-cert",
      "Certificate chain in PEM form, or a folder of NAME.crt and NAME.key; may be repeated, and "
      "is read again when it changes",
      "FILE", nullptr);
  add(&o->tls_keys, "tls-key", "Its key; one for each --tls-cert, in their order", "FILE", nullptr);
  add(&o->tls_client_ca, "tls-client-ca",
      "CA of which clients must show a certificate; empty: none is asked for", "FILE", nullptr);
  add(&o->tls_ticket_secret, "tls-ticket-secret",
      "Secret from which the keys of session tickets are made; empty: keys are random", "FILE",
      nullptr);
  add(&o->http_redirect, "http-redirect",
      "Send clients of other machines from --listen to HTTPS instead of answering", "", nullptr);
  add(&o->admin_listen, "admin-listen", "Where metrics and health of the gateway are", "ADDRESS",
      CheckTcp);
  add(&o->runtimes, "runtimes",
      "Folder that holds the language runtimes; empty: this installation's", "FOLDER", nullptr);
  add(&o->insecure_no_sandbox, "insecure-no-sandbox",
      "Run functions as plain processes where no sandbox works: they can read all that you can", "",
      nullptr);
  add(&o->drain_timeout, "drain-timeout", "How long requests may go on after Ctrl-C", "", nullptr);
  add(&o->access_log, "access-log", "A line for each request: off, text or json", "FORMAT",
      OneOf({"off", "text", "json"}));
  add(&o->log_level, "log-level", "debug, info, warn or error", "LEVEL",
      OneOf({"debug", "info", "warn", "error"}));
  add(&o->log_format, "log-format", "text or json", "FORMAT", OneOf({"text", "json"}));
}

}  // namespace

void DeclareServe(ServeOptions* options, Settings* settings) {
  Each(options, [&](auto* value, const char* name, const char* help, const char* value_name,
                    std::function<absl::Status(std::string_view)> check) {
    SettingInfo info;
    info.name = name;
    info.help = help;
    info.value_name = value_name;
    info.check = std::move(check);
    settings->Add(value, std::move(info));
  });
}

void DeclareServe(ServeOptions* options, Flags* flags) {
  Each(options, [&](auto* value, const char* name, const char* help, const char* value_name,
                    const std::function<absl::Status(std::string_view)>&) {
    flags->Add(value, {.name = name, .help = help, .value_name = value_name});
  });
}

}  // namespace hearth::cli
