"""HTTP/2 from real clients through gateway and watchdog: curl, h2load, h2spec, gRPC."""

import contextlib
import hashlib
import http.server
import os
import queue
import re
import socketserver
import subprocess
import sys
import threading
import time

import pytest

import http2_under_test as http2
from platform_under_test import free_port

GRPC_SERVER = r'''
import os, time
from concurrent import futures
import grpc
same = lambda b: b

class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        kinds = {"Unary": (grpc.unary_unary_rpc_method_handler, self.unary),
                 "Down": (grpc.unary_stream_rpc_method_handler, self.down),
                 "Up": (grpc.stream_unary_rpc_method_handler, self.up),
                 "Both": (grpc.stream_stream_rpc_method_handler, self.both),
                 "Fail": (grpc.unary_unary_rpc_method_handler, self.fail),
                 "Slow": (grpc.unary_unary_rpc_method_handler, self.slow),
                 "Forever": (grpc.unary_stream_rpc_method_handler, self.forever),
                 "Ended": (grpc.unary_unary_rpc_method_handler, self.ended)}
        method = details.method.rsplit("/", 1)[1]
        if method in kinds:
            return kinds[method][0](kinds[method][1], same, same)
    def unary(self, request, context):
        mine = dict(context.invocation_metadata()).get("x-mine", "none")
        context.send_initial_metadata((("x-first", mine),))
        context.set_trailing_metadata((("x-last", mine), ("x-last-bin", b"\0\xff")))
        return b"echo:" + request
    def down(self, request, context):
        for i in range(int(request)): yield b"%d" % i
    def up(self, pieces, context): return b"%d" % sum(len(piece) for piece in pieces)
    def both(self, pieces, context):
        context.send_initial_metadata(())
        for piece in pieces: yield b"re:" + piece
    def fail(self, request, context): context.abort(grpc.StatusCode.FAILED_PRECONDITION, "n\u00e4h, not now")
    def slow(self, request, context): time.sleep(float(request)); return b"late"
    ends = 0
    def forever(self, request, context):
        def gone(): Handler.ends += 1
        context.add_callback(gone)
        while context.is_active(): yield b"x"; time.sleep(0.02)
    def ended(self, request, context): return b"%d" % Handler.ends

server = grpc.server(futures.ThreadPoolExecutor(64))
server.add_generic_rpc_handlers((Handler(),))
server.add_insecure_port("127.0.0.1:" + os.environ["PORT"])
server.start()
server.wait_for_termination()
'''


SMALL = b"x" * 64  # large enough for every case of h2spec


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        size = int(self.headers.get("X-Size", 64))
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"x" * size)
    do_HEAD = do_GET

    def do_POST(self):
        digest = hashlib.sha256()
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                digest.update(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline() != b"\r\n":
                pass
        else:
            digest.update(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        text = digest.hexdigest().encode()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text))


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, *_):
        pass  # a request that is cut off is no news here


