"""Hearth's Python client of the Lambda Runtime API: the path every invocation takes.

A cold start is mostly imports, so this file uses the interpreter's built-in `_socket` and `_json` where the
modules `socket` and `json` would each cost five milliseconds. What few functions need (errors, streams, async
handlers, threads) is in hearth_cold.py and loaded on first use.
"""

import _socket
import os
import sys
from time import time

API = "/2018-06-01/runtime/"
JSON = "application/json"


class ProtocolError(Exception):
    """The Runtime API did not behave; the process cannot go on."""


class Connection:
    """One keep-alive HTTP/1.1 connection. Used by one thread."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._address = (host.strip("[]"), int(port))
        self._family = _socket.AF_INET6 if ":" in host else _socket.AF_INET
        self._socket = None
        self._buffer = b""

    def open(self):
        self._socket = _socket.socket(self._family, _socket.SOCK_STREAM)
        self._socket.connect(self._address)
        self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._buffer = b""

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, data):
        self._socket.sendall(data)

    def head(self, method, path, headers):
        lines = [f"{method} {API}{path} HTTP/1.1", f"Host: {self._address[0]}:{self._address[1]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def request(self, method, path, headers=None, body=b""):
        """Sends a request and returns (status, headers, body). A connection that was kept and turns out to be
        closed is replaced once."""
        headers = dict(headers or {})
        if method == "POST":
            headers["Content-Length"] = len(body)
        data = self.head(method, path, headers)
        fresh = self._socket is None
        while True:
            try:
                if self._socket is None:
                    self.open()
                if len(body) < 65536:
                    self.send(data + body)
                else:
                    self.send(data)
                    self.send(body)
                return self.response()
            except (OSError, ProtocolError):
                self.close()
                if fresh:
                    raise
                fresh = True

    def response(self):
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            self._fill()
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        self._buffer = self._buffer[end + 4:]
        status = int(lines[0].split(" ", 2)[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if "chunked" in headers.get("transfer-encoding", ""):
            body = self._chunks()
        else:
            body = self._take(int(headers.get("content-length", 0)))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, headers, body

    def _fill(self):
        data = self._socket.recv(262144)
        if not data:
            raise ProtocolError("the Runtime API closed the connection")
        self._buffer += data

    def _take(self, size):
        if len(self._buffer) < size:
            parts = [self._buffer]
            missing = size - len(self._buffer)
            while missing > 0:
                data = self._socket.recv(min(missing, 1 << 20))
                if not data:
                    raise ProtocolError("the Runtime API closed the connection inside an event")
                parts.append(data)
                missing -= len(data)
            self._buffer = b"".join(parts)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _line(self):
        while b"\r\n" not in self._buffer:
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _chunks(self):
        parts = []
        while True:
            size = int(self._line().split(b";")[0], 16)
            if size == 0:
                break
            parts.append(self._take(size))
            self._line()
        while self._line():  # trailers
            pass
        return b"".join(parts)


class Context:
    """What AWS's client gives a handler as its second argument."""

    def __init__(self, headers):
        get = headers.get
        env = os.environ.get
        self.aws_request_id = get("lambda-runtime-aws-request-id", "")
        self.deadline_ms = int(get("lambda-runtime-deadline-ms") or 0)
        self.invoked_function_arn = get("lambda-runtime-invoked-function-arn", "")
        self.trace_id = get("lambda-runtime-trace-id", "")
        self.tenant_id = get("lambda-runtime-aws-tenant-id")
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION", "")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.client_context = _optional_json(get("lambda-runtime-client-context"))
        self.identity = _optional_json(get("lambda-runtime-cognito-identity"))

    def get_remaining_time_in_millis(self):
        return max(0, int(self.deadline_ms - time() * 1000))


def _optional_json(text):
    return loads(text) if text else None


def _make_codec():
    """loads and dumps on the interpreter's C scanner and encoder; `json` itself where they are missing."""
    try:
        from _json import encode_basestring, make_encoder, make_scanner

        class Options:
            strict = True
            object_hook = object_pairs_hook = None
            parse_float = float
            parse_int = int
            parse_constant = float
            memo = {}

        scan = make_scanner(Options)

        def default(value):
            raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")

        def fast_loads(text):
            text = text.strip(" \t\r\n")
            try:
                value, end = scan(text, 0)
            except StopIteration:
                raise ValueError("the event is not JSON") from None
            if end != len(text):
                raise ValueError(f"the event is not JSON: extra data at character {end}")
            return value

        def fast_dumps(value):
            encode = make_encoder({}, default, encode_basestring, None, ": ", ", ", False, False, False)
            return "".join(encode(value, 0))

        # Proves that the private interface is what this file thinks it is.
        if fast_loads('{"a": [1, "b", null]}') != {"a": [1, "b", None]} or fast_dumps(["a"]) != '["a"]':
            raise ImportError
        return fast_loads, fast_dumps
    except (ImportError, TypeError, AttributeError):
        import json

        return json.loads, lambda value: json.dumps(value, ensure_ascii=False, allow_nan=False)


