"""A load of every kind at once, while something changes: who notices?

Short and long requests, uploads, event streams, WebSockets, on kept and on new connections. Every
failure is kept with what its client knows: whether its answer had begun, whether it may be sent again.
The clients are strict: an end of a kept connection in the place of an answer is a failure, because a
request was on its way.
"""

import asyncio
import base64
import collections
import hashlib
import itertools
import os
import struct
import threading
import time
import uuid

SERVER = r'''
import base64, hashlib, http.server, os, socketserver, struct, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def setup(self):
        super().setup()
        self.connection.setsockopt(6, 1, 1)

    def answer(self, text):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))

    def chunks(self):
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            data = self.rfile.read(size); self.rfile.readline()
            if not size: return
            yield data

    def do_POST(self):
        if self.path.startswith("/upload"):
            digest = hashlib.sha256()
            for piece in self.chunks(): digest.update(piece)
            return self.answer(digest.hexdigest().encode())
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/once"):
            print("once", body.decode(), flush=True)
        elif self.path.startswith("/slow"):
            time.sleep(1.2)
        self.answer(body)

    def do_GET(self):
        if self.path.startswith("/stream"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                             b"Transfer-Encoding: chunked\r\n\r\n")
            for n in range(6):
                data = b"data: %d\n\n" % n
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data)); time.sleep(0.25)
            self.wfile.write(b"0\r\n\r\n")
        elif self.path.startswith("/ws"):
            self.websocket()
        else:
            self.answer(os.environ.get("GENERATION", "1").encode())

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest())
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         b"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept)
        self.close_connection = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2: return
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(head[1] & 0x7f)))
            self.wfile.write(bytes([0x80 | head[0] & 15, len(data)]) + data)
            if head[0] & 15 == 8: return

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'''


def function(name, replicas, generation=1, **spec):
    return {"apiVersion": "hearth.dev/v1", "kind": "Function", "metadata": {"name": name},
            "spec": {"command": ["/usr/bin/python3", "/var/task/server.py"], "mode": "http",
                     "source": {"files": {"server.py": SERVER}}, "concurrency": 0, "timeout": "10s",
                     "environment": {"GENERATION": str(generation)},
                     "scaling": {"min": replicas, "max": replicas}, **spec}}


class Failure:
    def __init__(self, kind, error, began, once):
        self.kind, self.error, self.began, self.once, self.at = kind, error, began, once, time.monotonic()

    @property
    def excused_by_death(self):
        """What may fail when a replica is killed: an answer that had begun, and what must not be sent twice."""
        return self.began or self.once

    def __repr__(self):
        return f"{self.kind}: {self.error!r} began={self.began} once={self.once}"


class Connection:
    """One HTTP/1.1 connection, as strict as a client can be about its end."""

    def __init__(self, port):
        self.port, self.reader, self.writer, self.began = port, None, None, False

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def ready(self):
        """A connection that can be used: a new one where the last was closed between two requests."""
        if self.writer is None or self.reader.at_eof() or self.writer.is_closing():
            self.close()
            await self.open()

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.writer = None

    async def head(self):
        text = await self.reader.readuntil(b"\r\n\r\n")
        self.began = True
        lines = text.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:-2]:
            name, value = line.split(":", 1)
            fields[name.lower()] = value.strip()
        return int(lines[0].split()[1]), fields

    async def body(self, fields):
        if fields.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(fields.get("content-length", 0)))
        whole = b""
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            whole += (await self.reader.readexactly(size + 2))[:-2]
            if size == 0:
                return whole

    async def ask(self, head, *pieces, pause=0.0):
        await self.ready()
        self.began = False
        self.writer.write(head.encode())
        for piece in pieces:
            if pause:
                await asyncio.sleep(pause)
            self.writer.write(piece)
            await self.writer.drain()
        status, fields = await self.head()
        while status == 100:
            status, fields = await self.head()
        self.began = status == 200
        body = await self.body(fields)
        if fields.get("connection", "").lower() == "close":
            self.close()
        if status != 200:
            raise ValueError(f"{status} {fields.get('x-hearth-error')} {body[:200]!r}")
        return body


