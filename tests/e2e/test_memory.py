"""The gateway's memory under clients that are slow, that vanish, or that only stay: it must not grow with
time. Two processes and a function of the test's own; no controller."""

import asyncio
import resource
import socket
import statistics
import threading
import time

import pytest

from hops import Hops, route
from platform_under_test import eventually

MB = 1_000_000


class SlowFunction(threading.Thread):
    """Answers /wait only after seconds, /large with a body that few will read, and everything else at once."""

    def __init__(self):
        super().__init__(daemon=True)
        self.started = threading.Event()

    def run(self):
        asyncio.run(self._main())

    async def _main(self):
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self.started.set()
        await self.over.wait()

    async def _serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1]
                if path.startswith(b"/wait"):
                    await asyncio.sleep(8)
                size = 3_000_000 if path.startswith(b"/large") else 2
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
                await writer.drain()
                if path.startswith(b"/wait"):
                    return
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def end(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.join()


@pytest.fixture
def descriptors():
    """Room for ten thousand connections, in this process and in those it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 40_000) if hard != resource.RLIM_INFINITY else 40_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield max(soft, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def hops():
    hops = Hops()
    hops.function = SlowFunction()
    hops.function.start()
    hops.function.started.wait()
    try:
        yield hops
    finally:
        print(hops.logs())
        hops.close()
        hops.function.end()


def settled(program):
    """The memory of a program, as the middle of some readings."""
    readings = []
    for _ in range(5):
        readings.append(program.memory())
        time.sleep(0.05)
    return statistics.median(readings)


def test_memory_is_flat_with_slow_and_vanishing_clients(hops, descriptors, full):
    """knative #13583: callers with bodies that leave before a slow function has answered, beside readers of a
    few bytes a second."""
    address = f"127.0.0.1:{hops.function.port}"
    gateway = hops.gateway(route("f", [address], has_watchdog=False, timeout_ms=20_000, idle_ms=60_000),
                           route("narrow", [address], capacity=4, has_watchdog=False, timeout_ms=20_000, idle_ms=60_000))
    body = b"b" * 20_000
    requests = [b"POST /function/%s/wait HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" % name + part
                for name in (b"f", b"narrow") for part in (body, body[:7000], b"")]

    readers = []
    for _ in range(30):
        reader = socket.create_connection(("127.0.0.1", hops.port))
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.sendall(b"GET /function/f/large HTTP/1.1\r\nHost: x\r\n\r\n")
        readers.append(reader)

    seconds, sent, samples, leaving = (600 if full else 36), 0, [], []
    began = time.monotonic()
    warm = began + seconds / 3
    while time.monotonic() < began + seconds:
        for _ in range(20):
            client = socket.create_connection(("127.0.0.1", hops.port))
            client.sendall(requests[sent % len(requests)])
            leaving.append(client)
            sent += 1
        while len(leaving) > 300:  # each stays for a moment
            leaving.pop(0).close()
        for reader in readers:
            reader.recv(1)
        if time.monotonic() > warm:
            samples.append(gateway.memory())
        time.sleep(0.05)
    third = len(samples) // 3
    growth = statistics.median(samples[-third:]) - statistics.median(samples[:third])
    print(f"{sent} clients, {len(samples)} samples, {samples[0] / MB:.1f} → {samples[-1] / MB:.1f} MB, growth {growth / MB:.1f} MB")
    assert gateway.alive() and sent > 1000 * (seconds / 60)
    assert growth < 4 * MB, samples
    for client in leaving + readers:
        client.close()
    eventually(hops.idle, "no slot is held and nobody waits")
    before = hops.functions()["f"]["in_flight"]
    assert before == 0


def test_ten_thousand_idle_connections(hops, descriptors):
    count = 10_000
    assert descriptors >= count + 1000, f"needs {count + 1000} open files; the hard limit is {descriptors}"
    gateway = hops.gateway(route("f", [f"127.0.0.1:{hops.function.port}"], has_watchdog=False))
    clients = []
    try:
        for n in range(count):
            clients.append(socket.create_connection(("127.0.0.1", hops.port), timeout=60))
            # Each has been used, some for a function: what a request needs must not stay with its connection.
            path = b"/function/f" if n % 10 == 0 else b"/healthz"
            clients[-1].sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nX-Filler: %s\r\n\r\n" % (path, b"f" * 500))
            if n % 100 == 99:
                for client in clients[-100:]:
                    assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert gateway.descriptors() >= count
        memory = settled(gateway)
        print(f"{count} idle connections: {memory / MB:.1f} MB")
        assert memory <= 100 * MB
        for client in clients[::500]:  # and they are alive
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    finally:
        for client in clients:
            client.close()
    eventually(lambda: gateway.descriptors() < 100, "their descriptors are closed")
