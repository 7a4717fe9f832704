// A function that tries to get at what is not its own. Each attempt must fail or be bounded.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "backend_fixture.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {
namespace {

using model::ReplicaState;

// Runs the body of the request as Python and answers with the value of `out`.
constexpr const char* kAnything = R"(
import subprocess, signal, ctypes, glob, threading, time, errno, sys
def answer(path, body):
    scope = {'out': ''}
    exec(body, globals(), scope)
    return scope['out']
)";

struct Hostile : BackendFixture {
  Hostile() {
    REQUIRE(secrets().Create("default", "mine", "my secret").ok());
    REQUIRE(secrets().Create("default", "other", "their secret").ok());
    REQUIRE(Start().ok());
    model::FunctionSpec victim = PythonServer("def answer(p, b): return 'victim'\n");
    victim.secrets = {"other"};
    other = BackendFixture::Run(victim, "victim");
    model::FunctionSpec spec = PythonServer(kAnything);
    spec.secrets = {"mine"};
    spec.limits.memory = "128Mi";
    id = BackendFixture::Run(spec, "hostile");
  }
  std::string Try(const std::string& code) { return Get(id, "/", code).body; }
  ReplicaId id, other;
};

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE_METHOD(Hostile, "hostile: files of the host and of the platform") {
  const std::string read =
      "p='%'\nout='|'.join(sorted(os.listdir(p))) if os.path.isdir(p) else open(p).read()";
  const auto attempt = [&](const std::string& path) {
    std::string code = read;
    return Try(code.replace(code.find('%'), 1, path));
  };
  for (const std::string& path :
       {std::string("/etc/shadow"), std::string("/etc/ssl/private"), folder(), run_dir(),
        std::string("/proc/1/environ"), std::string("/proc/1/root"), std::string("/proc/1/mem"),
        std::string("/proc/1/fd"), std::string("/dev/mem"), std::string("/dev/vda"),
        std::string("/sys/kernel"), std::string("/var/lib/dpkg"), std::string("/proc/kcore"),
        folder() + "/logs", run_dir() + "/r/" + other.value() + "/secrets/other"}) {
    INFO(path);
    const std::string answer = attempt(path);
    INFO(answer);
    CHECK((Contains(answer, "FileNotFoundError") || Contains(answer, "PermissionError") ||
           Contains(answer, "NotADirectoryError") || Contains(answer, "OSError")));
  }
  for (const char* path : {"/root", "/home/app", "/opt", "/mnt", "/run/user", "/srv"}) {
    INFO(path);
    const std::string answer = attempt(path);
    CHECK((answer.empty() || Contains(answer, "Error")));
  }
  CHECK(Contains(attempt("/"), "|opt|proc|root|run|sbin|srv|sys|tmp|usr|var"));
}

TEST_CASE_METHOD(Hostile, "hostile: secrets") {
  CHECK(Try("out=open('/var/openfaas/secrets/mine').read()") == "my secret");
  CHECK(Try("out=open('/run/secrets/mine').read()") == "my secret");
  CHECK(Try("out=os.listdir('/run/secrets')") == "['mine']");
  CHECK(Contains(Try("open('/run/secrets/mine','w')"), "Error"));
  CHECK(Contains(Try("open('/run/secrets/new','w')"), "Error"));
  CHECK_FALSE(Contains(Try("out=dict(os.environ)"), "my secret"));
}

TEST_CASE_METHOD(Hostile, "hostile: writing") {
  for (const char* path :
       {"/var/task/x", "/usr/x", "/etc/x", "/x", "/var/runtime/x", "/dev/x", "/.hearth/watchdog",
        "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/x", "/run/x"}) {
    INFO(path);
    CHECK(Contains(Try("open('" + std::string(path) + "','w').write('1')"), "Error"));
  }
  CHECK(Try("open('/tmp/x','w').write('1'); out=open('/tmp/x').read()") == "1");
}

TEST_CASE_METHOD(Hostile, "hostile: processes of others") {
  CHECK(Try("out=len(glob.glob('/proc/[0-9]*')) < 10") == "True");
  if (geteuid() == 0) {
    CHECK(Contains(Try("os.kill(1, signal.SIGKILL)"), "PermissionError"));
    CHECK(Contains(Try("os.kill(1, signal.SIGTERM)"), "PermissionError"));
  } else {
    // The same user as the watchdog: the kernel protects process 1 of its namespace.
    CHECK(Try("os.kill(1, signal.SIGKILL); time.sleep(0.1); out='no effect'") == "no effect");
  }
  const std::string ptrace =
      "libc=ctypes.CDLL(None,use_errno=True)\nr=libc.ptrace(16,1,0,0)\nout=(r,ctypes.get_errno())";
  CHECK(Try(ptrace) == "(-1, 1)");
  CHECK(Get(id, "/", "out='still here'").body == "still here");
  CHECK(Get(other, "/").body == "victim");
}

