"""Starts the programs that are compared, each pinned, each on a port of its own."""

import contextlib
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import time
import zlib


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


CPUS = sorted(os.sched_getaffinity(0))
PROXY_CORE = CPUS[0]          # what is compared shares it
BACKEND_CORE = CPUS[-1]


class Cores:
    """Who runs where: what is compared shares one core, generators and backends take the others."""

    @staticmethod
    def generator(side):
        others = CPUS[1:] or CPUS
        return others[side % len(others)]


def prefer(pid):
    """Lets the session of this process go before what else runs here, where we may (as root)."""
    with contextlib.suppress(OSError):
        pathlib.Path(f"/proc/{pid}/autogroup").write_text("-20")


class Server:
    """One process group under test."""

    def __init__(self, name, port, argv, path="/", env=None, core=None):
        self.name, self.port, self.path, self.scheme = name, port, path, "http"
        self.errors = tempfile.TemporaryFile()
        core = PROXY_CORE if core is None else core
        self.process = subprocess.Popen(["taskset", "-c", str(core), *map(str, argv)],
                                        env={**os.environ, **(env or {})}, start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=self.errors)
        prefer(self.process.pid)
        try:
            wait_for(port, self.process)
        except RuntimeError as error:
            self.stop()
            self.errors.seek(0)
            raise RuntimeError(f"{name}: {error}: {self.errors.read(2000).decode(errors='replace')}") from None

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}{self.path}"

    def pids(self):
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    children = pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()
                    todo += map(int, children)
        return found

    def cpu_ns(self):
        """Time on a CPU of every thread, from the scheduler's own account."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        return total

    def rss_kb(self):
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmRSS"):
                        total += int(line.split()[1])
        return total

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


NGINX = """
daemon off; user root; worker_processes 1; worker_rlimit_nofile 20000; error_log /dev/null; pid {folder}/nginx-{port}.pid;
events {{ worker_connections {connections}; }}
http {{
  access_log {log}; keepalive_requests 1000000000; keepalive_timeout 1h; client_max_body_size 0;
  client_body_temp_path {folder}/b{port}; proxy_temp_path {folder}/p{port};
  fastcgi_temp_path {folder}/f{port}; uwsgi_temp_path {folder}/u{port}; scgi_temp_path {folder}/s{port};
  {upstream}
  server {{ listen 127.0.0.1:{port} backlog=4096{listen}; {server} location / {{ {action} }} }}
}}
"""


def nginx(folder, name, core, action, upstream="", log="off", listen="", server="", scheme="http",
          connections=5000):
    port = free_port()
    config = folder / f"nginx-{port}.conf"
    text = NGINX.format(folder=folder, port=port, action=action, upstream=upstream, log=log, listen=listen, server=server,
                        connections=connections)
    config.write_text(text if os.getuid() == 0 else text.replace("user root;", ""))
    made = Server(name, port, ["nginx", "-c", config, "-e", "/dev/null"], core=core)
    made.scheme = scheme
    return made


EVERYBODYS = 19_000  # connections of a backend: every proxy keeps its own to it between rounds


def backend(folder):
    return nginx(folder, "backend", BACKEND_CORE, "return 200 'hello world\\n';", connections=EVERYBODYS)


def files(folder, sizes):
    """Answers /NAME with that many bytes, as cheaply as anything can."""
    root = folder / "files"
    root.mkdir(exist_ok=True)
    folder.chmod(0o755)
    for name, size in sizes.items():
        (root / name).write_bytes(b"x" * size)
    return nginx(folder, "files", BACKEND_CORE, f"root {root}; sendfile on; tcp_nopush on;", connections=EVERYBODYS)


def function(root, name="function"):
    """The test function; `websocket` is its second face."""
    port, websocket = free_port(), free_port()
    server = Server(name, port, [root / "build/release/bin/hearth-bench-backend", "--listen", f"127.0.0.1:{port}",
                                 "--websocket-listen", f"127.0.0.1:{websocket}"], core=BACKEND_CORE)
    server.websocket = websocket
    return server


BIG_BUFFERS = "proxy_buffer_size 16k; proxy_buffers 16 64k; proxy_busy_buffers_size 512k;"


def nginx_proxy(folder, target, name="nginx", location="", port=None, **extra):
    """One worker, upstream keep-alive; bodies pass through memory and never touch the disk. Buffers are nginx's own:
    BIG_BUFFERS make large bodies much cheaper at up to a megabyte for each connection."""
    port = port or target.port
    upstream = f"upstream b {{ server 127.0.0.1:{port}; keepalive 2048; keepalive_requests 1000000000; }}"
    action = "proxy_pass http://b; proxy_http_version 1.1; proxy_request_buffering off; proxy_max_temp_file_size 0;"
    action += location if "Connection" in location else f"proxy_set_header Connection ''; {location}"
    log = f"{folder}/access.log combined buffer=64k"
    return nginx(folder, name, PROXY_CORE, action, upstream, log=log, **extra)


HAPROXY = """
global
  nbthread 1
  maxconn 6000
  maxpipes 200
  tune.bufsize 32768
  tune.pool-high-fd-ratio 90
  tune.pool-low-fd-ratio 80
  log ring@requests format raw local0
ring requests
  format raw
  maxlen 1200
  size 1048576
defaults
  mode http
  log global
  option httplog
  option http-keep-alive
  option http-no-delay
  option splice-auto
  http-reuse always
  timeout connect 5s
  timeout queue 150ms
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
frontend in
  bind 127.0.0.1:{port} backlog 4096 {bind}
  default_backend out