class ChangeLoad:
    """`with ChangeLoad(platform, "web") as load:` and change things; then load.failures."""

    def __init__(self, platform, name, pause=0.01):
        self.port, self.path, self.pause = platform.port, f"/function/{name}", pause
        self.counts, self.failures, self.generations = collections.Counter(), [], collections.Counter()
        self.closed_by, self.sent_once = collections.Counter(), set()
        self._name = uuid.uuid4().hex[:12]  # an object's address may be another's later
        self._ids = itertools.count()
        self._stopping = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join()

    @property
    def requests(self):
        return sum(self.counts.values())

    async def _run(self):
        kinds = [self._kept] * 8 + [self._fresh] * 4 + [self._slow] * 4 + [self._upload] * 2
        kinds += [self._stream] * 2 + [self._websocket] * 3 + [self._sparse] * 3
        await asyncio.gather(*(kind() for kind in kinds))

    async def _repeat(self, kind, once, step):
        connection = Connection(self.port)
        while not self._stopping:
            try:
                await asyncio.wait_for(step(connection), 40)
                self.counts[kind] += 1
            except (OSError, EOFError, ValueError, asyncio.TimeoutError, asyncio.LimitOverrunError) as error:
                self.failures.append(Failure(kind, error, connection.began, once))
                connection.close()
                await asyncio.sleep(0.05)
        connection.close()

    def _head(self, method, path, *fields):
        return "\r\n".join([f"{method} {self.path}{path} HTTP/1.1", "Host: x", *fields, "", ""])

    async def _kept(self):
        async def step(connection):
            self.generations[await connection.ask(self._head("GET", "/"))] += 1
            await asyncio.sleep(self.pause)
        await self._repeat("kept", False, step)

    async def _sparse(self):
        async def step(connection):
            await connection.ask(self._head("GET", "/"))
            await asyncio.sleep(0.7)
        await self._repeat("sparse", False, step)

    async def _fresh(self):
        async def step(connection):
            connection.close()
            name = f"{self._name}-{next(self._ids)}".encode()
            self.sent_once.add(name)
            answer = await connection.ask(self._head("POST", "/once", f"Content-Length: {len(name)}"), name)
            if answer != name:
                raise ValueError(f"another's answer: {answer!r}")
            await asyncio.sleep(self.pause)
        await self._repeat("fresh", True, step)

    async def _slow(self):
        async def step(connection):
            await connection.ask(self._head("POST", "/slow", "Content-Length: 4"), b"slow")
        await self._repeat("slow", True, step)

    async def _upload(self):
        pieces = [os.urandom(16384) for _ in range(12)]
        chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]
        expected = hashlib.sha256(b"".join(pieces)).hexdigest().encode()

        async def step(connection):
            head = self._head("POST", "/upload", "Transfer-Encoding: chunked")
            if await connection.ask(head, *chunks, pause=0.05) != expected:
                raise ValueError("the upload arrived changed")
        await self._repeat("upload", True, step)

    async def _stream(self):
        whole = b"".join(b"data: %d\n\n" % n for n in range(6))

        async def step(connection):
            answer = await connection.ask(self._head("GET", "/stream"))
            if answer != whole:
                raise ValueError(f"a stream with holes: {answer!r}")
        await self._repeat("stream", False, step)

    async def _websocket(self):
        async def step(connection):
            connection.close()
            await connection.open()
            connection.began = False
            key = base64.b64encode(os.urandom(16)).decode()
            connection.writer.write(self._head("GET", "/ws", "Connection: Upgrade", "Upgrade: websocket",
                                               f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13").encode())
            status, fields = await connection.head()
            if status != 101:
                connection.began = False
                raise ValueError(f"{status} {fields.get('x-hearth-error')}")
            for n in range(25):
                if self._stopping:
                    break
                if n % 10 == 0:
                    await asyncio.sleep(0.05)
                text = b"%d" % n
                self._frame(connection, 1, text)
                code, data = await self._read_frame(connection)
                if code == 8:
                    self.closed_by[struct.unpack("!H", data[:2])[0]] += 1
                    await self._say_goodbye(connection)
                    return
                if data != text:
                    raise ValueError(f"an echo of something else: {data!r}")
                await asyncio.sleep(0.05)
            self._frame(connection, 8, b"\x03\xe8")
            while (await self._read_frame(connection))[0] != 8:
                pass
        await self._repeat("websocket", False, step)

    async def _say_goodbye(self, connection):
        """After a close frame of the platform there is time: nobody hangs up on a client that is slow to leave."""
        with_time = connection.reader.read(1)
        done, _ = await asyncio.wait([asyncio.ensure_future(with_time)], timeout=1.0)
        if done and done.pop().result() == b"" and not self._killing:
            raise ValueError("the connection ended right behind its close frame")
        if not connection.writer.is_closing():
            self._frame(connection, 8, b"\x03\xe9")
        connection.close()

    _killing = False  # replicas die: their WebSockets have no function to say goodbye to

    @staticmethod
    def _frame(connection, code, data):
        mask = os.urandom(4)
        connection.writer.write(bytes([0x80 | code, 0x80 | len(data)]) + mask +
                                bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    @staticmethod
    async def _read_frame(connection):
        first, size = await connection.reader.readexactly(2)
        return first & 15, await connection.reader.readexactly(size & 0x7f)
