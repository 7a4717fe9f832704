"""What a person sees of a platform that works, and of one that does not."""

import http.server
import json
import os
import pty
import re
import secrets
import select
import shutil
import struct
import subprocess
import threading
import time

import pytest

from platform_under_test import BIN, ECHO, Load, Platform, eventually, free_port, inline_python


def top(platform, *args):
    return json.loads(platform.hearth("top", "--once", "--json", *args).out)


def test_top_shows_what_happens(platform):
    platform.deploy(inline_python("busy-one", ECHO))
    platform.deploy(inline_python("idle-one", ECHO))
    platform.deploy(inline_python("failing", "def handler(event, context):\n    raise ValueError('no')\n"))
    with Load(platform, "busy-one", threads=2):
        for _ in range(3):
            platform.invoke("failing")
        looks = []

        def seen():
            looks.append(top(platform, "--interval", "500ms"))
            rows = {f["name"]: f for f in looks[-1]["functions"]}
            return rows["busy-one"]["rps"] > 0 and rows
        rows = eventually(seen, "requests in the table")
        platform.invoke("failing")
    busy, idle = rows["busy-one"], rows["idle-one"]
    assert busy["p50Ms"] > 0 and busy["p99Ms"] >= busy["p50Ms"]
    assert busy["replicas"] >= 1 and busy["errorPercent"] == 0
    assert idle["rps"] == 0 and idle["p99Ms"] == 0
    # Every answer of it is an error.
    results = [platform.invoke("failing").status for _ in range(3)]
    assert set(results) == {500}

    def failing():
        platform.invoke("failing")
        process = subprocess.Popen([BIN / "hearth", "top", "failing", "--once", "--json"],
                                   env=platform.environment(), stdout=subprocess.PIPE, text=True)
        while process.poll() is None:
            platform.invoke("failing")
        row, = json.load(process.stdout)["functions"]
        return row["rps"] > 0 and row["errorPercent"] == 100
    eventually(failing, "errors in the table")


def test_top_shows_cold_starts(platform):
    platform.deploy(inline_python("cold-one", ECHO, scaling={"idleTimeout": "1s"}))

    def row():
        return top(platform, "cold-one", "--interval", "100ms")["functions"][0]
    eventually(lambda: row()["replicas"] == 0, "zero replicas after the idle time")
    before = row()["coldStarts"]
    assert platform.invoke("cold-one", b"x").status == 200
    assert row()["coldStarts"] == before + 1


def test_top_in_a_narrow_terminal(platform):
    platform.deploy(inline_python("a-function-whose-name-is-rather-long", ECHO))
    parent, child = pty.openpty()
    subprocess.run(["stty", "cols", "40", "rows", "12"], stdin=child, check=True)
    process = subprocess.Popen([BIN / "hearth", "top", "--interval", "200ms"], stdin=child, stdout=child,
                               env=platform.environment(TERM="xterm"))
    os.close(child)
    text = ""
    deadline = time.monotonic() + 60
    while text.count("\x1b[J") < 3 and time.monotonic() < deadline:
        if select.select([parent], [], [], 1)[0]:
            text += os.read(parent, 65536).decode()
    process.terminate()
    process.wait()
    os.close(parent)
    frames = text.split("\x1b[J")
    assert len(frames) >= 3, text
    lines = re.sub(r"\x1b\[[HKJ]", "", frames[1]).replace("\r", "").split("\n")
    assert any(line.startswith("FUNCTION") for line in lines), lines
    assert max(map(len, lines)) <= 40 and len(lines) <= 12, lines


def test_top_needs_credentials(platform):
    for user in ("nobody:wrong", ""):
        assert platform.api("GET", "/system/v1/top", user=user or "x:y").status == 401
    assert platform.request("GET", "/system/v1/top").status == 401
    assert platform.api("GET", "/system/v1/top").status == 200


def test_refusals_and_retries_are_counted(platform):
    before = platform.metrics()
    name = f"nobody-{free_port()}"
    assert platform.invoke(name).status == 404
    assert platform.invoke(name).status == 404

    def count(text):
        lines = re.findall(r'^hearth_gateway_refusals_total\{reason="function_not_found"\} (\d+)', text, re.M)
        return int(lines[0]) if lines else 0
    assert count(platform.metrics()) >= count(before) + 2