backend out
  server s 127.0.0.1:{target} pool-max-conn 4096 pool-purge-delay 1h {server}
"""


def haproxy(folder, target, port_of_target=None, server="", bind="", scheme="http"):
    """One thread; logs each request to its ring, which is cheaper than any file."""
    port = free_port()
    config = folder / f"haproxy-{port}.cfg"
    config.write_text(HAPROXY.format(port=port, target=port_of_target or target.port, server=server, bind=bind))
    made = Server("haproxy", port, ["haproxy", "-db", "-q", "-f", config])
    made.scheme = scheme
    return made


def certificate(folder):
    """A self-signed one with a P-256 key: (certificate, key, both in one file)."""
    cert, key, both = folder / "tls.crt", folder / "tls.key", folder / "tls.pem"
    if not cert.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                        "-out", cert], check=True, stderr=subprocess.DEVNULL)
        both.write_bytes(cert.read_bytes() + key.read_bytes())
    return cert, key, both


def go_proxy(root, target, port_of_target=None):
    port = free_port()
    url = f"http://127.0.0.1:{port_of_target or target.port}/"
    return Server("go ReverseProxy", port, [root / "build/bench-goproxy", f"127.0.0.1:{port}", url],
                  env={"GOMAXPROCS": "1"})


def floor(root, target):
    """No proxy at all but the system calls of one: what no proxy on this kernel can go below."""
    port = free_port()
    return Server("floor", port, [root / "build/release/bin/hearth-floor", port, target.port])


def watchdog(root, target):
    port, control = free_port(), free_port()
    env = {"HEARTH_MODE": "http", "HEARTH_LISTEN": f"127.0.0.1:{port}", "HEARTH_CONTROL": f"127.0.0.1:{control}",
           "HEARTH_UPSTREAM": f"http://127.0.0.1:{target.port}"}
    return Server("hearth-watchdog", port, [root / "build/release/bin/hearth-watchdog"], env=env)


def of_watchdog(path, target):
    port = free_port()
    env = {"mode": "http", "port": str(port), "upstream_url": f"http://127.0.0.1:{target.port}", "GOMAXPROCS": "1",
           "fprocess": "sleep 1000000", "suppress_lock": "true"}
    return Server("of-watchdog", port, [path], env=env)


def route(name, replicas, capacity=4096, max_total=0, queue=1000, queue_wait_ms=60000):
    """A function of the gateway's route table as protobuf text; `replicas`: addresses."""
    text = "".join(f' replicas {{ replica_id: "r-{name}-{i}" address: "{address}" capacity: {capacity} }}'
                   for i, address in enumerate(replicas))
    return (f'functions {{ namespace: "default" name: "{name}" is_default_namespace: true\n'
            f'  revisions {{ revision: "r-{name}" weight: 10000{text} }}\n'
            f'  policy {{ timeout_ms: 60000 stream_idle_timeout_ms: 300000 queue_max_requests: {queue}'
            f' queue_max_bytes: 67108864 queue_max_wait_ms: {queue_wait_ms} max_total_in_flight: {max_total}'
            f' has_watchdog: true }} }}\n')


def snapshot(root, routes):
    """A RouteSnapshot on the wire."""
    return subprocess.run(["protoc", f"--proto_path={root}/proto", "--encode=hearth.v1.RouteSnapshot",
                           "hearth/v1/fleet.proto"], input=("sequence: 1\n" + "".join(routes)).encode(),
                          stdout=subprocess.PIPE, check=True).stdout


def tls_gateway(root, folder, target):
    cert, key, _ = certificate(folder)
    tls_port = free_port()
    made = gateway(root, folder, target, flags=["--tls-listen", f"127.0.0.1:{tls_port}", "--tls-cert", cert, "--tls-key", key])
    made.port, made.scheme = tls_port, "https"
    return made


def tls_nginx(folder, target):
    cert, key, _ = certificate(folder)
    server = f"ssl_certificate {cert}; ssl_certificate_key {key}; ssl_session_cache shared:TLS:10m; ssl_protocols TLSv1.2 TLSv1.3;"
    return nginx_proxy(folder, target, listen=" ssl", server=server, scheme="https")


def tls_haproxy(folder, target):
    return haproxy(folder, target, bind=f"ssl crt {certificate(folder)[2]}", scheme="https")


def gateway(root, folder, target=None, name="hearth-gateway", routes=None, controller=None, flags=(), function="bench"):
    """The real gateway, serving from the routes that it keeps for the time without a controller:
    metrics, access log, credentials, a limit and all timers on."""
    port, admin = free_port(), free_port()
    kept = folder / f"routes-{port}.pb"
    body = snapshot(root, routes or [route("bench", [f"127.0.0.1:{target.port}"])])
    kept.write_bytes(b"hearth routes 1\n" + struct.pack("<I", zlib.crc32(body)) + body)
    credentials = folder / f"credentials-{port}"
    credentials.write_text("admin:benchmark\n")
    credentials.chmod(0o600)
    argv = [root / "build/release/bin/hearth-gateway", "--listen", f"127.0.0.1:{port}", "--admin-listen",
            f"127.0.0.1:{admin}", "--route-cache", kept, "--threads", "1", "--controller",
            controller or f"unix:{folder}/none.sock", "--auth-file", credentials,
            "--access-log", "text", "--access-log-file", f"{folder}/gateway-{port}.log", *flags]
    return Server(name, port, argv, path=f"/function/{function}")