TEST_CASE_METHOD(Hostile, "hostile: privileges") {
  const std::string call = "libc=ctypes.CDLL(None,use_errno=True)\n";
  CHECK(Try(call + "out=(libc.mount(b'none',b'/tmp',b'tmpfs',0,None),ctypes.get_errno())") ==
        "(-1, 1)");
  CHECK(Try(call + "out=(libc.chroot(b'/tmp'),ctypes.get_errno())") == "(-1, 1)");
  CHECK(Try(call + "out=(libc.sethostname(b'x',1),ctypes.get_errno())") == "(-1, 1)");
  CHECK(Contains(Try("os.setuid(0)"), "Error"));
  CHECK(Contains(Try("out=open('/proc/self/status').read()"), "CapEff:\t0000000000000000"));
  CHECK(Contains(Try("out=open('/proc/self/status').read()"), "CapBnd:\t00000000000000e0") ==
        false);
  CHECK(Contains(Try("out=open('/proc/self/status').read()"), "NoNewPrivs:\t1"));
  CHECK(Try("out=os.getuid() > 0") == "True");
  // Descriptors of the platform are not the function's.
  CHECK(Try("out=[os.readlink('/proc/self/fd/'+f) for f in os.listdir('/proc/self/fd') "
            "if os.path.exists('/proc/self/fd/'+f) and 'memfd' in "
            "os.readlink('/proc/self/fd/'+f)]") == "[]");
}

TEST_CASE_METHOD(Hostile, "hostile: the host's network and other replicas") {
  // A server on every address of the host.
  const UniqueFd server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof(address);
  REQUIRE(bind(server.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(listen(server.get(), 10) == 0);
  REQUIRE(getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const std::string port = Cat(ntohs(address.sin_port));
  const std::string tries =
      "hosts=['127.0.0.1','169.254.169.254']\n"
      "for l in open('/proc/net/route').read().split('\\n')[1:]:\n"
      "  f=l.split()\n"
      "  if f and f[2]!='00000000': hosts.append(socket.inet_ntoa(bytes.fromhex(f[2])[::-1]))\n"
      "out=[]\n"
      "for h in hosts:\n"
      "  s=socket.socket(); s.settimeout(1)\n"
      "  try: s.connect((h,%)); out.append(h)\n"
      "  except OSError: pass\n";
  std::string code = tries;
  CHECK(Try(code.replace(code.find('%'), 1, port)) == "[]");
  // Abstract Unix sockets belong to the network namespace as well.
  CHECK(Try("out=len(open('/proc/net/unix').read().split('\\n')) < 20") == "True");
}

TEST_CASE_METHOD(Hostile, "hostile: a fork bomb ends at the limit of processes") {
  model::FunctionSpec spec = PythonServer(kAnything);
  spec.limits.memory = "1Gi";
  id = BackendFixture::Run(spec, "bomb");
  const std::string answer =
      Try("n=0\n"
          "try:\n"
          "  while n < 3000:\n"
          "    if os.fork() == 0: time.sleep(30); os._exit(0)\n"
          "    n+=1\n"
          "except OSError as e: out='stopped'\n"
          "else: out='never stopped'\n");
  CHECK(answer == "stopped");
  CHECK(Get(other, "/").body == "victim");
  backend().Kill(id);
  WaitFor(id, ReplicaState::kGone);
}

TEST_CASE_METHOD(Hostile, "hostile: /tmp is bounded") {
  const std::string answer =
      Try("try:\n"
          "  with open('/tmp/big','wb') as f:\n"
          "    for i in range(1000): f.write(b'x'*(1<<20))\n"
          "except OSError as e: out=errno.errorcode[e.errno]\n"
          "os.unlink('/tmp/big')\n");
  CHECK(answer == "ENOSPC");
}

TEST_CASE_METHOD(Hostile, "hostile: memory is bounded, and the reason is told") {
  const std::string answer = Try("x=[bytearray(8<<20) for i in range(64)]; out='allocated'");
  CHECK(answer != "allocated");
  if (Contains(answer, "MemoryError")) return;  // an rlimit, where control groups are not ours
  // The function is started again by its watchdog, or the replica fails; the log tells why.
  bool told = false;
  for (int i = 0; i < 100 && !told; ++i) {
    usleep(50'000);
    for (const LogLine& line : logs().Query({{"default", "hostile"}, "", {}, {}})) {
      told = told || Contains(line.text, "out of memory");
    }
  }
  CHECK(told);
  CHECK(Get(other, "/").body == "victim");
}

}  // namespace
}  // namespace hearth::controller