loads, dumps = _make_codec()


def cold():
    """The seldom needed half of this client. Its folder is not on sys.path: its names are not the user's."""
    module = sys.modules.get("hearth_cold")
    if module is None:
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        try:
            import hearth_cold as module
        finally:
            del sys.path[0]
        module.attach(sys.modules[__name__])
    return module


def encode(result):
    """A handler's result as (content type, bytes). Bytes go out as they are; a response object may have a
    body of bytes."""
    if isinstance(result, (bytes, bytearray, memoryview)):
        return "application/octet-stream", bytes(result)
    if type(result) is dict and isinstance(result.get("body"), (bytes, bytearray)):
        from binascii import b2a_base64

        body = b2a_base64(result["body"], newline=False).decode("ascii")
        result = {**result, "body": body, "isBase64Encoded": True}
    text = dumps(result)
    try:
        return JSON, text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate
        import json

        return JSON, json.dumps(result, allow_nan=False).encode("ascii")


def serve_one(connection, handler):
    """Takes one event, runs the handler and sends the answer."""
    status, headers, body = connection.request("GET", "invocation/next")
    if status != 200:
        raise ProtocolError(f"the Runtime API answered {status} to next: {body[:200]!r}")
    request_id = headers.get("lambda-runtime-aws-request-id", "")
    trace = headers.get("lambda-runtime-trace-id")
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    try:
        event = loads(body.decode("utf-8")) if headers.get("content-type", JSON).startswith(JSON) else body
        context = Context(headers)
    except Exception as error:
        cold().report(connection, request_id, error, "Runtime.UnmarshalError")
        return
    try:
        result = handler(event, context)
        if hasattr(result, "__await__"):
            result = cold().run_async(result)
        streamed = hasattr(result, "__next__") or hasattr(result, "__anext__")
    except Exception as error:
        cold().report(connection, request_id, error, None)
        return
    if streamed:
        cold().stream(connection, request_id, result)
        return
    try:
        content_type, data = encode(result)
    except Exception as error:
        cold().report(connection, request_id, error, "Runtime.MarshalError")
        return
    status, _, body = connection.request(
        "POST", f"invocation/{request_id}/response", {"Content-Type": content_type}, data)
    if status >= 300:
        print(f"the Runtime API refused the answer of {request_id}: {status} {body[:300]!r}", file=sys.stderr)


def load(name):
    """The handler named FILE.FUNCTION or FOLDER/FILE.FUNCTION."""
    module_name, dot, function = name.rpartition(".")
    if not dot or not module_name or not function:
        raise cold().InitError("Runtime.MalformedHandlerName",
                               f"bad handler '{name}': write it as file.function, for example handler.handler")
    module_name = module_name.replace("/", ".")
    try:
        __import__(module_name)
    except SyntaxError as error:
        raise cold().InitError("Runtime.UserCodeSyntaxError",
                               f"syntax error in module '{module_name}': {error}") from error
    except ImportError as error:
        raise cold().InitError("Runtime.ImportModuleError",
                               f"unable to import module '{module_name}': {error}") from error
    handler = getattr(sys.modules[module_name], function, None)
    if not callable(handler):
        raise cold().InitError("Runtime.HandlerNotFound",
                               f"handler '{function}' is not a function of module '{module_name}'")
    return handler


def main():
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if not address:
        sys.exit("AWS_LAMBDA_RUNTIME_API is not set: this program is started by hearth-watchdog")
    sys.stdout.reconfigure(line_buffering=True)
    sys.stderr.reconfigure(line_buffering=True)
    del sys.path[0]  # this file's own folder
    task = os.getcwd()
    if task not in sys.path:
        sys.path[:0] = [task, os.path.join(task, ".deps")]
    connection = Connection(address)
    try:
        handler = load(os.environ.get("_HANDLER") or "handler.handler")
    except Exception as error:
        cold().report_init(connection, error)
        sys.exit(1)
    parallel = int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY") or 1)
    if parallel > 1:
        cold().serve_parallel(address, handler, parallel)
    while True:
        serve_one(connection, handler)


if __name__ == "__main__":
    main()
