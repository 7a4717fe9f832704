"""A stand-in for the watchdog's Runtime API: enough HTTP/1.1 to drive a runtime client and to see every byte
of what it sends. One instance serves one runtime process; `invoke` may be called from many threads."""

import base64
import queue
import socket
import threading
import time
import uuid
from dataclasses import dataclass, field

PREFIX = "/2018-06-01/runtime/"


@dataclass
class Result:
    """What the runtime answered to one invocation."""

    kind: str  # response, error, crash
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    chunks: list = field(default_factory=list)  # as they came, of a chunked body
    trailers: dict = field(default_factory=dict)
    chunk_times: list = field(default_factory=list)

    @property
    def streamed(self):
        return self.headers.get("lambda-runtime-function-response-mode") == "streaming"


class _Invocation:
    def __init__(self, event, headers, deadline_ms):
        self.id = str(uuid.uuid4())
        self.event = event
        self.headers = headers
        self.deadline_ms = deadline_ms
        self.done = threading.Event()
        self.result = None

    def finish(self, result):
        if self.result is None:
            self.result = result
            self.done.set()


class RuntimeApi:
    """Listens on 127.0.0.1, port 0."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self.ready = threading.Event()
        self.ready_time = None
        self.init_error = None
        self.init_failed = threading.Event()
        self.problems = []  # what a strict server would have refused
        self.waiting = 0  # `next` calls that are open
        self.most_waiting = 0
        self._lock = threading.Lock()
        self._queue = queue.Queue()
        self._running = {}
        self._connections = []
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._closed = True
        self._listener.close()
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.crash_all("closed")

    def invoke(self, event, headers=None, timeout=20.0):
        invocation = _Invocation(event, headers or {}, int((time.time() + timeout) * 1000))
        self._queue.put(invocation)
        if not invocation.done.wait(timeout):
            invocation.finish(Result("timeout"))
        return invocation.result

    def crash_all(self, reason):
        """The runtime process is gone: whatever it had taken has failed."""
        with self._lock:
            running, self._running = self._running, {}
        for invocation in running.values():
            invocation.finish(Result("crash", body=reason.encode()))

    # The server side.

    def _accept(self):
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        file = connection.makefile("rb")
        try:
            while True:
                line = file.readline()
                if not line:
                    return
                method, path, _ = line.decode("latin-1").split(" ", 2)
                headers = _read_fields(file)
                if "host" not in headers:
                    self.problems.append(f"{method} {path} without Host")
                body = self._body(file, headers)
                self._route(connection, method, path, headers, body)
        except ValueError as error:
            if not self._closed:
                self.problems.append(f"not HTTP: {error}")
        except OSError:
            pass  # the process ended
        finally:
            connection.close()

    def _body(self, file, headers):
        result = Result("response", headers)
        if "chunked" in headers.get("transfer-encoding", ""):
            while True:
                size = int(file.readline().split(b";")[0], 16)
                if size == 0:
                    break
                result.chunks.append(_read_exactly(file, size))
                result.chunk_times.append(time.monotonic())
                if file.readline() != b"\r\n":
                    raise ValueError("a chunk does not end where it says")
            result.trailers = _read_fields(file)
            result.body = b"".join(result.chunks)
        else:
            result.body = _read_exactly(file, int(headers.get("content-length", 0)))
        return result

    def _route(self, connection, method, path, headers, result):
        if method == "GET" and path == PREFIX + "invocation/next":
            self._next(connection)
            return
        if method == "POST" and path == PREFIX + "init/error":
            result.kind = "error"
            self.init_error = result
            self.init_failed.set()
            _answer(connection, 202, b'{"status":"OK"}\n')
            return
        parts = path[len(PREFIX):].split("/") if path.startswith(PREFIX) else []
        if method == "POST" and len(parts) == 3 and parts[0] == "invocation" and parts[2] in ("response", "error"):
            with self._lock:
                invocation = self._running.pop(parts[1], None)
            if invocation is None:
                self.problems.append(f"{path}: unknown request id")
                _answer(connection, 400, b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}')
                return
            result.kind = parts[2]
            _answer(connection, 202, b'{"status":"OK"}\n')
            invocation.finish(result)
            return
        self.problems.append(f"{method} {path} is no path of the Runtime API")
        _answer(connection, 404, b"{}")

    def _next(self, connection):
        with self._lock:
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
        if self.ready_time is None:
            self.ready_time = time.monotonic()
        self.ready.set()
        try:
            invocation = self._take(connection)
        finally:
            with self._lock:
                self.waiting -= 1
        if invocation is None:
            return
        with self._lock:
            self._running[invocation.id] = invocation
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:tested",
        }
        headers.update(invocation.headers)
        _answer(connection, 200, invocation.event, headers)

    def _take(self, connection):
        while not self._closed:
            try:
                return self._queue.get(timeout=0.1)
            except queue.Empty:
                try:
                    if connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                        return None  # the process is gone; leave the invocation to its successor
                except BlockingIOError:
                    pass
        return None


def decode_error_trailers(result):
    """(type, body) of the error that ended a stream, or None."""
    body = result.trailers.get("lambda-runtime-function-error-body")
    if not body:
        return None
    return result.trailers.get("lambda-runtime-function-error-type"), base64.b64decode(body)


def _read_exactly(file, size):
    data = file.read(size)
    if len(data) != size:
        raise ValueError("the body ended early")
    return data


def _read_fields(file):
    fields = {}
    while True:
        line = file.readline()
        if line in (b"\r\n", b""):
            return fields
        name, _, value = line.decode("latin-1").partition(":")
        name = name.lower()
        value = value.strip()
        fields[name] = f"{fields[name]}, {value}" if name in fields else value


def _answer(connection, status, body, headers=None):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {"Content-Type": "application/json"}).items()]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
