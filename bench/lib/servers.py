"""Starts the programs that are compared, each pinned, each on a port of its own."""

import contextlib
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time
import zlib


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


class Server:
    """One process group under test."""

    def __init__(self, name, port, argv, path="/", env=None, core=0):
        self.name, self.port, self.path = name, port, path
        self.process = subprocess.Popen(["taskset", "-c", str(core), *map(str, argv)],
                                        env={**os.environ, **(env or {})}, start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(port)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.path}"

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
daemon off; worker_processes 1; error_log /dev/null; pid {folder}/nginx-{port}.pid;
events {{ worker_connections 8192; }}
http {{
  access_log {log}; keepalive_requests 1000000000; keepalive_timeout 1h;
  client_body_temp_path {folder}/b{port}; proxy_temp_path {folder}/p{port};
  fastcgi_temp_path {folder}/f{port}; uwsgi_temp_path {folder}/u{port}; scgi_temp_path {folder}/s{port};
  {upstream}
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ {action} }} }}
}}
"""


def nginx(folder, name, core, action, upstream="", log="off"):
    port = free_port()
    config = folder / f"nginx-{port}.conf"
    config.write_text(NGINX.format(folder=folder, port=port, action=action, upstream=upstream, log=log))
    return Server(name, port, ["nginx", "-c", config, "-e", "/dev/null"], core=core)


def backend(folder):
    return nginx(folder, "backend", 1, "return 200 'hello world\\n';")


def nginx_proxy(folder, target, name="nginx"):
    upstream = f"upstream b {{ server 127.0.0.1:{target.port}; keepalive 1024; keepalive_requests 1000000000; }}"
    action = "proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection '';"
    return nginx(folder, name, 0, action, upstream, log=f"{folder}/access.log combined buffer=64k")


def go_proxy(root, target):
    port = free_port()
    return Server("go ReverseProxy", port, [root / "build/bench-goproxy", f"127.0.0.1:{port}", target.url],
                  env={"GOMAXPROCS": "1"})


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


ROUTES = """
sequence: 1
functions {{
  namespace: "default" name: "bench" is_default_namespace: true
  revisions {{ revision: "r-bench" weight: 10000
    replicas {{ replica_id: "r-bench-1" address: "127.0.0.1:{port}" capacity: 0 }} }}
  policy {{ timeout_ms: 60000 stream_idle_timeout_ms: 300000 queue_max_requests: 1000
    queue_max_bytes: 67108864 queue_max_wait_ms: 60000 has_watchdog: true }}
}}
"""


def gateway(root, folder, target):
    """The real gateway, serving from the routes that it keeps for the time without a controller."""
    port, admin = free_port(), free_port()
    routes = folder / f"routes-{port}.pb"
    body = subprocess.run(["protoc", f"--proto_path={root}/proto", "--encode=hearth.v1.RouteSnapshot",
                           "hearth/v1/fleet.proto"], input=ROUTES.format(port=target.port).encode(),
                          stdout=subprocess.PIPE, check=True).stdout
    routes.write_bytes(b"hearth routes 1\n" + struct.pack("<I", zlib.crc32(body)) + body)
    argv = [root / "build/release/bin/hearth-gateway", "--listen", f"127.0.0.1:{port}", "--admin-listen",
            f"127.0.0.1:{admin}", "--route-cache", routes, "--threads", "1", "--controller", f"unix:{folder}/none.sock",
            "--access-log", "text", "--access-log-file", f"{folder}/gateway.log"]
    return Server("hearth-gateway", port, argv, path="/function/bench")
