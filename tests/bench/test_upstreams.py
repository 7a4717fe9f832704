"""A peak must not make and close a connection to the function for each request, nor keep them all for ever."""

import contextlib
import pathlib
import sys
import time

import pytest

from known_server import KnownServer
from test_load import load

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "lib"))

import servers  # noqa: E402

CLIENTS = 300  # more than either keeps when all is quiet


def eventually(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.fixture
def target():
    server = KnownServer()
    server.path, server.scheme = "/", "http"
    yield server
    server.close()


@contextlib.contextmanager
def running(server):
    try:
        yield server
    finally:
        server.stop()


def test_watchdog(target):
    with running(servers.watchdog(ROOT, target)) as watchdog:
        assert load(watchdog.url, "--connections", 10)["errors"] == {}
        before = target.connections
        result = load(watchdog.url, "--connections", CLIENTS, "--duration", "1s")
        assert result["errors"] == {} and result["requests"] > 2 * CLIENTS
        assert target.connections - before <= CLIENTS
        assert eventually(lambda: target.open <= 64)
        assert load(watchdog.url)["errors"] == {}


def test_gateway(target, tmp_path):
    with running(servers.gateway(ROOT, tmp_path, target)) as gateway:
        result = load(gateway.url, "--connections", CLIENTS, "--duration", "1s")
        assert result["errors"] == {} and result["requests"] > 2 * CLIENTS
        assert target.connections <= CLIENTS