class Collector:
    """Takes OTLP over HTTP and reads the bytes by the public field numbers, with no code of ours."""

    def __init__(self):
        collector = self
        self.spans, self.paths, self.answer = [], [], 200

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.paths.append((self.path, self.headers["Content-Type"]))
                if collector.answer == 200:
                    collector.spans += collector.read(body)
                self.send_response(collector.answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value
        found = {}
        while at < len(data):
            tag = varint()
            kind = tag & 7
            if kind == 0:
                value = varint()
            elif kind == 1:
                value, at = struct.unpack_from("<Q", data, at)[0], at + 8
            elif kind == 2:
                size = varint()
                value, at = data[at:at + size], at + size
            elif kind == 5:
                value, at = struct.unpack_from("<I", data, at)[0], at + 4
            else:
                raise AssertionError(f"wire type {kind}")
            found.setdefault(tag >> 3, []).append(value)
        return found

    def attributes(self, items):
        result = {}
        for item in items:
            pair = self.fields(item)
            (number, (value, *_)), = self.fields(pair[2][0]).items()
            if number == 1:
                value = value.decode()
            elif number == 4:
                value = struct.unpack("<d", struct.pack("<Q", value))[0]
            result[pair[1][0].decode()] = value
        return result

    def read(self, body):
        spans = []
        for resource_spans in self.fields(body)[1]:
            resource_spans = self.fields(resource_spans)
            resource = self.attributes(self.fields(resource_spans[1][0])[1])
            for scope_spans in resource_spans[2]:
                for span in self.fields(scope_spans)[2]:
                    f = self.fields(span)
                    spans.append({
                        "resource": resource, "trace": f[1][0].hex(), "span": f[2][0].hex(),
                        "state": f.get(3, [b""])[0].decode(), "parent": f.get(4, [b""])[0].hex(),
                        "name": f[5][0].decode(), "kind": f[6][0], "start": f[7][0], "end": f[8][0],
                        "attributes": self.attributes(f[9]),
                        "events": [self.fields(e)[2][0].decode() for e in f.get(11, [])],
                        "status": self.fields(f[15][0]) if 15 in f else {}})
        return spans

    def of(self, trace):
        return [s for s in self.spans if s["trace"] == trace]


SHOWS_TRACE = """import os
def handler(event, context):
    return event['headers'].get('traceparent', '-') + ' ' + event['headers'].get('tracestate', '-') + ' ' + os.environ.get('_X_AMZN_TRACE_ID', '-')
"""


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    collector = Collector()
    platform = Platform(tmp_path_factory.mktemp("traced"))
    try:
        platform.start(env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        platform.deploy(inline_python("shows", SHOWS_TRACE, scaling={"min": 1}))
        yield platform, collector
    finally:
        platform.kill()
        collector.close()
        shutil.rmtree(platform.home, ignore_errors=True)


def test_a_callers_trace_reaches_function_and_collector(traced):
    platform, collector = traced
    trace, parent = secrets.token_hex(16), secrets.token_hex(8)
    response = platform.invoke("shows", b"{}", path="/a?secret=1", headers={
        "traceparent": f"00-{trace}-{parent}-01", "tracestate": "vendor=x"})
    assert response.status == 200, response
    got, state, amazon = response.text.split(" ")
    version, got_trace, span, flags = got.split("-")
    assert (version, got_trace, flags, state) == ("00", trace, "01", "vendor=x") and span != parent
    assert amazon == f"Root=1-{trace[:8]}-{trace[8:]};Parent={span};Sampled=1"
    exported, = eventually(lambda: collector.of(trace), "the span at the collector")
    assert (exported["span"], exported["parent"], exported["state"]) == (span, parent, "vendor=x")
    assert exported["name"] == "POST /function/shows" and exported["kind"] == 2
    assert exported["resource"]["service.name"] == "hearth-gateway"
    attributes = exported["attributes"]
    assert attributes["http.response.status_code"] == 200 and attributes["faas.name"] == "shows"
    assert attributes["url.path"] == "/function/shows/a" and "secret" not in str(exported)
    assert exported["events"] == ["slot", "response"] and not exported["status"]
    assert 0 < exported["end"] - exported["start"] < 60e9
    assert abs(exported["start"] / 1e9 - time.time()) < 600
    assert ("/v1/traces", "application/x-protobuf") in collector.paths


def test_unsampled_callers_are_not_exported_and_refusals_are(traced):
    platform, collector = traced
    silent, loud = secrets.token_hex(16), secrets.token_hex(16)
    response = platform.invoke("shows", b"{}", headers={"traceparent": f"00-{silent}-{'1' * 16}-00"})
    assert response.text.split(" ")[0].endswith("-00")
    platform.invoke("nobody", b"{}", headers={"traceparent": f"00-{loud}-{'1' * 16}-01"})
    refused, = eventually(lambda: collector.of(loud), "the refusal's span")
    assert refused["attributes"]["error.type"] == "function_not_found"
    assert refused["status"][3] == [2]
    assert not collector.of(silent)
    assert "hearth_gateway_spans_exported_total" in platform.metrics()


def test_a_dead_collector_disturbs_nobody(traced):
    platform, collector = traced
    collector.answer = 503
    try:
        with Load(platform, "shows", threads=2, body=b"{}") as load:
            def lost():
                return re.search(r"^hearth_gateway_spans_failed_total [1-9]", platform.metrics(), re.M)
            eventually(lost, "spans given up")
        assert not load.failures and load.results
    finally:
        collector.answer = 200
    # What comes while the list of those that wait is full is dropped; then there is room again.
    trace = secrets.token_hex(16)

    def again():
        platform.invoke("shows", b"{}", headers={"traceparent": f"00-{trace}-{'1' * 16}-01"})
        return collector.of(trace)
    eventually(again, "spans again", interval=0.5)


def test_server_timing_on_request(platform):
    platform.deploy(inline_python("timed", "import time\ndef handler(e, c):\n    time.sleep(0.05)\n    return 'x'\n"))
    plain = platform.invoke("timed")
    assert not any(name.lower() == "server-timing" for name, _ in plain.headers.items())
    timed = platform.invoke("timed", headers={"X-Hearth-Timing": "1"})
    text = next(value for name, value in timed.headers.items() if name.lower() == "server-timing")
    parts = dict(re.findall(r"(\w+);dur=([\d.]+)", text))
    assert set(parts) == {"queue", "connect", "function", "total"}, text
    assert float(parts["function"]) >= 50 and float(parts["total"]) >= float(parts["function"])
