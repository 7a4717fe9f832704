#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "tests/integration/watchdog/real_watchdog.h"

namespace hearth::watchdog {
namespace {

using Catch::Contains;

constexpr char kServer[] = R"(
import http.server, os, socketserver, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *a): pass
    def answer(self, body):
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path == '/exit': os._exit(4)
        if self.path == '/hang': time.sleep(1000)
        self.answer(self.path.encode())
    def do_POST(self):
        left = int(self.headers['Content-Length'])
        total = 0
        while total < left: total += len(self.rfile.read(min(65536, left - total)))
        self.answer(str(total).encode())
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    address_family = __import__('socket').AF_UNIX
    def server_bind(self): socketserver.TCPServer.server_bind(self); self.server_name = ''; self.server_port = 0
    def get_request(self):
        request, _ = super().get_request()
        return request, ('local', 0)
try: os.unlink(sys.argv[1])
except FileNotFoundError: pass
Server(sys.argv[1], Handler).serve_forever()
)";

TEST_CASE("http mode over a Unix socket: bodies, crashes, a hung request",
          "[watchdog][integration]") {
  const TempFolder folder;
  RealWatchdog::Options options;
  options.env = {{"HEARTH_MODE", "http"},
                 {"HEARTH_TIMEOUT", "1s"},
                 {"HEARTH_UPSTREAM", "unix:" + folder.path() + "/up.sock"}};
  options.command = {"/usr/bin/python3", folder.Write("server.py", kServer),
                     folder.path() + "/up.sock"};
  options.inherit = true;
  const RealWatchdog w(folder, options);
  CHECK(w.Get("/a?b=c").body == "/a?b=c");  // waits for the server
  net::ClientRequest upload;
  upload.method = "POST";
  upload.body = std::string(40'000'000, 'x');
  CHECK(w.Call(upload).body == "40000000");
#if defined(NDEBUG)
  CHECK(w.RssKib() <= 5 * 1024);
#endif
  CHECK(w.Get("/hang").status == 504);
  CHECK(w.Get("/after").status == 200);
  CHECK(w.StatusField("restarts") == "0");
  const net::ClientResponse crashed = w.Get("/exit");
  CHECK(crashed.status == 502);
  CHECK(crashed.headers.Get("X-Hearth-Error") == "function;crashed");
  CHECK(w.Get("/again").status == 200);
  CHECK(w.StatusField("restarts") == "1");
}

TEST_CASE("a process per request: input, environment, failure, what it leaves behind",
          "[watchdog][integration]") {
  const TempFolder folder;
  const auto run = [&](const std::string& mode, const std::string& script) {
    RealWatchdog::Options options;
    options.env = {{"HEARTH_MODE", mode}, {"HEARTH_CONCURRENCY", "4"}, {"HEARTH_TIMEOUT", "1s"}};
    options.command = {"/bin/sh", "-c", script};
    return options;
  };
  net::ClientRequest post;
  post.method = "POST";
  post.target = "/p?q=1";
  post.body = "body";
  SECTION("streaming") {
    const RealWatchdog w(folder, run("streaming", "echo $Http_Method $Http_Path $Http_Query; cat"));
    w.AwaitReady();
    CHECK(w.Call(post).body == "POST /p q=1\nbody");
    post.body = std::string(20'000'000, 'y');
    CHECK(w.Call(post).body.size() == 20'000'012);
  }
  SECTION("a process that ignores a large input") {
    const RealWatchdog w(folder, run("serializing", "echo no"));
    w.AwaitReady();
    post.body = std::string(5'000'000, 'y');
    CHECK(w.Call(post).body == "no\n");
  }
  SECTION("exit status and standard error") {
    const RealWatchdog w(folder, run("serializing", "echo why >&2; exit 7"));
    w.AwaitReady();
    const net::ClientResponse answer = w.Call(post);
    CHECK(answer.status == 500);
    CHECK_THAT(answer.body, Contains("exit status 7") && Contains("why"));
  }
  SECTION("children that outlive the request are killed with it") {
    RealWatchdog w(folder, run("serializing",
                               "sleep 4322 & (setsid sleep 4322 >/dev/null &); "
                               "sleep 0.2; echo ok"));
    w.AwaitReady();
    CHECK(w.Call(post).body == "ok\n");
    CHECK(Eventually([] { return CountProcesses("sleep 4322") == 0; }));
    w.Signal(SIGTERM);
    CHECK(w.Wait() == 0);
    CHECK(CountProcesses("sleep 4322") == 0);
  }
  SECTION("a timeout kills the tree") {
    const RealWatchdog w(folder, run("serializing", "(setsid sleep 4323 &); sleep 4323 & wait"));
    w.AwaitReady();
    CHECK(w.Call(post).status == 504);
    CHECK(Eventually([] { return CountProcesses("sleep 4323") == 0; }));
  }
}

