// hearth-bench-backend: the function behind the proxies that bench/run measures.
#include <signal.h>
#include <sys/resource.h>

#include <cstdio>

#include "bench/backend/http_service.h"
#include "bench/backend/websocket_service.h"
#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/base/settings.h"
#include "core/base/status_macros.h"

namespace {

struct Options {
  std::string listen = "127.0.0.1:0";
  std::string websocket_listen = "127.0.0.1:0";
};

absl::Status Serve(const Options& options) {
  const hearth::RealClock clock;
  const std::unique_ptr<hearth::net::Loop> loop = hearth::net::NewEpollLoop(clock);
  ASSIGN_OR_RETURN(const auto http, hearth::net::Address::Parse(options.listen));
  ASSIGN_OR_RETURN(const auto websocket, hearth::net::Address::Parse(options.websocket_listen));
  hearth::backend::HttpService http_service(*loop);
  hearth::backend::WebSocketService websocket_service(*loop);
  RETURN_IF_ERROR(http_service.Listen(http));
  RETURN_IF_ERROR(websocket_service.Listen(websocket));
  loop->Run();
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  hearth::Settings settings("hearth-bench-backend",
                            "Answers with bytes, delays, echoes, events and WebSocket echoes.");
  settings.Add(&options.listen,
               {.name = "listen", .help = "Where HTTP is served", .env = "HEARTH_BENCH_LISTEN"});
  settings.Add(&options.websocket_listen, {.name = "websocket-listen",
                                           .help = "Where WebSockets are echoed",
                                           .env = "HEARTH_BENCH_WEBSOCKET_LISTEN"});
  if (const auto code = settings.LoadOrExitCode(argc, argv)) return *code;
  signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  const absl::Status status = Serve(options);
  std::fprintf(stderr, "hearth-bench-backend: %s\n", std::string(hearth::Message(status)).c_str());
  return 1;
}
