"""A gateway and a watchdog of the build in front of any server, without a controller, and the peers
that the tests of HTTP/2 need: h2spec as a Go module, grpcio from PyPI. Both are kept by version."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import zlib

from platform_under_test import BIN, ROOT, eventually, free_port

H2SPEC_VERSION = "v2.2.1+incompatible"
GRPCIO_VERSION = "1.62.3"


def _kept(name, install):
    """The folder of an installation: made by install(folder) where it is not there yet, only whole."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    cache = pathlib.Path(base) / "hearth" / "http2"
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / name
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            fresh = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}.", dir=cache))
            try:
                done = install(fresh)
                assert done.returncode == 0, f"{name} could not be installed:\n{done.stdout}\n{done.stderr}"
                fresh.rename(target)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    return target


def h2spec():
    go = shutil.which("go") or "/usr/local/go/bin/go"
    folder = _kept(f"h2spec-{H2SPEC_VERSION}", lambda folder: subprocess.run(
        [go, "install", f"github.com/summerwind/h2spec/cmd/h2spec@{H2SPEC_VERSION}"], cwd=folder, timeout=900,
        env={**os.environ, "GOBIN": str(folder)}, capture_output=True, text=True))
    return folder / "h2spec"


def grpcio():
    """A folder for PYTHONPATH."""
    tag = "py%d.%d" % sys.version_info[:2]
    return _kept(f"grpcio-{GRPCIO_VERSION}-{tag}", lambda folder: subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--root-user-action=ignore", "--target", str(folder), f"grpcio=={GRPCIO_VERSION}"],
        capture_output=True, text=True, timeout=600))


def _listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(argv, port, log, env=None):
    with open(log, "w") as out:
        process = subprocess.Popen([str(a) for a in argv], env={**os.environ, **(env or {})}, stdout=out,
                                   stderr=subprocess.STDOUT)
        try:
            def up():
                assert process.poll() is None, f"{argv[0]} ended:\n{pathlib.Path(log).read_text()}"
                return _listens(port)
            eventually(up, f"{argv[0]} listens")
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def watchdog(tmp, upstream):
    """In front of a server that runs already; yields its port."""
    port, control = free_port(), free_port()
    env = {"HEARTH_MODE": "http", "HEARTH_UPSTREAM": upstream, "HEARTH_LISTEN": f"127.0.0.1:{port}",
           "HEARTH_CONTROL": f"127.0.0.1:{control}"}
    with running([BIN / "hearth-watchdog"], port, tmp / "watchdog.log", env):
        yield port


@contextlib.contextmanager
def gateway(tmp, replica_port, *flags):
    """Serves the function "f" from routes that it finds on disk; yields its port."""
    port, admin = free_port(), free_port()
    route = (f'sequence: 1 functions {{ namespace: "default" name: "f" is_default_namespace: true '
             f'revisions {{ revision: "r-1" weight: 10000 replicas {{ replica_id: "r-1-0" '
             f'address: "127.0.0.1:{replica_port}" capacity: 4096 }} }} '
             f'policy {{ timeout_ms: 60000 stream_idle_timeout_ms: 300000 has_watchdog: true }} }}')
    body = subprocess.run(["protoc", f"--proto_path={ROOT}/proto", "--encode=hearth.v1.RouteSnapshot",
                           "hearth/v1/fleet.proto"], input=route.encode(), stdout=subprocess.PIPE, check=True).stdout
    kept = tmp / "routes.pb"
    kept.write_bytes(b"hearth routes 1\n" + struct.pack("<I", zlib.crc32(body)) + body)
    argv = [BIN / "hearth-gateway", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}",
            "--route-cache", kept, "--threads", "1", "--controller", f"unix:{tmp}/none.sock", *flags]
    with running(argv, port, tmp / "gateway.log"):
        yield port
