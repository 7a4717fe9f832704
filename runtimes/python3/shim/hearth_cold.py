"""The half of the Python client that most invocations never need: errors, streams, async handlers, threads."""

import os
import sys
import traceback

HTTP_STREAM = "application/vnd.awslambda.http-integration-response"
TYPE_HEADER = "Lambda-Runtime-Function-Error-Type"
BODY_HEADER = "Lambda-Runtime-Function-Error-Body"

core = None
_loop = None
_loop_is_threaded = False
_END = object()


def attach(module):
    """bootstrap.py is `__main__`: it cannot be imported by name, so it introduces itself."""
    global core
    core = module


class InitError(Exception):
    """A handler that cannot be loaded, with the type that the Runtime API has for the reason."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def _describe(error, kind):
    """The error as the JSON that its caller gets, without the frames of this client."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if os.path.dirname(frame.filename) != os.path.dirname(os.path.abspath(__file__))
              and not frame.filename.startswith("<frozen importlib")]
    return {
        "errorMessage": str(error),
        "errorType": kind or type(error).__name__,
        "stackTrace": [line.rstrip("\n") for line in traceback.format_list(frames)],
    }


def _log(description, error):
    cause = error.__cause__
    lines = [f"{description['errorType']}: {description['errorMessage']}"] + description["stackTrace"]
    if cause is not None:
        lines += [f"caused by {type(cause).__name__}: {cause}"]
    print("\n".join(lines), file=sys.stderr)


def _header_type(kind):
    return kind if kind.startswith(("Runtime.", "Function.")) else f"Function.{kind}"


def report(connection, request_id, error, kind):
    description = _describe(error, kind)
    _log(description, error)
    connection.request("POST", f"invocation/{request_id}/error",
                       {"Content-Type": core.JSON, TYPE_HEADER: _header_type(description["errorType"])},
                       core.dumps(description).encode("utf-8", "replace"))


def report_init(connection, error):
    kind = error.kind if isinstance(error, InitError) else None
    shown = error.__cause__ if kind and error.__cause__ is not None else error
    description = _describe(shown, kind)
    description["errorMessage"] = str(error)
    _log(description, error)
    connection.request("POST", "init/error",
                       {"Content-Type": core.JSON, TYPE_HEADER: _header_type(description["errorType"])},
                       core.dumps(description).encode("utf-8", "replace"))


# Async handlers share one event loop for the life of the process, so that sessions and pools made in one
# invocation work in the next.

def run_async(awaitable):
    import asyncio

    async def finish():
        return await awaitable

    if _loop_is_threaded:
        return asyncio.run_coroutine_threadsafe(finish(), _loop).result()
    return _own_loop().run_until_complete(finish())


def _own_loop():
    global _loop
    if _loop is None:
        import asyncio

        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop


def _synchronous(stream):
    """Items of an iterator or of an async one."""
    if hasattr(stream, "__next__"):
        yield from stream
        return
    while True:
        try:
            yield run_async(stream.__anext__())
        except StopAsyncIteration:
            return


def _chunk(item):
    if isinstance(item, str):
        return item.encode("utf-8", "replace")
    if isinstance(item, (bytes, bytearray, memoryview)):
        return bytes(item)
    return core.dumps(item).encode("utf-8") + b"\n"


def _content_type(item):
    if isinstance(item, str):
        return "text/plain; charset=utf-8"
    if isinstance(item, (bytes, bytearray, memoryview)):
        return "application/octet-stream"
    return "application/x-ndjson"


def stream(connection, request_id, result):
    """Sends what a generator yields as it comes. A first item that is a dict with statusCode, headers or
    cookies is the head of the HTTP answer. Until the first item is there an error is an ordinary one."""
    items = _synchronous(result)
    try:
        first = next(items, "")
        if isinstance(first, dict) and first.keys() & {"statusCode", "headers", "cookies"}:
            content_type = HTTP_STREAM
            data = core.dumps({"statusCode": 200, **first}).encode("utf-8") + b"\0" * 8
        else:
            content_type, data = _content_type(first), _chunk(first)
    except Exception as error:
        report(connection, request_id, error, None)
        return
    head = connection.head("POST", f"invocation/{request_id}/response", {
        "Content-Type": content_type,
        "Transfer-Encoding": "chunked",
        "Lambda-Runtime-Function-Response-Mode": "streaming",
        "Trailer": f"{TYPE_HEADER}, {BODY_HEADER}",
    })
    try:
        connection.send(head + _framed(data))
        failure = _send_items(connection, items)
        connection.send(b"0\r\n" + _trailers(failure) + b"\r\n")
        connection.response()
    except (OSError, core.ProtocolError) as error:
        # The caller went away and the platform with it hung up: no reason to lose this process.
        print(f"the stream of {request_id} was cut off: {error}", file=sys.stderr)
        connection.close()
        items.close()


def _framed(data):
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def _send_items(connection, items):
    """Sends all that is left; the description of the error that ended it early, or None."""
    while True:
        try:
            item = next(items, _END)
            if item is _END:
                return None
            data = _framed(_chunk(item))
        except Exception as error:
            failure = _describe(error, None)
            _log(failure, error)
            return failure
        connection.send(data)


def _trailers(failure):
    if failure is None:
        return b""
    from binascii import b2a_base64

    body = b2a_base64(core.dumps(failure).encode("utf-8", "replace"), newline=False).decode("ascii")
    return f"{TYPE_HEADER}: {_header_type(failure['errorType'])}\r\n{BODY_HEADER}: {body}\r\n".encode("latin-1")


def serve_parallel(address, handler, count):
    """AWS_LAMBDA_MAX_CONCURRENCY: one thread for each invocation that may run at once. Never returns; the
    process ends when any of them fails, because a half-working replica is worse than a restart."""
    global _loop, _loop_is_threaded
    import inspect
    import threading

    if inspect.iscoroutinefunction(handler) or inspect.isasyncgenfunction(handler):
        _own_loop()
        _loop_is_threaded = True
        threading.Thread(target=_loop.run_forever, daemon=True).start()

    def work():
        connection = core.Connection(address)
        try:
            while True:
                core.serve_one(connection, handler)
        except SystemExit as error:
            os._exit(error.code if isinstance(error.code, int) else 1)
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    for _ in range(count - 1):
        threading.Thread(target=work, daemon=True).start()
    work()
