"""hearth-load against servers whose behaviour is known."""

import contextlib
import json
import pathlib
import socket
import ssl
import subprocess
import time

import pytest

from known_server import KnownServer

BINARIES = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "bin"


@pytest.fixture
def server(request):
    made = KnownServer(**getattr(request, "param", {}))
    yield made
    made.close()


def load(url, *flags):
    argv = [str(BINARIES / "hearth-load"), "--url", url, "--duration", "300ms", "--warmup", "0s", *map(str, flags)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def at(server, path="/"):
    return f"http://127.0.0.1:{server.port}{path}"


def test_closed_loop_counts_what_the_server_counts(server):
    result = load(at(server), "--connections", 3)
    assert result["errors"] == {}
    assert result["statuses"] == {"200": result["requests"]}
    assert result["requests"] == server.answered > 10
    assert result["connections_opened"] == server.connections == 3
    latency = result["latency_ms"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["p999"] <= latency["max"]
    # Three connections with one request each at any moment: their mean latency is no accident.
    assert latency["mean"] == pytest.approx(3 * 1000 / result["rps"], rel=0.2)


def test_open_loop_sends_its_rate(server):
    result = load(at(server), "--rate", 200, "--connections", 4)
    assert result["requests"] == server.answered
    assert result["requests"] == pytest.approx(200 * result["duration_s"], abs=1.01)


@pytest.mark.parametrize("server", [{"stall_at": 20, "stall_seconds": 0.5}], indirect=True)
def test_a_stall_counts_for_every_request_that_was_due_in_it(server, tmp_path):
    """200 a second, so some 100 are due while the server does nothing: 50 of them for over 250 ms. A loop that
    waits for answers would have seen one slow request."""
    log = tmp_path / "log"
    result = load(at(server), "--rate", 200, "--connections", 1, "--duration", "1s", "--log", log)
    rows = [[int(x) for x in line.split()] for line in log.read_text().splitlines()]
    assert len(rows) == result["requests"] and result["errors"] == {}
    late = [latency for _, _, _, latency in rows if latency >= 250_000]
    assert len(late) >= 45
    assert result["latency_ms"]["max"] >= 490
    # Whoever was due later in the stall waited less, one for one.
    due = {d: latency for d, _, _, latency in rows if 150_000 <= d <= 400_000}
    ends = [d + latency for d, latency in due.items()]
    assert min(ends) >= 590_000


def test_closed_loop_sees_the_same_stall_once():
    server = KnownServer(stall_at=20, stall_seconds=0.5)
    result = load(at(server), "--connections", 1, "--duration", "1s")
    server.close()
    assert result["latency_ms"]["max"] >= 490
    assert result["latency_ms"]["p99"] < 250


def test_refusals_are_apart(server):
    result = load(at(server), "--mix", "1=/", "--mix", "1=/refuse", "--connections", 2)
    assert set(result["statuses"]) == {"200", "429"}
    assert result["good_latency_ms"]["count"] == result["statuses"]["200"]
    assert result["refused_latency_ms"]["count"] == result["statuses"]["429"]
    assert 0.3 < result["statuses"]["429"] / result["requests"] < 0.7
    assert result["errors"] == {}


@pytest.mark.parametrize("path, flags, kind", [
    ("/never", ["--timeout", "50ms"], "timeout"),
    ("/never", ["--grace", "50ms"], "unfinished"),
    ("/cut", [], "reset"),
    ("/", ["--expect-size", 7], "wrong_size"),
])
def test_errors_have_their_names(server, path, flags, kind):
    result = load(at(server, path), *flags)
    assert set(result["errors"]) == {kind}
    assert result["statuses"] == {}


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    result = load(f"http://127.0.0.1:{port}/")
    assert set(result["errors"]) == {"connect"}


def test_uploads_and_new_connections(server):
    result = load(at(server), "--body", 100_000, "--expect-size", 6, "--requests-per-connection", 1)
    assert result["errors"] == {}
    assert result["connections_opened"] == result["requests"] == server.answered
    assert result["bytes_out"] > 100_000 * (result["requests"] - 1)


def test_tls_resumes_sessions_on_new_connections(tmp_path):
    certificate, key = tmp_path / "crt", tmp_path / "key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = KnownServer(tls=context)
    url = at(server).replace("http:", "https:")
    kept = load(url, "--body", 50_000, "--expect-size", 5, "--connections", 2)
    assert kept["errors"] == {} and kept["tls"] == {"handshakes": 2, "resumed": 0}
    again = load(url, "--requests-per-connection", 1)
    assert again["errors"] == {} and again["tls"]["handshakes"] == again["requests"]
    assert again["tls"]["resumed"] == again["requests"] - 1
    never = load(url, "--requests-per-connection", 1, "--no-resume")
    assert never["errors"] == {} and never["tls"]["resumed"] == 0
    server.close()


def test_cut_off_at_the_end_is_no_error(server):
    result = load(at(server, "/never"), "--cut")
    assert result["errors"] == {} and result["requests"] == 0


@pytest.fixture
def backend(request):
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as held:
            ports.append(held.getsockname()[1])
    process = subprocess.Popen([BINARIES / "hearth-bench-backend", "--listen", f"127.0.0.1:{ports[0]}",
                                "--websocket-listen", f"127.0.0.1:{ports[1]}"])
    for port in ports:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.01)
    process.ports = ports
    yield process
    process.kill()
    process.wait()


def test_backend_and_generator_agree(backend):
    http, websocket = (f"http://127.0.0.1:{port}" for port in backend.ports)
    assert load(f"{http}/bytes?n=1000000", "--expect-size", 1_000_000)["errors"] == {}
    assert load(f"{http}/echo", "--body", 300_000, "--expect-size", 300_000)["errors"] == {}
    assert load(f"{http}/sink", "--body", 300_000, "--expect-size", 7)["errors"] == {}
    delayed = load(f"{http}/?ms=20", "--connections", 4)
    assert delayed["errors"] == {} and delayed["latency_ms"]["p50"] >= 20
    echoed = load(websocket, "--websocket", "--body", 200, "--connections", 2)
    assert echoed["errors"] == {} and echoed["requests"] == echoed["statuses"]["101"] > 10
    assert load(http, "--websocket", "--body", 200)["statuses"].get("101") is None
    events = load(f"{http}/events?hz=100", "--events", "--cut", "--connections", 4, "--watch", backend.pid)
    assert events["event_delay_ms"]["count"] > 20 and events["errors"] == {}
    assert events["cpu_ns"] > 0
    slow = load(f"{http}/bytes?n=100000000", "--read-rate", 100_000, "--cut", "--duration", "1s")
    assert slow["bytes_in"] <= 110_000
