"""Mixed traffic through gates that cut, hold back, reset, half-close and silence the connections between
client, gateway, watchdog and function. No byte may be wrong, nothing may hang, and afterwards nothing is
held: no slot, no descriptor, no memory."""

import asyncio
import hashlib
import http.client
import os
import random

import pytest

from hops import Hops, route
from platform_under_test import ECHO, eventually, inline_python
from tcp_gate import EVERYTHING, Gate, SILENCE, STALL

PATIENCE = 30  # seconds in which every exchange has to end, one way or the other


class Function:
    """The function: an HTTP server of its own, which notices a request that arrives wrong."""

    def __init__(self):
        self.wrong, self.served = [], 0

    async def start(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _body(self, reader, fields):
        if "transfer-encoding" in fields:
            body = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
            return body
        return await reader.readexactly(int(fields.get("content-length", 0)))

    async def _serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if line)}
                if fields.get("expect"):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await self._body(reader, fields)
                if hashlib.sha256(body).hexdigest() != fields.get("x-sum", hashlib.sha256(b"").hexdigest()):
                    self.wrong.append((head[0], fields, len(body), body[:20]))
                self.served += 1
                path = head[0].split(" ")[1]
                if path.startswith("/events"):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                 b"Transfer-Encoding: chunked\r\n\r\n")
                    for n in range(20):
                        event = f"data: {n} of {path}\n\n".encode()
                        writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                        await writer.drain()
                        await asyncio.sleep(0.01)
                    writer.write(b"0\r\n\r\n")
                elif path.startswith("/socket"):
                    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
                    while True:
                        opcode, payload = await read_frame(reader)
                        writer.write(bytes([0x80 | opcode, len(payload)]) + payload)
                        await writer.drain()
                        if opcode == 8:
                            return
                elif path.startswith("/chunked"):
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    for at in range(0, len(body), 3000):
                        piece = body[at:at + 3000]
                        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    writer.write(b"0\r\n\r\n")
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\nX-Answers: %s\r\nContent-Length: %d\r\n\r\n%s" %
                                 (fields.get("x-sum", "").encode(), len(body), body))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()


async def read_frame(reader):
    first, second = await reader.readexactly(2)
    size = second & 0x7f
    mask = await reader.readexactly(4) if second & 0x80 else b"\0\0\0\0"
    data = await reader.readexactly(size)
    return first & 0x0f, bytes(b ^ mask[i % 4] for i, b in enumerate(data))


class Broken(Exception):
    """The exchange ended before its end, and the client can tell."""


class Wrong(Exception):
    """The client was told something that is not so."""


