#include "watchdog/config/config.h"

#include <charconv>

#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::watchdog {
namespace {

// What one setting was given as: its name is needed for the error.
struct Setting {
  std::string_view name;
  std::string_view value;
};

absl::Status BadSetting(const Setting& s, std::string_view remedy) {
  return InvalidArgument(std::string(s.name) + "=" + std::string(s.value) + ": " +
                         std::string(remedy));
}

// Reads settings under their two names; Hearth's own wins. An empty value counts as not given.
class Reader {
 public:
  explicit Reader(const Environment& env) : env_(env) {}

  std::optional<Setting> Get(std::string_view hearth, std::string_view other = {},
                             std::string_view third = {}) const {
    for (std::string_view name : {hearth, other, third}) {
      if (name.empty()) continue;
      const auto it = env_.find(name);
      if (it != env_.end() && !it->second.empty()) return Setting{it->first, it->second};
    }
    return std::nullopt;
  }

  std::string Text(std::string_view hearth, std::string_view other,
                   std::string_view fallback) const {
    const auto s = Get(hearth, other);
    return std::string(s ? s->value : fallback);
  }

  absl::Status Time(std::optional<Setting> s, Duration* out) const {
    if (!s) return absl::OkStatus();
    auto value = ParseDuration(s->value);
    if (!value.ok()) return BadSetting(*s, Message(value.status()));
    *out = *value;
    return absl::OkStatus();
  }

  absl::Status Size(std::optional<Setting> s, uint64_t* out) const {
    if (!s) return absl::OkStatus();
    auto value = ParseBytes(s->value);
    if (!value.ok()) return BadSetting(*s, Message(value.status()));
    *out = *value;
    return absl::OkStatus();
  }

  absl::Status Number(std::optional<Setting> s, uint32_t* out) const {
    if (!s) return absl::OkStatus();
    const auto [end, error] =
        std::from_chars(s->value.data(), s->value.data() + s->value.size(), *out);
    if (error != std::errc() || end != s->value.data() + s->value.size()) {
      return BadSetting(*s, "give a whole number from 0 on");
    }
    return absl::OkStatus();
  }

  absl::Status Flag(std::string_view name, bool* out) const {
    const auto s = Get(name);
    if (!s) return absl::OkStatus();
    if (s->value == "true" || s->value == "1") {
      *out = true;
    } else if (s->value == "false" || s->value == "0") {
      *out = false;
    } else {
      return BadSetting(*s, "give true or false");
    }
    return absl::OkStatus();
  }

  absl::Status Where(std::optional<Setting> s, net::Address* out) const {
    if (!s) return absl::OkStatus();
    auto address = net::Address::Parse(s->value);
    if (!address.ok()) return BadSetting(*s, Message(address.status()));
    *out = *address;
    return absl::OkStatus();
  }

  bool AnyHearthName() const {
    const auto it = env_.lower_bound("HEARTH_");
    return it != env_.end() && it->first.starts_with("HEARTH_");
  }

  bool AnyWatchdogName() const {
    for (std::string_view name : {"mode", "fprocess", "function_process", "upstream_url",
                                  "http_upstream_url", "static_path"}) {
      if (Get(name)) return true;
    }
    return false;
  }

