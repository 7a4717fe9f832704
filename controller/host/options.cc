#include "controller/host/options.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/install.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

SettingInfo Info(std::string name, std::string help, std::string value_name = {}) {
  SettingInfo info;
  info.env = "HEARTH_CONTROLLER_";
  for (const char c : name) {
    info.env.push_back(c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c));
  }
  info.name = std::move(name);
  info.help = std::move(help);
  info.value_name = std::move(value_name);
  return info;
}

SettingInfo OneOf(SettingInfo info, std::vector<std::string> values) {
  info.check = [values = std::move(values)](std::string_view text) {
    if (std::find(values.begin(), values.end(), text) != values.end()) return absl::OkStatus();
    return InvalidArgument(Cat("\"", text, "\" is none of ", Join(values, ", ")));
  };
  return info;
}

// Every folder on the way; the last one is for the owner alone.
absl::Status MakeFolders(const std::string& path) {
  for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    if (::mkdir(path.substr(0, end).c_str(), 0755) != 0 && errno != EEXIST) {
      return Unavailable(Cat("cannot make folder ", path.substr(0, end), ": ", ::strerror(errno),
                             "; choose another with --data"));
    }
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Unavailable(
        Cat("cannot make folder ", path, ": ", ::strerror(errno), "; choose another with --data"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RealPath(const std::string& path) {
  char real[PATH_MAX];
  if (::realpath(path.c_str(), real) == nullptr) {
    return Unavailable(Cat("cannot use folder ", path, ": ", ::strerror(errno)));
  }
  return std::string(real);
}

absl::Status ResolveData(HostOptions* o) {
  if (o->data.empty()) {
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home == '\0') {
      return InvalidArgument("there is no home folder: say with --data where to keep the state");
    }
    o->data = Cat(home, "/.local/share/hearth");
  }
  RETURN_IF_ERROR(MakeFolders(o->data));
  ASSIGN_OR_RETURN(o->data, RealPath(o->data));
  RETURN_IF_ERROR(MakeFolders(o->data + "/run"));
  // Where the data folder's name is long, `run` is a link to a short one: sockets go by that.
  ASSIGN_OR_RETURN(o->run, RealPath(o->data + "/run"));
  return absl::OkStatus();
}

}  // namespace

void Declare(HostOptions* o, Settings* s) {
  s->Add(&o->data, Info("data",
                        "Folder of the platform's state; by default "
                        "~/.local/share/hearth",
                        "FOLDER"));
  s->Add(&o->fleet_listen, Info("fleet-listen",
                                "Where gateways connect, unix:PATH or HOST:PORT; may be given "
                                "several times; by default a socket in the data folder",
                                "ADDRESS"));
  s->Add(&o->stream_listen, Info("stream-listen",
                                 "Where gateways fetch logs and bring bundles; "
                                 "by default a socket in the data folder",
                                 "ADDRESS"));
  s->Add(&o->api_listen, Info("api-listen",
                              "Where gateways reach the management API: a loopback "
                              "address; port 0 for any",
                              "ADDRESS"));
  s->Add(&o->admin_listen,
         Info("admin-listen", "Where metrics and health are; empty for none", "ADDRESS"));
  s->Add(&o->runtimes, Info("runtimes",
                            "Folder of the language runtimes; by default the "
                            "installation's",
                            "FOLDER"));
  s->Add(&o->watchdog, Info("watchdog",
                            "The hearth-watchdog program; by default the one beside "
                            "this program",
                            "FILE"));
  s->Add(&o->gateway_socket, Info("gateway-socket",
                                  "Unix socket of the gateway for calls between "
                                  "functions; by default in the data folder",
                                  "PATH"));
  s->Add(&o->default_namespace, Info("default-namespace", "Namespace of functions that name none"));
  s->Add(&o->insecure_no_sandbox, Info("insecure-no-sandbox",
                                       "Run functions without isolation where the machine has no "
                                       "working sandbox"));
  s->Add(&o->start_parallelism, Info("start-parallelism",
                                     "Replicas that may be starting at once; "
                                     "0: from the machine's CPUs"));
  s->Add(&o->max_gateways, Info("max-gateways", "Gateways that may be connected at once"));
  s->AddBytes(&o->log_bytes, Info("log-bytes", "Logs kept for one function"));
  s->Add(&o->stop_grace, Info("stop-grace",
                              "How long functions may finish their requests when the "
                              "controller is stopped"));
  s->Add(&o->keep_replicas, Info("keep-replicas",
                                 "Leave functions running on SIGTERM, for the next "
                                 "start to adopt; Ctrl-C ends them all the same"));
  s->Add(&o->ready_fd, Info("ready-fd",
                            "Descriptor to which READY=1 is written once gateways can "
                            "connect; -1 for none"));
  s->Add(&o->log_level, OneOf(Info("log-level", "debug, info, warn or error", "LEVEL"),
                              {"debug", "info", "warn", "error"}));
  s->Add(&o->log_format, OneOf(Info("log-format", "text or json", "FORMAT"), {"text", "json"}));
}

absl::Status Resolve(HostOptions* o) {
  RETURN_IF_ERROR(ResolveData(o));
  const std::string& run = o->run;
  if (o->fleet_listen.empty()) o->fleet_listen = {Cat("unix:", run, "/fleet.sock")};
  if (o->stream_listen.empty()) o->stream_listen = Cat("unix:", run, "/stream.sock");
  if (o->gateway_socket.empty()) o->gateway_socket = run + "/gateway/functions.sock";
  if (o->watchdog.empty()) {
    ASSIGN_OR_RETURN(o->watchdog, FindSibling("hearth-watchdog"));
  }
  if (o->runtimes.empty()) {
    ASSIGN_OR_RETURN(o->runtimes, FindRuntimesDir());
  }
  return absl::OkStatus();
}

}  // namespace hearth::controller
