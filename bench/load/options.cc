#include "bench/load/options.h"

#include <algorithm>
#include <cctype>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/http/writer.h"
#include "core/net/resolve.h"

namespace hearth::load {
namespace {

SettingInfo Info(std::string name, std::string help, std::string value_name = {}) {
  SettingInfo info;
  info.env = "HEARTH_LOAD_";
  for (const char c : name) {
    const int upper = std::toupper(static_cast<unsigned char>(c));
    info.env.push_back(c == '-' ? '_' : static_cast<char>(upper));
  }
  info.name = std::move(name);
  info.help = std::move(help);
  info.value_name = std::move(value_name);
  return info;
}

// http://host:port/path → the plan's address and the path of requests that have no target.
absl::StatusOr<std::string> TakeUrl(std::string_view url, Plan* plan, std::string* authority) {
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    plan->tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return InvalidArgument(Cat("--url \"", url, "\": give http://HOST:PORT/PATH"));
  }
  const size_t slash = rest.find('/');
  *authority = std::string(rest.substr(0, slash));
  const size_t colon = authority->rfind(':');
  const bool has_port =
      colon != std::string::npos && authority->find(']', colon) == std::string::npos;
  uint64_t port = plan->tls ? 443 : 80;
  if (has_port) {
    const auto given = ParseUint(std::string_view(*authority).substr(colon + 1));
    if (!given || *given == 0 || *given > 65535) {
      return InvalidArgument(Cat("--url \"", url, "\": the port is no number from 1 to 65535"));
    }
    port = *given;
  }
  std::string host = has_port ? authority->substr(0, colon) : *authority;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  plan->server_name = host;
  ASSIGN_OR_RETURN(const std::vector<net::Address> found,
                   net::Resolve(host, static_cast<uint16_t>(port)));
  plan->address = found.front();
  return slash == std::string_view::npos ? std::string("/") : std::string(rest.substr(slash));
}

// "0.1=/path"
absl::StatusOr<Target> TakeMix(std::string_view text) {
  const size_t equals = text.find('=');
  const auto weight = ParseDouble(text.substr(0, equals));
  if (equals == std::string_view::npos || !weight || *weight <= 0 ||
      !text.substr(equals + 1).starts_with('/')) {
    return InvalidArgument(
        Cat("--mix \"", text, "\": give WEIGHT=/PATH with a weight above 0, such as 0.1=/slow"));
  }
  Target target;
  target.weight = *weight;
  target.path = std::string(text.substr(equals + 1));
  return target;
}

absl::Status WriteHead(const Plan& plan, const std::string& authority, Target* target) {
  http::HeadWriter<std::string> writer(&target->head);
  writer.RequestLine(plan.method, target->path).Field("Host", authority);
  for (const std::string& header : plan.options.headers) {
    const size_t colon = header.find(':');
    const std::string_view name = std::string_view(header).substr(0, colon);
    if (colon == std::string::npos || !http::IsToken(name)) {
      return InvalidArgument(Cat("--header \"", header, "\": give NAME: VALUE"));
    }
    writer.Field(name, Trim(std::string_view(header).substr(colon + 1)));
  }
  if (plan.options.websocket) {
    writer.Field("Connection", "Upgrade").Field("Upgrade", "websocket");
    writer.Field("Sec-WebSocket-Version", "13");
    writer.Field("Sec-WebSocket-Key", "aGVhcnRoLWxvYWQta2V5IQ==");
  } else if (plan.options.body > 0) {
    writer.Field("Content-Length", plan.options.body);
  }
  writer.End();
  return absl::OkStatus();
}

absl::Status CheckNumbers(const Options& o) {
  if (o.connections == 0) return InvalidArgument("--connections 0: at least one");
  if (o.duration <= Duration::zero()) return InvalidArgument("--duration: above 0, such as 2s");
  if (o.rate < 0) return InvalidArgument("--rate: not below 0; 0 is for a closed loop");
  if (o.arrivals != "even" && o.arrivals != "poisson") {
    return InvalidArgument(Cat("--arrivals \"", o.arrivals, "\": even or poisson"));
  }
  if (o.websocket && (o.body == 0 || o.body > 65535)) {
    return InvalidArgument("--websocket: give --body 1 to 65535, the size of a message");
  }
  return absl::OkStatus();
}

}  // namespace

