"""What HTTP users take for granted, end to end through gateway and watchdog."""

import json
import os
import threading
import time

import pytest

from platform_under_test import ECHO, command, eventually, inline_python
from wire import Raw, WebSocket

ECHO_EVENT = "import json\ndef handler(event, context):\n    return event\n"

SERVER = r'''
import hashlib, http.server, os, socketserver, struct, base64, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                if size == 0:
                    while self.rfile.readline() not in (b"\r\n", b""): pass
                    return
                yield self.rfile.read(size)
                self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length", 0))
            while left:
                data = self.rfile.read(min(left, 65536))
                if not data: return
                left -= len(data)
                yield data

    def do_POST(self):
        digest, size = hashlib.sha256(), 0
        for piece in self.body():
            digest.update(piece); size += len(piece)
        text = f"{size} {digest.hexdigest()}".encode()
        self.send_response(200); self.send_header("Content-Length", str(len(text))); self.end_headers()
        self.wfile.write(text)
    do_PUT = do_POST

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data)); self.wfile.flush()

    def do_GET(self):
        if self.path.startswith("/stream"):
            self.send_response(200); self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
            for n in range(5):
                self.chunk(b"data: %d\n\n" % n); time.sleep(0.3)
            self.wfile.write(b"0\r\n\r\n")
        elif self.path.startswith("/big"):
            size = int(self.path.split("=")[1])
            self.send_response(200); self.send_header("Content-Length", str(size)); self.end_headers()
            block = b"z" * 65536
            while size:
                n = min(size, len(block)); self.wfile.write(block[:n]); size -= n
        elif self.path.startswith("/ws"):
            accept = base64.b64encode(hashlib.sha1((self.headers["Sec-WebSocket-Key"] +
                "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
            self.send_response(101); self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade"); self.send_header("Sec-WebSocket-Accept", accept)
            self.end_headers(); self.wfile.flush()
            while True:
                head = self.rfile.read(2)
                if len(head) < 2: break
                size = head[1] & 0x7f
                if size == 126: size, = struct.unpack("!H", self.rfile.read(2))
                mask = self.rfile.read(4)
                data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(size)))
                if head[0] & 0x0f == 8: break
                self.wfile.write(bytes([0x81, len(data)]) + data); self.wfile.flush()
            self.close_connection = True
        elif self.path.startswith("/redirect"):
            self.send_response(302); self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0"); self.end_headers()
        elif self.path.startswith("/nothing"):
            self.send_response(204); self.end_headers()
        else:
            text = (self.path + "\n" + str(self.headers)).encode()
            self.send_response(200); self.send_header("Content-Length", str(len(text))); self.end_headers()
            self.wfile.write(text)
    def do_HEAD(self):
        self.send_response(200); self.send_header("Content-Length", "123"); self.end_headers()

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'''


@pytest.fixture(scope="module")
def server(platform):
    manifest = command("web", ["/usr/bin/python3", "/var/task/server.py"], "http",
                       source={"files": {"server.py": SERVER}}, scaling={"min": 1})
    platform.deploy(manifest)
    return "web"


def test_event_shape(platform):
    platform.deploy(inline_python("event", ECHO_EVENT))
    response = platform.request("PUT", "/function/event/some/path?a=1&b=2&a=3", b'{"k": 1}',
                                {"Content-Type": "application/json", "Cookie": "x=1; y=2", "X-One": "1"})
    event = response.json()
    assert event["version"] == "2.0"
    assert event["rawPath"] == "/some/path" and event["rawQueryString"] == "a=1&b=2&a=3"
    assert event["queryStringParameters"] == {"a": "1,3", "b": "2"}
    assert event["requestContext"]["http"]["method"] == "PUT"
    assert event["cookies"] == ["x=1", "y=2"]
    assert event["headers"]["x-one"] == "1"
    assert event["body"] == '{"k": 1}' and event["isBase64Encoded"] is False
    binary = platform.request("POST", "/function/event", b"\x00\xff", {"Content-Type": "image/png"}).json()
    assert binary["isBase64Encoded"] is True and binary["body"] == "AP8="


def test_answer_shape(platform):
    code = ("def handler(e, c):\n    return {'statusCode': 418, 'headers': {'X-Tea': 'pot'}, "
            "'cookies': ['a=b', 'c=d'], 'body': 'AP8=', 'isBase64Encoded': True}\n")
    platform.deploy(inline_python("answer", code))
    response = platform.invoke("answer")
    assert response.status == 418 and response.headers["X-Tea"] == "pot"
    assert response.headers.get_all("Set-Cookie") == ["a=b", "c=d"]
    assert response.body == b"\x00\xff"


