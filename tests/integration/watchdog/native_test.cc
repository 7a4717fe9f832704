#include <catch2/catch.hpp>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/integration/watchdog/real_watchdog.h"

namespace hearth::watchdog {
namespace {

using Catch::Contains;

// A runtime in a few lines, which does as the path says.
constexpr char kRuntime[] = R"(
import http.client, json, os, subprocess, sys, time
api = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
base = '/2018-06-01/runtime/'
def post(path, body, **headers):
    api.request('POST', base + path, body, headers)
    answer = api.getresponse()
    answer.read()
    return answer.status
print('started', flush=True)
while True:
    api.request('GET', base + 'invocation/next')
    answer = api.getresponse()
    event = json.loads(answer.read())
    id = answer.headers['Lambda-Runtime-Aws-Request-Id']
    path = event['rawPath']
    print('at ' + path, flush=True)
    if path == '/exit': sys.exit(3)
    if path == '/fork':
        for i in range(5): subprocess.Popen(['/bin/true'])
        subprocess.Popen(['/bin/sh', '-c', '(setsid sleep 4321 &) ; sleep 4321'])
    if path == '/hang': time.sleep(1000)
    if path == '/slow': time.sleep(1)
    result = {'pid': os.getpid(), 'uid': os.getuid(), 'env': dict(os.environ), 'event': event,
              'limits': open('/proc/self/status').read()}
    assert post('invocation/%s/response' % id, json.dumps(result)) == 202
)";

RealWatchdog::Options Native(const TempFolder& folder,
                             std::map<std::string, std::string> env = {}) {
  RealWatchdog::Options options;
  options.env = std::move(env);
  options.command = {"/usr/bin/python3", folder.Write("runtime.py", kRuntime)};
  return options;
}

TEST_CASE("a runtime answers over sockets that were there before it", "[watchdog][integration]") {
  const TempFolder folder;
  auto options = Native(folder, {{"HEARTH_TOKEN", "secret"}, {"HEARTH_FUNCTION", "hello"}});
  options.inherit = true;
  const RealWatchdog w(folder, options);
  net::ClientRequest request;
  request.target = "/at-once";
  request.headers.Add("X-Hearth-Token", "secret");
  const net::ClientResponse answer = w.Call(request);  // no waiting: the backlog keeps it
  CHECK(answer.status == 200);
  CHECK_THAT(answer.body, Contains("\"AWS_LAMBDA_FUNCTION_NAME\": \"hello\""));
  CHECK_THAT(answer.body, !Contains("secret"));
  CHECK_THAT(answer.body, Contains("NoNewPrivs:\\t1"));
  const auto logged = [&](std::string_view text) {
    return folder.Read("log.a").find(text) != std::string::npos;
  };
  CHECK(Eventually([&] { return logged("\"stream\":\"stdout\",\"text\":\"started\""); }));
  CHECK(Eventually([&] { return logged("\"call_id\":"); }));
}

TEST_CASE("it idles in five megabytes", "[watchdog][integration]") {
  const TempFolder folder;
  const RealWatchdog w(folder, Native(folder));
  w.AwaitReady();
  for (int i = 0; i < 50; ++i) CHECK(w.Get("/").status == 200);
  CHECK(w.RssKib() > 0);
#if defined(NDEBUG)
  CHECK(w.RssKib() <= 5 * 1024);
#endif
}

TEST_CASE("a runtime that ends is told, and started again", "[watchdog][integration]") {
  const TempFolder folder;
  const RealWatchdog w(folder, Native(folder));
  w.AwaitReady();
  const net::ClientResponse crashed = w.Get("/exit");
  CHECK(crashed.status == 502);
  CHECK(crashed.headers.Get("X-Hearth-Error") == "function;crashed");
  CHECK_THAT(crashed.body, Contains("exit status 3"));
  CHECK(w.Get("/").status == 200);
  CHECK(w.StatusField("restarts") == "1");
}

TEST_CASE("children that leak are reaped; a timeout takes all of them", "[watchdog][integration]") {
  const TempFolder folder;
  const RealWatchdog w(folder, Native(folder, {{"HEARTH_TIMEOUT", "1s"}}));
  w.AwaitReady();
  const int before = CountProcesses("sleep 4321");
  CHECK(w.Get("/fork").status == 200);
  CHECK(Eventually([&] { return CountProcesses("sleep 4321") >= before + 2; }));
  const net::ClientResponse late = w.Get("/hang");
  CHECK(late.status == 504);
  CHECK(late.headers.Get("X-Hearth-Error") == "watchdog;timeout");
  CHECK(Eventually([&] { return CountProcesses("sleep 4321") == before; }));
  CHECK(w.Get("/").status == 200);
}

TEST_CASE("what is inside is finished before the function hears of the end",
          "[watchdog][integration]") {
  const TempFolder folder;
  RealWatchdog w(folder, Native(folder, {{"HEARTH_DRAIN_QUIET", "200ms"}}));
  w.AwaitReady();
  net::ClientResponse slow;
  std::thread caller([&] { slow = w.Get("/slow"); });
  CHECK(Eventually([&] { return w.StatusField("in_flight") == "1"; }));
  w.Signal(SIGTERM);
  caller.join();
  CHECK(slow.status == 200);
  CHECK(slow.headers.Get("X-Hearth-Draining") == "1");
  CHECK(w.Get("/still-here").status == 200);
  CHECK(w.Wait() == 0);
}

TEST_CASE("a command that is not there fails with its reason", "[watchdog][integration]") {
  const TempFolder folder;
  RealWatchdog::Options options;
  options.command = {"/no/such/command"};
  const RealWatchdog w(folder, options);
  CHECK(Eventually([&] { return w.StatusField("state") == "failed"; }));
  CHECK(w.StatusField("reason") == "cannot run /no/such/command: No such file or directory");
  CHECK(w.Get("/").status == 502);
}

TEST_CASE("as process 1, under another user, with a way to the gateway only",
          "[watchdog][integration]") {
  const TempFolder folder;
  auto options = Native(folder, {{"HEARTH_RUN_AS", "65534:65534"},
                                 {"HEARTH_RUNTIME_API", "127.0.0.1:9001"},
                                 {"HEARTH_GATEWAY_SOCKET", folder.path() + "/gateway.sock"}});
  options.wrapper = {"bwrap", "--unshare-pid", "--as-pid-1", "--unshare-net",     "--dev-bind", "/",
                     "/",     "--proc",        "/proc",      "--die-with-parent", "--"};
  // A gateway: a watchdog of its own that serves files.
  const TempFolder site;
  site.Write("site/hello.txt", "from the gateway");
  RealWatchdog::Options files;
  files.env = {{"HEARTH_MODE", "static"}, {"HEARTH_STATIC_PATH", site.path() + "/site"}};
  const RealWatchdog gateway(site, files);
  gateway.AwaitReady();
  REQUIRE(symlink((site.path() + "/data.sock").c_str(),
                  (folder.path() + "/gateway.sock").c_str()) == 0);
  options.command = {"/usr/bin/python3", folder.Write("relay.py", std::string(R"(
import urllib.request, os
url = os.environ['HEARTH_GATEWAY_URL']
assert url == 'http://127.0.0.1:9900', url
print('relayed: ' + urllib.request.urlopen(url + '/hello.txt').read().decode(), flush=True)
)") + kRuntime)};
  const RealWatchdog w(folder, options);
  w.AwaitReady();
  const net::ClientResponse answer = w.Get("/fork");
  CHECK_THAT(answer.body, Contains("\"pid\": 2,"));
  CHECK_THAT(answer.body, Contains("\"uid\": 65534,"));
  CHECK_THAT(w.log(), Contains("relayed: from the gateway"));
  CHECK(w.StatusField("pid") == "1");
  CHECK(w.Get("/exit").status == 502);
  CHECK(w.Get("/").status == 200);
}

}  // namespace
}  // namespace hearth::watchdog