TEST_CASE("static: files, and nothing but the files", "[watchdog][integration]") {
  const TempFolder folder;
  folder.Write("site/index.html", "<h1>home</h1>");
  folder.Write("site/sub/index.html", "sub");
  folder.Write("site/a b.txt", "0123456789");
  folder.Write("outside.txt", "secret");
  REQUIRE(symlink("../outside.txt", (folder.path() + "/site/link").c_str()) == 0);
  REQUIRE(symlink("a b.txt", (folder.path() + "/site/inner").c_str()) == 0);
  REQUIRE(mkfifo((folder.path() + "/site/fifo").c_str(), 0600) == 0);
  RealWatchdog::Options options;
  options.env = {{"HEARTH_MODE", "static"}, {"HEARTH_STATIC_PATH", folder.path() + "/site"}};
  const RealWatchdog w(folder, options);
  w.AwaitReady();
  const net::ClientResponse home = w.Get("/");
  CHECK(home.body == "<h1>home</h1>");
  CHECK(home.headers.Get("Content-Type") == "text/html; charset=utf-8");
  CHECK(w.Get("/sub/").body == "sub");
  const net::ClientResponse moved = w.Get("/sub?x=1");
  CHECK(moved.status == 301);
  CHECK(moved.headers.Get("Location") == "./sub/?x=1");
  CHECK(w.Get("/a%20b.txt").body == "0123456789");
  CHECK(w.Get("/inner").body == "0123456789");
  for (const std::string path :
       {"/link", "/../outside.txt", "/%2e%2e/outside.txt", "/sub/..%2f..%2foutside.txt", "/fifo",
        "/none", "/a%20b.txt/", "//etc/passwd", "/%00"}) {
    INFO(path);
    CHECK(w.Get(path).status == 404);
  }
  net::ClientRequest part;
  part.target = "/a%20b.txt";
  part.headers.Add("Range", "bytes=2-4");
  const net::ClientResponse answer = w.Call(part);
  CHECK(answer.status == 206);
  CHECK(answer.body == "234");
  CHECK(answer.headers.Get("Content-Range") == "bytes 2-4/10");
  net::ClientRequest again;
  again.target = "/a%20b.txt";
  again.headers.Add("If-None-Match", answer.headers.Get("ETag"));
  CHECK(w.Call(again).status == 304);
  net::ClientRequest head;
  head.method = "HEAD";
  head.target = "/a%20b.txt";
  CHECK(w.Call(head).headers.Get("Content-Length") == "10");
  net::ClientRequest post;
  post.method = "POST";
  CHECK(w.Call(post).status == 405);
  const std::string check = "HEARTH_MODE=static HEARTH_LISTEN=unix:" + folder.path() +
                            "/data.sock " HEARTH_WATCHDOG " -run-healthcheck 2>/dev/null";
  CHECK(std::system(check.c_str()) == 0);
  w.Signal(SIGTERM);
  CHECK(Eventually([&] { return std::system(check.c_str()) != 0; }));
}

}  // namespace
}  // namespace hearth::watchdog