def test_contract_headers(platform, server):
    response = platform.request("GET", "/function/web/x?y=z", headers={"X-Call-Id": "my-own-id"})
    assert response.headers["X-Call-Id"] == "my-own-id"
    assert response.headers["X-Start-Time"].isdigit() and float(response.headers["X-Duration-Seconds"]) >= 0
    assert response.text.startswith("/x?y=z\n")
    lower = response.text.lower()
    assert "x-forwarded-for: 127.0.0.1" in lower and "x-call-id: my-own-id" in lower
    assert "x-hearth-token" not in lower and "x-hearth-internal" not in lower
    assert platform.request("GET", "/function/web").headers["X-Call-Id"]


def test_upload_100_mb_both_framings(platform, server):
    import hashlib
    block = os.urandom(1 << 20)
    digest = hashlib.sha256()
    for _ in range(100):
        digest.update(block)
    expected = f"{100 << 20} {digest.hexdigest()}"

    def blocks():
        for _ in range(100):
            yield block

    chunked = platform.request("POST", "/function/web", blocks())
    assert chunked.status == 200 and chunked.text == expected
    sized = platform.request("POST", "/function/web", block * 100)
    assert sized.status == 200 and sized.text == expected


def test_download_and_memory_stay_bounded(platform, server):
    def rss(program):
        pids = [pid for pid, line in platform.descendants().items() if os.path.basename(line[0]) == program]
        with open(f"/proc/{pids[0]}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    before = rss("hearth-gateway")
    with Raw(platform) as raw:
        raw.send(b"GET /function/web/big?size=200000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        status, headers = raw.read_head()
        assert status == 200 and headers["content-length"] == "200000000"
        grown = eventually(lambda: rss("hearth-gateway"), "a reading") - before  # nobody reads the body
        assert grown < 20_000, f"{grown} KiB for one slow reader"


def test_events_arrive_one_by_one(platform, server):
    with Raw(platform) as raw:
        raw.send(b"GET /function/web/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        status, headers = raw.read_head()
        assert status == 200 and headers["content-type"] == "text/event-stream"
        arrivals = [time.monotonic()] * raw.buffer.count(b"data:")
        while len(arrivals) < 5:
            data = raw.socket.recv(65536)
            arrivals += [time.monotonic()] * data.count(b"data:")
        assert arrivals[-1] - arrivals[0] > 0.8, "not held back and sent at once"


def test_websocket(platform, server):
    with WebSocket(platform, "/function/web/ws") as ws:
        assert ws.status == 101 and ws.headers["upgrade"].lower() == "websocket"
        for text in ("hello", "x" * 100):
            ws.send_text(text)
            assert ws.read_frame() == (1, text.encode())


def test_methods_redirects_and_bodyless(platform, server):
    assert platform.request("HEAD", "/function/web").headers["Content-Length"] == "123"
    redirect = platform.request("GET", "/function/web/redirect")
    assert redirect.status == 302 and redirect.headers["Location"] == "/elsewhere"
    assert platform.request("GET", "/function/web/nothing").status == 204


def test_pipelining_keep_alive_and_http10(platform, server):
    one = b"GET /function/web/%d HTTP/1.1\r\nHost: x\r\n\r\n"
    with Raw(platform) as raw:
        raw.send(b"".join(one % n for n in range(5)))
        for n in range(5):
            assert raw.read_response()[2].startswith(b"/%d\n" % n)
    with Raw(platform) as raw:
        raw.send(b"GET /function/web/old HTTP/1.0\r\n\r\n")
        assert b"/old" in raw.read_to_end()


def test_expect_continue(platform, server):
    with Raw(platform) as raw:
        raw.send(b"POST /function/web HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert raw.read_head()[0] == 100
        raw.send(b"abc")
        status, _, body = raw.read_response()
        assert status == 200 and body.startswith(b"3 ")


SMUGGLING = [
    ("length and chunked", b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("two lengths", b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    ("chunked twice", b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", (400, 501)),
    ("unknown coding", b"Transfer-Encoding: gzip\r\n\r\n", (400, 501)),
    ("space before colon", b"Content-Length : 0\r\n\r\n", 400),
    ("folded line", b"X-A: b\r\n c\r\n\r\n", 400),
    ("bare line feed", b"X-A: b\nX-B: c\r\n\r\n", 400),
    ("negative length", b"Content-Length: -1\r\n\r\n", 400),
    ("plus length", b"Content-Length: +1\r\n\r\na", 400),
    ("huge chunk", b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
    ("bad chunk", b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", 400),
    ("NUL in value", b"X-A: b\x00c\r\n\r\n", 400),
]


@pytest.mark.parametrize("name,rest,want", SMUGGLING, ids=[s[0] for s in SMUGGLING])
def test_smuggling_is_refused(platform, server, name, rest, want):
    with Raw(platform) as raw:
        raw.send(b"POST /function/web HTTP/1.1\r\nHost: x\r\n" + rest)
        status, headers, _ = raw.read_response()
        assert status in (want if isinstance(want, tuple) else (want,)), status
        assert headers.get("connection", "").lower() == "close" or raw.read_to_end() == b""


LIMITS = [("long line", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
          ("large head", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 80000 + b"\r\n\r\n", 431),
          ("many headers", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 200 + b"\r\n", 431),
          ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
          ("version 2 text", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
          ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400)]


@pytest.mark.parametrize("name,request_bytes,want", LIMITS, ids=[s[0] for s in LIMITS])
def test_head_limits(platform, name, request_bytes, want):
    with Raw(platform) as raw:
        raw.send(request_bytes)
        assert raw.read_response()[0] == want


def test_slow_head_is_cut(platform, full):
    with Raw(platform, timeout=60) as raw:
        raw.send(b"GET / HTTP/1.1\r\nHo")
        rest = raw.read_to_end()
        assert not rest or b" 408 " in rest.split(b"\r\n")[0]


def test_client_that_leaves_frees_its_slot(platform):
    code = "import time\ndef handler(e, c):\n    time.sleep(float(e['body']))\n    return 'ok'\n"
    platform.deploy(inline_python("left", code, scaling={"max": 1}, timeout="5s"))
    platform.invoke("left", b"0")
    for _ in range(3):
        with Raw(platform) as raw:
            raw.send(b"POST /function/left HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n0.3")
    assert platform.invoke("left", b"0").text == "ok"
    metric = 'gateway_function_invocation_inflight{function_name="left.default"} 0'
    eventually(lambda: metric in platform.metrics(), "no slot is held")


def test_half_closed_client_gets_its_answer(platform, server):
    import socket
    with Raw(platform) as raw:
        raw.send(b"POST /function/web HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab")
        raw.socket.shutdown(socket.SHUT_WR)
        assert b"200" in raw.read_to_end().split(b"\r\n")[0]


def test_static_site(platform, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<h1>front</h1>")
    (site / "style.css").write_text("b{}")
    manifest = tmp_path / "site.yaml"
    manifest.write_text("apiVersion: hearth.dev/v1\nkind: Function\nmetadata: {name: site}\n"
                        "spec: {mode: static, source: {path: ./site}}\n")
    platform.hearth("deploy", "-f", manifest)
    front = platform.request("GET", "/function/site/")
    assert front.status == 200 and "front" in front.text and "text/html" in front.headers["Content-Type"]
    assert "text/css" in platform.request("GET", "/function/site/style.css").headers["Content-Type"]
    assert platform.request("GET", "/function/site/none").status == 404
    with Raw(platform) as raw:
        raw.send(b"GET /function/site/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"root:" not in raw.read_response()[2]


def test_shell_pipeline_and_exit_status(platform):
    platform.deploy(command("count", ["/usr/bin/wc", "-c"], "serializing"))
    assert platform.invoke("count", b"12345").text.strip() == "5"
    platform.deploy(command("fails", ["/bin/sh", "-c", "echo sorry >&2; exit 3"], "serializing"))
    failed = platform.invoke("fails", b"")
    assert failed.status == 500 and failed.headers["X-Hearth-Error"].startswith("function;")
    platform.deploy(command("cgi", ["/bin/sh", "-c", "echo $Http_Method $Http_Path $Http_Query $Http_X_Mine"],
                            "streaming"))
    assert platform.request("GET", "/function/cgi/p?q=1", headers={"X-Mine": "m"}).text.split() == \
        ["GET", "/p", "q=1", "m"]


def test_leaking_children_are_reaped(platform):
    script = "for i in 1 2 3; do (sleep 300 &) ; done; echo leaked"
    platform.deploy(command("leaks", ["/bin/sh", "-c", script], "serializing", scaling={"max": 1}))
    for _ in range(20):
        assert platform.invoke("leaks", b"").text.strip() == "leaked"
    sleeping = [pid for pid, line in platform.descendants().items() if line[:2] == ["sleep", "300"]]
    assert len(sleeping) <= 60
    platform.hearth("remove", "leaks")
    eventually(lambda: not [1 for line in platform.descendants().values() if line[:2] == ["sleep", "300"]],
               "children go with their replica")


def test_concurrent_streams_on_one_replica(platform, server):
    done = []

    def read():
        with Raw(platform) as raw:
            raw.send(b"GET /function/web/stream HTTP/1.1\r\nHost: x\r\n\r\n")
            done.append(raw.read_response()[2].count(b"data:"))

    threads = [threading.Thread(target=read) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [5] * 20