void Declare(Options* o, Settings* s) {
  s->Add(&o->url, Info("url", "http:// or https:// URL of the server", "URL"));
  s->Add(&o->mix, Info("mix",
                       "WEIGHT=/PATH, several times: requests are spread over these instead of the "
                       "URL's path",
                       "TARGET"));
  s->Add(&o->connections, Info("connections", "Connections, each with one request at a time"));
  s->Add(&o->warmup, Info("warmup", "Load before the measurement begins"));
  s->Add(&o->duration, Info("duration", "How long is measured"));
  s->Add(&o->timeout,
         Info("timeout", "A request that takes longer is given up, its connection closed"));
  s->Add(&o->grace, Info("grace", "How long answers are waited for after the end"));
  s->Add(&o->rate, Info("rate",
                        "Requests a second whatever the answers do (open loop); 0: each connection "
                        "sends when it has its answer (closed loop)"));
  s->Add(&o->arrivals, Info("arrivals", "Of the open loop: even or poisson", "KIND"));
  s->Add(&o->seed, Info("seed", "Of arrivals and mix: the same seed gives the same schedule"));
  s->Add(&o->method, Info("method", "By default GET, and POST with a body"));
  s->Add(&o->body,
         Info("body", "Bytes of each request's body, or of a WebSocket message", "BYTES"));
  s->Add(&o->expect_size,
         Info("expect-size", "Body of a 2xx answer; another size is an error; -1: any", "BYTES"));
  s->Add(&o->headers, Info("header", "NAME: VALUE, several times", "FIELD"));
  s->Add(&o->requests_per_connection,
         Info("requests-per-connection", "Then it is closed and made again; 0: never"));
  s->Add(&o->read_rate,
         Info("read-rate", "Bytes a second that a connection reads; 0: all it can", "BYTES"));
  s->Add(&o->websocket, Info("websocket", "Echo messages over WebSockets"));
  s->Add(&o->events,
         Info("events",
              "Answers are server-sent events whose data is the sender's monotonic time "
              "in ns: measure their delay"));
  s->Add(&o->cut, Info("cut", "What is under way at the end is cut off and is no error"));
  s->Add(&o->resume, Info("resume", "TLS: resume the session on a new connection"));
  s->Add(&o->watch, Info("watch", "Processes on this machine whose CPU time is measured", "PID"));
  s->Add(
      &o->log,
      Info("log", "A line for each measured request: due µs, target, status, latency µs", "FILE"));
  s->Add(&o->start_at, Info("start-at", "Monotonic time in ns to begin at; 0: now", "NS"));
}

absl::StatusOr<Plan> MakePlan(const Options& options) {
  RETURN_IF_ERROR(CheckNumbers(options));
  Plan plan;
  plan.options = options;
  plan.spacing =
      options.arrivals == "poisson" ? Arrivals::Spacing::kPoisson : Arrivals::Spacing::kEven;
  plan.method = options.method;
  if (plan.method.empty()) plan.method = options.body > 0 && !options.websocket ? "POST" : "GET";
  std::string authority;
  ASSIGN_OR_RETURN(const std::string path, TakeUrl(options.url, &plan, &authority));
  for (const std::string& text : options.mix) {
    ASSIGN_OR_RETURN(Target target, TakeMix(text));
    plan.targets.push_back(std::move(target));
  }
  if (plan.targets.empty()) plan.targets.push_back({path, 1, {}});
  for (Target& target : plan.targets) RETURN_IF_ERROR(WriteHead(plan, authority, &target));
  for (const std::string& text : options.watch) {
    const auto pid = ParseUint(text);
    if (!pid) return InvalidArgument(Cat("--watch \"", text, "\": give a process id"));
    plan.watched.push_back(static_cast<int>(*pid));
  }
  return plan;
}

}  // namespace hearth::load