class Ports(int):
    """A gateway's port, and beside it the one that it serves with TLS."""

    def __new__(cls, port, tls):
        both = super().__new__(cls, port)
        both.tls = tls
        return both


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The ports of a gateway whose function speaks HTTP/1.1."""
    tmp = tmp_path_factory.mktemp("plain")
    with contextlib.ExitStack() as stack:
        server = Server(("127.0.0.1", 0), Echo)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        inner = stack.enter_context(http2.watchdog(tmp, f"http://127.0.0.1:{server.server_port}"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp / "key.pem",
                        "-out", tmp / "cert.pem", "-days", "2", "-subj", "/CN=localhost"],
                       check=True, capture_output=True)
        tls = free_port()
        outer = stack.enter_context(http2.gateway(tmp, inner, "--tls-listen", f"127.0.0.1:{tls}", "--tls-cert",
                                                  tmp / "cert.pem", "--tls-key", tmp / "key.pem"))
        yield Ports(outer, tls)


@pytest.fixture(scope="module")
def grpc(tmp_path_factory):
    """The module, and a channel to a gateway whose function is a gRPC server."""
    tmp = tmp_path_factory.mktemp("grpc")
    modules = str(http2.grpcio())
    sys.path.insert(0, modules)
    import grpc as module
    port = free_port()
    (tmp / "server.py").write_text(GRPC_SERVER)
    with contextlib.ExitStack() as stack:
        stack.enter_context(http2.running([sys.executable, tmp / "server.py"], port, tmp / "server.log",
                                          {"PORT": str(port), "PYTHONPATH": modules}))
        inner = stack.enter_context(http2.watchdog(tmp, f"h2c://127.0.0.1:{port}"))
        outer = stack.enter_context(http2.gateway(tmp, inner))
        channel = stack.enter_context(module.insecure_channel(f"127.0.0.1:{outer}"))
        yield module, channel
    sys.path.remove(modules)


def same(data):
    return data


def method(channel, kind, name):
    return getattr(channel, kind)(f"/pkg.Service/{name}", same, same)


FUNCTION = (("x-hearth-function", "f"),)


def curl(port, *args, data=None):
    done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-m", "60", *args,
                           f"http://127.0.0.1:{int(port)}/function/f"], input=data, capture_output=True, check=True)
    return done.stdout


def test_curl(plain):
    assert curl(plain, "-w", " %{http_version} %{http_code}") == SMALL + b" 2 200"
    assert len(curl(plain, "-H", "X-Size: 10000000")) == 10_000_000
    assert b"content-length: 64" in curl(plain, "-I")
    body = os.urandom(3_000_000)
    digest = hashlib.sha256(body).hexdigest().encode()
    assert curl(plain, "--data-binary", "@-", data=body) == digest
    assert curl(plain, "-X", "POST", "-T", "-", data=body) == digest  # of unknown length


def test_many_streams_on_many_connections(plain):
    done = subprocess.run(["h2load", "-n", "5000", "-c", "10", "-m", "100", f"http://127.0.0.1:{int(plain)}/function/f"],
                          capture_output=True, text=True, timeout=300, check=True)
    assert "5000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout


def test_alpn_chooses_the_protocol(plain):
    for wanted, version in (("--http2", b"2"), ("--http1.1", b"1.1")):
        done = subprocess.run(["curl", "-sSk", wanted, "-m", "60", "-w", " %{http_version} %{http_code}",
                               f"https://127.0.0.1:{plain.tls}/function/f"], capture_output=True, check=True)
        assert done.stdout == SMALL + b" " + version + b" 200"
    done = subprocess.run(["h2load", "-n", "1000", "-c", "5", "-m", "50", f"https://127.0.0.1:{plain.tls}/function/f"],
                          capture_output=True, text=True, timeout=300, check=True)
    assert "1000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout


# Each with its reason in docs/adr/0004-http2-as-text.md.
KNOWN = ["Sends invalid connection preface", "Sends stream identifier that is numerically smaller than previous"]


def test_conformance(plain):
    done = subprocess.run([http2.h2spec(), "-h", "127.0.0.1", "-p", str(int(plain)), "-P", "/function/f", "-o", "10",
                           "generic", "http2", "hpack"], capture_output=True, text=True, timeout=600)
    sums = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    assert sums, done.stdout + done.stderr
    total, passed, skipped, failed = map(int, sums.groups())
    failures = re.findall(r"\u00d7 \d+: (.*)", done.stdout.split("Failures:")[-1]) if failed else []
    print(f"h2spec: {passed} of {total}; not: {failures}")
    assert total >= 145 and skipped == 0
    assert sorted(failures) == sorted(KNOWN), done.stdout
    assert curl(plain) == SMALL


def test_all_kinds_of_calls(grpc):
    _, channel = grpc
    answer, call = method(channel, "unary_unary", "Unary").with_call(
        b"hi", metadata=(*FUNCTION, ("x-mine", "m")), timeout=30)
    assert answer == b"echo:hi"
    assert dict(call.initial_metadata())["x-first"] == "m"
    assert dict(call.trailing_metadata()) == {"x-last": "m", "x-last-bin": b"\0\xff"}
    down = method(channel, "unary_stream", "Down")(b"2000", metadata=FUNCTION, timeout=60)
    assert list(down) == [b"%d" % i for i in range(2000)]
    up = method(channel, "stream_unary", "Up")(iter([b"a" * 100_000] * 50), metadata=FUNCTION, timeout=60)
    assert up == b"5000000"


def test_both_sides_talk_while_neither_has_finished(grpc):
    module, channel = grpc
    words = queue.Queue()
    call = method(channel, "stream_stream", "Both")(iter(words.get, None), metadata=FUNCTION, timeout=60)
    call.initial_metadata()  # comes before a word was said
    for i in range(20):
        words.put(b"%d" % i)
        assert next(call) == b"re:%d" % i
    words.put(None)
    assert list(call) == []
    assert call.code() == module.StatusCode.OK


def test_errors_of_the_function_and_of_the_platform(grpc):
    module, channel = grpc

    def fails(name, data=b"", function="f", timeout=30):
        with pytest.raises(module.RpcError) as error:
            method(channel, "unary_unary", name)(data, metadata=(("x-hearth-function", function),), timeout=timeout)
        return error.value.code(), error.value.details()

    codes = module.StatusCode
    assert fails("Fail") == (codes.FAILED_PRECONDITION, "n\u00e4h, not now")
    assert fails("Nope")[0] == codes.UNIMPLEMENTED
    assert fails("Slow", b"20", timeout=1)[0] == codes.DEADLINE_EXCEEDED
    code, details = fails("Unary", function="none")
    assert code == codes.UNIMPLEMENTED and 'no function "none"' in details


def test_a_cancelled_call_ends_at_the_function(grpc):
    _, channel = grpc
    ended = method(channel, "unary_unary", "Ended")
    before = int(ended(b"", metadata=FUNCTION, timeout=30))
    call = method(channel, "unary_stream", "Forever")(b"", metadata=FUNCTION)
    assert next(call) == b"x"
    call.cancel()
    deadline = time.monotonic() + 60
    while int(ended(b"", metadata=FUNCTION, timeout=30)) == before:
        assert time.monotonic() < deadline, "the function was not told"
        time.sleep(0.05)


def test_many_calls_at_once(grpc):
    _, channel = grpc
    unary = method(channel, "unary_unary", "Unary")
    calls = [unary.future(b"%d" % i, metadata=FUNCTION, timeout=120) for i in range(500)]
    assert [call.result() for call in calls] == [b"echo:%d" % i for i in range(500)]