async def read_answer(reader, expected):
    """Returns the status of a whole answer, all of whose bytes were as expected."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        if status == 100:
            return await read_answer(reader, expected)
        fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if line)}
        if status != 200 and "x-hearth-error" not in fields:
            raise Wrong(f"{head}: nobody made this answer")
        if "transfer-encoding" in fields:
            body = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
                if status == 200 and not expected.startswith(body):
                    raise Wrong(f"{len(body)} bytes that are not the answer's beginning")
            await reader.readuntil(b"\r\n")
        else:
            body = await reader.readexactly(int(fields["content-length"]))
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Broken from error
    if status == 200 and body != expected:
        raise Wrong(f"{len(body)} bytes where {len(expected)} others are due: {body[:20]} for {expected[:20]}, {fields}")
    return status


class Client:
    def __init__(self, port, seed):
        self.port, self.random = port, random.Random(seed)
        self.outcomes = {}

    def count(self, outcome):
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    async def run(self, requests):
        for _ in range(requests):
            kind = self.random.choice((self.sized, self.chunked, self.get, self.events, self.socket, self.leave))
            try:
                async with asyncio.timeout(PATIENCE):
                    self.count(await kind())
            except (Broken, ConnectionError, asyncio.IncompleteReadError):
                self.count("broken")
            except TimeoutError:
                raise AssertionError(f"{kind.__name__} hangs") from None

    async def connection(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    def payload(self):
        return self.random.randbytes(self.random.choice((1, 100, 5000, 70_000, 400_000)))

    def head(self, method, path, body, framing):
        total = hashlib.sha256(body).hexdigest()
        return f"{method} /function/f{path} HTTP/1.1\r\nHost: x\r\nX-Sum: {total}\r\n{framing}\r\n".encode()

    async def exchange(self, data, expected):
        reader, writer = await self.connection()
        try:
            async def send():
                try:
                    writer.write(data)
                    await writer.drain()
                except ConnectionError:
                    pass
            sender = asyncio.create_task(send())
            try:
                return await read_answer(reader, expected)
            finally:
                sender.cancel()
        finally:
            writer.transport.abort()

    async def sized(self):
        body = self.payload()
        path = self.random.choice(("/sized", "/chunked"))
        return await self.exchange(self.head("POST", path, body, f"Content-Length: {len(body)}\r\n") + body, body)

    async def chunked(self):
        body, data, at = self.payload(), b"", 0
        while at < len(body):
            piece = body[at:at + self.random.randrange(1, 20_000)]
            data += b"%x\r\n%s\r\n" % (len(piece), piece)
            at += len(piece)
        return await self.exchange(
            self.head("POST", "/sized", body, "Transfer-Encoding: chunked\r\n") + data + b"0\r\n\r\n", body)

    async def get(self):
        return await self.exchange(self.head("GET", "/get", b"", ""), b"")

    async def events(self):
        path = f"/events-{self.random.randrange(1000)}"
        expected = b"".join(f"data: {n} of {path}\n\n".encode() for n in range(20))
        return await self.exchange(self.head("GET", path, b"", ""), expected)

    async def leave(self):
        """Goes away in the middle of a request."""
        body = self.random.randbytes(50_000)
        reader, writer = await self.connection()
        data = self.head("POST", "/sized", body, "Content-Length: 50000\r\n") + body
        writer.write(data[:self.random.randrange(len(data))])
        await asyncio.sleep(self.random.choice((0, 0.01, 0.1)))
        writer.transport.abort()
        return "left"

    async def socket(self):
        reader, writer = await self.connection()
        try:
            writer.write(self.head("GET", "/socket", b"", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if " 101 " not in head.split("\r\n")[0]:
                if "x-hearth-error" not in head.lower():
                    raise Wrong(head)
                return int(head.split(" ")[1])
            for _ in range(10):
                text, mask = self.random.randbytes(100), self.random.randbytes(4)
                writer.write(b"\x82" + bytes([0x80 | len(text)]) + mask +
                             bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
                opcode, payload = await read_frame(reader)
                if opcode == 8:  # the gateway or the function says good-bye
                    return "closed"
                if payload != text:
                    raise Wrong("a frame is not the one that was sent")
            writer.write(b"\x88\x80" + bytes(4))
            await read_frame(reader)
            return 101
        finally:
            writer.transport.abort()


def together(clients):
    total = {}
    for client in clients:
        for outcome, count in client.outcomes.items():
            total[outcome] = total.get(outcome, 0) + count
    return total


async def chaos(hops, seed, rounds, capacity):
    function = await Function().start()
    gates = [await Gate(function.port, seed + 1).start()]
    watchdog, watchdog_port = hops.watchdog(gates[0].port)
    gates.append(await Gate(watchdog_port, seed + 2).start())
    gateway = await asyncio.to_thread(
        hops.gateway, route("f", [f"127.0.0.1:{gates[1].port}"], capacity=capacity))
    gates.append(await Gate(hops.port, seed + 3, near_is_client=True).start())

    async def traffic(count, requests):
        clients = [Client(gates[2].port, seed * 1000 + n) for n in range(count)]
        await asyncio.gather(*(client.run(requests) for client in clients))
        return together(clients)

    calm = await traffic(20, 6)
    assert set(calm) <= {200, 101, "left"}, (calm, hops.logs())
    before = [(p, p.descriptors(), p.memory()) for p in (gateway, watchdog)]

    for _ in range(rounds):
        for gate in gates:
            gate.weights = EVERYTHING
        outcomes = await traffic(40, 6)
        for gate in gates:
            gate.calm()
        assert outcomes.get(200, 0) > 0 and not function.wrong, (outcomes, function.wrong)
        for program in (gateway, watchdog):
            assert program.alive(), f"{program.log} ended with {program.process.returncode}"

    assert all(gate.counts.get(kind, 0) > 0 for gate in gates[1:] for kind in EVERYTHING), [g.counts for g in gates]
    await asyncio.to_thread(eventually, hops.idle, "every slot is free")
    # What is open now is pools and connections that fell silent; those end by themselves or with the gate.
    for gate in gates:
        await gate.cut()

    def settled():
        return all(program.descriptors() <= open_before + 4 for program, open_before, _ in before)
    await asyncio.to_thread(eventually, settled, "no descriptor is left behind")
    for program, _, memory in before:
        assert program.memory() < memory + 30_000_000, (program.log, memory, program.memory())
    after = await traffic(20, 6)
    assert set(after) <= {200, 101, "left"}, (after, hops.logs())
    await asyncio.to_thread(eventually, hops.idle, "every slot is free at the end")
    for gate in gates:
        await gate.stop()
    function.server.close()


@pytest.mark.parametrize("capacity", [0, 8], ids=["without a limit", "eight slots"])
def test_chaos_between_every_pair_of_processes(capacity, full):
    seed = int(os.environ.get("HEARTH_CHAOS_SEED", "0")) or random.randrange(1, 1 << 30)
    print(f"HEARTH_CHAOS_SEED={seed}")
    hops = Hops()
    try:
        asyncio.run(chaos(hops, seed, 20 if full else 2, capacity))
    finally:
        print(hops.logs())
        hops.close()


def test_chaos_between_gateway_and_controller(platform):
    """A second gateway whose stream to the controller is cut again and again: it serves what it knows, and
    learns what has changed."""
    seed = random.randrange(1, 1 << 30)
    print(f"HEARTH_CHAOS_SEED={seed}")
    hops = Hops()

    def ask(name, body):
        connection = http.client.HTTPConnection("127.0.0.1", hops.port, timeout=PATIENCE)
        try:
            connection.request("POST", f"/function/{name}", body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    async def run():
        line = next(line for line in platform.descendants().values() if os.path.basename(line[0]) == "hearth-gateway")
        target = next(a for n, a in enumerate(line) if line[n - 1] == "--controller" or a.startswith("--controller="))
        gate = Gate(target.split("unix:", 1)[1], seed, path=str(hops.folder / "gate.sock"))
        await gate.start()
        await asyncio.to_thread(hops.gateway, arguments=[f"--controller=unix:{gate.path}"])
        await asyncio.to_thread(platform.deploy, inline_python("far", ECHO, scaling={"min": 1}))
        await asyncio.to_thread(eventually, lambda: ask("far", b"1") == (200, b"1"), "the new function is known")
        gate.weights = {**EVERYTHING, SILENCE: 0, STALL: 3}
        failures, done = [], False

        async def load():
            while not done:
                status, body = await asyncio.to_thread(ask, "far", b"warm")
                if (status, body) != (200, b"warm"):
                    failures.append((status, body))

        loads = [asyncio.create_task(load()) for _ in range(2)]
        for n in range(6):
            await gate.cut()
            await asyncio.to_thread(platform.deploy, inline_python(f"far-{n}", f"def handler(e, c):\n    return '{n}'\n"))
            await asyncio.to_thread(eventually, lambda: ask(f"far-{n}", b"") == (200, str(n).encode()),
                                    "what was deployed while the stream was cut is known")
        done = True
        await asyncio.gather(*loads)
        assert not failures, failures[:3]
        assert sum(gate.counts.values()) >= 6, gate.counts
        for n in range(6):
            await asyncio.to_thread(platform.hearth, "remove", f"far-{n}")
        gate.calm()
        await asyncio.to_thread(eventually, lambda: all(ask(f"far-{n}", b"")[0] == 404 for n in range(6)),
                                "what was removed is known to be gone")
        await gate.stop()

    try:
        asyncio.run(run())
    finally:
        print(hops.logs())
        hops.close()