 private:
  const Environment& env_;
};

net::Address AnyInterface(uint16_t port) {
  net::Address a;
  a.host = "0.0.0.0";
  a.port = port;
  return a;
}

absl::Status ReadMode(const Reader& in, Config* c) {
  const auto s = in.Get("HEARTH_MODE", "mode");
  if (!s) {
    c->mode =
        !in.AnyHearthName() && in.AnyWatchdogName() ? ModeKind::kStreaming : ModeKind::kNative;
    return absl::OkStatus();
  }
  for (ModeKind m : {ModeKind::kNative, ModeKind::kHttp, ModeKind::kStreaming,
                     ModeKind::kSerializing, ModeKind::kStatic}) {
    if (s->value != ToString(m)) continue;
    c->mode = m;
    return absl::OkStatus();
  }
  return BadSetting(*s, "give native, http, streaming, serializing or static");
}

absl::Status ReadCommand(const Reader& in, const std::vector<std::string>& argv, Config* c) {
  c->command = argv;
  const auto s = in.Get("fprocess", "function_process");
  if (c->command.empty() && s) {
    for (std::string_view word : SplitFields(s->value)) c->command.emplace_back(word);
  }
  if (c->mode == ModeKind::kStatic) c->command.clear();
  if (!c->command.empty() || c->mode == ModeKind::kStatic || c->mode == ModeKind::kHttp) {
    return absl::OkStatus();
  }
  return InvalidArgument(
      "no command: give it as arguments (hearth-watchdog -- COMMAND ARG…) or in "
      "fprocess; mode " +
      std::string(ToString(c->mode)) + " needs one");
}

absl::Status ReadAddresses(const Reader& in, Config* c) {
  c->listen = AnyInterface(8080);
  if (const auto s = in.Get("HEARTH_LISTEN")) {
    RETURN_IF_ERROR(in.Where(s, &c->listen));
  } else if (const auto port = in.Get("port")) {
    uint32_t number = 0;
    RETURN_IF_ERROR(in.Number(port, &number));
    if (number == 0 || number > 65535) return BadSetting(*port, "give a port from 1 to 65535");
    c->listen.port = static_cast<uint16_t>(number);
  }
  const auto control = in.Get("HEARTH_CONTROL");
  if (control || c->listen.kind != net::Address::Kind::kInheritedFd) {
    c->control = AnyInterface(8081);
    RETURN_IF_ERROR(in.Where(control, &*c->control));
  }
  c->runtime_api.host = "127.0.0.1";
  c->runtime_api.port = 9001;
  RETURN_IF_ERROR(in.Where(in.Get("HEARTH_RUNTIME_API"), &c->runtime_api));
  if (c->runtime_api.kind != net::Address::Kind::kTcp) {
    return BadSetting(*in.Get("HEARTH_RUNTIME_API"), "give ip:port");
  }
  return absl::OkStatus();
}

absl::Status ReadUpstream(const Reader& in, Config* c) {
  const auto s = in.Get("HEARTH_UPSTREAM", "upstream_url", "http_upstream_url");
  const Setting given = s.value_or(Setting{"HEARTH_UPSTREAM", "http://127.0.0.1:8080"});
  std::string_view text = given.value;
  constexpr std::string_view kRemedy = "give http://ip:port, h2c://ip:port or unix:/path";
  if (text.starts_with("unix:")) {
    RETURN_IF_ERROR(in.Where(given, &c->upstream.address));
    c->upstream.host = "localhost";
    return absl::OkStatus();
  }
  const bool h2c = text.starts_with("h2c://");
  if (!h2c && !text.starts_with("http://")) return BadSetting(given, kRemedy);
  text.remove_prefix(h2c ? 6 : 7);
  text = text.substr(0, text.find('/'));
  std::string where(text);
  if (where.find(':') == std::string::npos) where += ":80";
  if (where.starts_with("localhost:")) where.replace(0, 9, "127.0.0.1");
  auto address = net::Address::Parse(where);
  if (!address.ok() || address->kind != net::Address::Kind::kTcp) return BadSetting(given, kRemedy);
  c->upstream = {*address, where, h2c};
  if (c->mode == ModeKind::kHttp && c->listen.kind == net::Address::Kind::kTcp &&
      c->listen.port == address->port) {
    return BadSetting(given,
                      "is the watchdog's own port; give the port of the function's server, or "
                      "another HEARTH_LISTEN");
  }
  return absl::OkStatus();
}

absl::Status ReadLog(const Reader& in, Config* c) {
  c->log_max = 1 << 20;
  RETURN_IF_ERROR(in.Size(in.Get("HEARTH_LOG_MAX"), &c->log_max));
  if (c->log_max < 4096) return BadSetting(*in.Get("HEARTH_LOG_MAX"), "give at least 4KiB");
  const auto s = in.Get("HEARTH_LOG");
  if (!s || s->value == "stdout") return absl::OkStatus();
  std::string_view text = s->value;
  for (int i = 0; i < 2; ++i) {
    const std::string_view part = text.substr(0, text.find(','));
    if (!part.starts_with("fd:")) return BadSetting(*s, "give stdout or fd:5,fd:6");
    const auto [end, error] =
        std::from_chars(part.data() + 3, part.data() + part.size(), c->log_fds[i]);
    if (error != std::errc() || end != part.data() + part.size() || c->log_fds[i] < 0) {
      return BadSetting(*s, "give stdout or fd:5,fd:6");
    }
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  if (!text.empty()) return BadSetting(*s, "give stdout or fd:5,fd:6");
  return absl::OkStatus();
}

absl::Status ReadTimes(const Reader& in, Config* c) {
  using std::chrono::seconds;
  c->timeout = seconds(60);
  c->stream_idle_timeout = seconds(300);
  c->init_timeout = seconds(60);
  c->read_timeout = seconds(30);
  c->drain_quiet = seconds(2);
  RETURN_IF_ERROR(in.Time(in.Get("HEARTH_TIMEOUT", "exec_timeout"), &c->timeout));
  RETURN_IF_ERROR(in.Time(in.Get("HEARTH_STREAM_IDLE_TIMEOUT"), &c->stream_idle_timeout));
  RETURN_IF_ERROR(in.Time(in.Get("HEARTH_MAX_DURATION", "write_timeout"), &c->max_duration));
  RETURN_IF_ERROR(in.Time(in.Get("HEARTH_INIT_TIMEOUT"), &c->init_timeout));
  RETURN_IF_ERROR(in.Time(in.Get("read_timeout"), &c->read_timeout));
  RETURN_IF_ERROR(in.Time(in.Get("HEARTH_DRAIN_QUIET", "healthcheck_interval"), &c->drain_quiet));
  return absl::OkStatus();
}

absl::Status ReadLimits(const Reader& in, Config* c) {
  const bool process = c->mode == ModeKind::kStreaming || c->mode == ModeKind::kSerializing;
  const bool native = c->mode == ModeKind::kNative;
  // An image of of-watchdog's expects its default: no limit.
  c->concurrency = native || (process && in.AnyHearthName()) ? 1 : 0;
  RETURN_IF_ERROR(in.Number(in.Get("HEARTH_CONCURRENCY", "max_inflight"), &c->concurrency));
  if (native && c->concurrency == 0) {
    return BadSetting(*in.Get("HEARTH_CONCURRENCY", "max_inflight"),
                      "native mode needs a limit; give 1 or more");
  }
  c->max_body = native ? 6u << 20 : 0;
  RETURN_IF_ERROR(in.Size(in.Get("HEARTH_MAX_BODY"), &c->max_body));
  c->memory_mb = 256;
  return in.Number(in.Get("HEARTH_MEMORY_MB"), &c->memory_mb);
}

absl::Status ReadRunAs(const Reader& in, Config* c) {
  const auto s = in.Get("HEARTH_RUN_AS");
  if (!s) return absl::OkStatus();
  RunAs who;
  const char* end = s->value.data() + s->value.size();
  const auto uid = std::from_chars(s->value.data(), end, who.uid);
  if (uid.ec != std::errc() || uid.ptr == end || *uid.ptr != ':')
    return BadSetting(*s, "give uid:gid, both as numbers");
  const auto gid = std::from_chars(uid.ptr + 1, end, who.gid);
  if (gid.ec != std::errc() || gid.ptr != end)
    return BadSetting(*s, "give uid:gid, both as numbers");
  c->run_as = who;
  return absl::OkStatus();
}

absl::Status ReadPlatform(const Reader& in, Config* c) {
  c->function = in.Text("HEARTH_FUNCTION", "OPENFAAS_NAME", "function");
  c->ns = in.Text("HEARTH_NAMESPACE", "OPENFAAS_NAMESPACE", "default");
  c->revision = in.Text("HEARTH_REVISION", {}, "");
  c->replica = in.Text("HEARTH_REPLICA", {}, "");
  c->standalone = c->replica.empty();
  c->handler = in.Text("HEARTH_HANDLER", {}, "");
  c->gateway_socket = in.Text("HEARTH_GATEWAY_SOCKET", {}, "");
  c->gateway_url = in.Text("HEARTH_GATEWAY_URL", {}, "");
  c->announce = in.Text("HEARTH_ANNOUNCE", {}, "");
  c->token = in.Text("HEARTH_TOKEN", {}, "");
  if (!c->announce.empty() && !c->announce.starts_with("http://")) {
    return BadSetting(*in.Get("HEARTH_ANNOUNCE"), "give http://ip:port/path");
  }
  if (const auto s = in.Get("HEARTH_EVENT")) {
    if (s->value != "http" && s->value != "raw") return BadSetting(*s, "give http or raw");
    c->event = s->value == "raw" ? EventKind::kRaw : EventKind::kHttp;
  }
  return absl::OkStatus();
}

absl::Status ReadWatchdogNames(const Reader& in, Config* c) {
  c->ready_path = in.Text("HEARTH_READY_PATH", "ready_path", "");
  if (!c->ready_path.empty() && c->ready_path.front() != '/') c->ready_path.insert(0, "/");
  c->static_path = in.Text("HEARTH_STATIC_PATH", "static_path", "/home/app/public");
  c->content_type = in.Text("content_type", {}, "application/octet-stream");
  c->suppress_lock = in.AnyHearthName();
  RETURN_IF_ERROR(in.Flag("suppress_lock", &c->suppress_lock));
  RETURN_IF_ERROR(in.Flag("buffer_http", &c->buffer_request_body));
  RETURN_IF_ERROR(in.Flag("http_buffer_req_body", &c->buffer_request_body));
  RETURN_IF_ERROR(in.Flag("prefix_logs", &c->prefix_logs));
  RETURN_IF_ERROR(in.Flag("log_callid", &c->log_call_id));
  RETURN_IF_ERROR(in.Flag("log_call_id", &c->log_call_id));
  const auto s = in.Get("log_buffer_size");
  if (!s || s->value.starts_with("-")) return absl::OkStatus();
  RETURN_IF_ERROR(in.Number(s, &c->log_line_max));
  c->log_line_max = std::min<uint32_t>(std::max<uint32_t>(c->log_line_max, 256), 64 * 1024);
  return absl::OkStatus();
}

}  // namespace

std::string_view ToString(ModeKind mode) {
  switch (mode) {
    case ModeKind::kNative:
      return "native";
    case ModeKind::kHttp:
      return "http";
    case ModeKind::kStreaming:
      return "streaming";
    case ModeKind::kSerializing:
      return "serializing";
    case ModeKind::kStatic:
      return "static";
  }
  return "";
}

absl::StatusOr<Config> ParseConfig(const Environment& env, const std::vector<std::string>& argv) {
  const Reader in(env);
  Config c;
  RETURN_IF_ERROR(ReadMode(in, &c));
  RETURN_IF_ERROR(ReadCommand(in, argv, &c));
  RETURN_IF_ERROR(ReadAddresses(in, &c));
  if (c.mode == ModeKind::kHttp) RETURN_IF_ERROR(ReadUpstream(in, &c));
  RETURN_IF_ERROR(ReadLog(in, &c));
  RETURN_IF_ERROR(ReadTimes(in, &c));
  RETURN_IF_ERROR(ReadLimits(in, &c));
  RETURN_IF_ERROR(ReadRunAs(in, &c));
  RETURN_IF_ERROR(ReadPlatform(in, &c));
  RETURN_IF_ERROR(ReadWatchdogNames(in, &c));
  return c;
}

}  // namespace hearth::watchdog
