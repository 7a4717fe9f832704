"""Drives a whole platform as its user does: through `hearth`, and through HTTP.

Each Platform has a home folder of its own, so that the command finds its data and credentials the way
it does for a person, and free ports, so that several run side by side.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("HEARTH_BIN", ROOT / "build" / "release" / "bin"))
PATIENCE = 60.0  # seconds to wait for something that must happen; never a measure of speed


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def eventually(check, what, timeout=PATIENCE, interval=0.05):
    """Waits for a condition, and returns its first true value."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            last = check()
            if last:
                return last
        except (AssertionError, OSError, ValueError, http.client.HTTPException) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout:g} s; last: {last!r}")
        time.sleep(interval)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.text[:300]!r}>"


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"<exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}>"


class Platform:
    def __init__(self, folder=None, args=(), prefix=()):
        self.home = pathlib.Path(folder or tempfile.mkdtemp(prefix="hearth-e2e-"))
        self.home.mkdir(parents=True, exist_ok=True)
        self.port, self.admin_port = free_port(), free_port()
        self.args, self.prefix = list(args), list(prefix)
        self.process = None
        self.output = []
        self.ready = threading.Event()

    @property
    def data(self):
        return self.home / ".local" / "share" / "hearth"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def environment(self, **extra):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("HEARTH_", "OPENFAAS_", "XDG_"))}
        env.update(HOME=str(self.home), HEARTH_URL=self.url, PATH=f"{BIN}:{env['PATH']}",
                   XDG_CACHE_HOME=os.environ.get("XDG_CACHE_HOME", str(pathlib.Path.home() / ".cache")))
        # Compilers and package managers keep their caches: a test measures no download.
        for variable, folder in (("GOCACHE", "go-build"), ("PIP_CACHE_DIR", "pip"), ("npm_config_cache", "npm")):
            env[variable] = os.path.join(env["XDG_CACHE_HOME"], folder)
        env.setdefault("GOPATH", str(pathlib.Path.home() / "go"))
        env.update(extra)
        return env

    def start(self, *more, wait=True, env=None):
        self.ready.clear()
        self.output.clear()
        self.process = subprocess.Popen(
            [*self.prefix, BIN / "hearth", "serve", "--listen", f"127.0.0.1:{self.port}",
             "--admin-listen", f"127.0.0.1:{self.admin_port}", *self.args, *more],
            env=self.environment(**(env or {})), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, cwd=self.home)
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        if wait:
            eventually(lambda: self._serves(), "the platform serves")
        return self

    def _read(self, process):
        for line in process.stdout:
            self.output.append(line.rstrip("\n"))

    def _serves(self):
        if self.process.poll() is not None:
            raise SystemExit(f"serve ended with {self.process.returncode}:\n" + "\n".join(self.output))
        # The endpoint is what the command finds the credentials by; it is written when all is ready.
        return (any(self.data.glob("run/endpoint")) and self.request("GET", "/healthz").status == 200 and
                self.api("GET", "/system/info").status == 200)

    def stop(self, timeout=PATIENCE):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout)
        return self.process.returncode if self.process else None

    def kill(self):
        """For clean-up only: ends serve whatever state it is in."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop(20)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def hearth(self, *args, stdin=None, check=True, timeout=300, cwd=None, **env):
        process = subprocess.run([BIN / "hearth", *map(str, args)], env=self.environment(**env),
                                 input=stdin, capture_output=True, timeout=timeout,
                                 text=not isinstance(stdin, bytes), cwd=cwd or self.home)
        result = Result(process.returncode, process.stdout, process.stderr)
        if check and result.code != 0:
            raise AssertionError(f"hearth {' '.join(map(str, args))}: {result!r}\n--- serve\n" +
                                 "\n".join(self.output[-30:]))
        return result

    def deploy(self, manifest, *args, check=True):
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        return self.hearth("deploy", "-f", "-", *args, stdin=text, check=check)

    def connect(self, timeout=PATIENCE):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE):
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())
        finally:
            connection.close()

    def invoke(self, name, body=None, path="", method="POST", headers=None, timeout=PATIENCE):
        return self.request(method, f"/function/{name}{path}", body, headers, timeout)

    def credentials(self):
        return (self.data / "credentials").read_text().strip()

    def api(self, method, path, body=None, headers=None, user=None):
        token = base64.b64encode((user or self.credentials()).encode()).decode()
        sent = {"Authorization": f"Basic {token}", **(headers or {})}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        return self.request(method, path, body, sent)

    def function(self, name, ns="default"):
        response = self.api("GET", f"/system/v1/functions/{ns}/{name}")
        assert response.status == 200, response
        return response.json()

    def replicas(self, name, ns="default"):
        return self.function(name, ns)["status"].get("availableReplicas", 0)

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def descendants(self):
        """Every process below serve: {pid: command line}."""
        return descendants_of(self.process.pid)

    def pids_of(self, program):
        return [pid for pid, line in self.descendants().items() if os.path.basename(line[0]) == program]

    def watchdogs(self):
        """PID 1 of each sandbox, as the host sees it: the only child of its bwrap."""
        return self.pids_of("watchdog") + self.pids_of("hearth-watchdog")


def command_line(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
    return [part.decode(errors="replace") for part in text if part]


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def processes_mentioning(text):
    """Processes whose command line or environment names `text`: how a leftover is recognised."""
    found = {}
    for pid in all_pids():
        line = command_line(pid)
        if not line or pid == os.getpid():
            continue
        try:
            environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        except OSError:
            environ = ""
        if any(text in part for part in line) or text in environ:
            found[pid] = line
    return found


def descendants_of(root):
    parents = {}
    for pid in all_pids():
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        parents[pid] = int(stat.rsplit(")", 1)[1].split()[1])
    found, changed = {root}, True
    while changed:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        changed = bool(more)
    lines = {pid: command_line(pid) for pid in found - {root}}
    return {pid: line for pid, line in lines.items() if line}


class Load:
    """Requests from several threads until stopped; every failure is kept."""

    def __init__(self, platform, name, threads=4, body=b"x", path="", timeout=PATIENCE):
        self.platform, self.name, self.body, self.path, self.timeout = platform, name, body, path, timeout
        self.results, self.failures = [], []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _run(self):
        while not self.stopping.is_set():
            try:
                response = self.platform.invoke(self.name, self.body, path=self.path, timeout=self.timeout)
                (self.results if response.status == 200 else self.failures).append(response)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(error)


def inline_python(name, code, **spec):
    return {"apiVersion": "hearth.dev/v1", "kind": "Function", "metadata": {"name": name},
            "spec": {"runtime": "python3", "source": {"inline": code}, **spec}}


def command(name, argv, mode, **spec):
    return {"apiVersion": "hearth.dev/v1", "kind": "Function", "metadata": {"name": name},
            "spec": {"command": argv, "mode": mode, **spec}}


ECHO = "def handler(event, context):\n    return event.get('body', '')\n"
