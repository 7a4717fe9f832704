"""HTTPS as its users meet it: curl, Python's ssl, openssl s_client and the `hearth` command."""

import http.client
import json
import pathlib
import re
import resource
import socket
import ssl
import subprocess
import time

import pytest

from platform_under_test import Platform, eventually, free_port, inline_python


def certificate(folder, name, host):
    """A pair that signs itself: (certificate, key)."""
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
    return cert, key


class TlsPlatform:
    def __init__(self, home, files):
        self.files = files
        files.mkdir()
        first, second = certificate(files, "first", "localhost"), certificate(files, "second", "second.test")
        self.cert, self.second = first[0], second[0]
        self.port = free_port()
        self.platform = Platform(home, [
            "--tls-listen", f"127.0.0.1:{self.port}", "--tls-cert", first[0], "--tls-key", first[1],
            "--tls-cert", second[0], "--tls-key", second[1], "--http-redirect"])

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    def context(self, cafile=None, version=None):
        context = ssl.create_default_context(cafile=cafile or self.cert)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, context, host="localhost", session=None):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return context.wrap_socket(raw, server_hostname=host, session=session)


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    made = TlsPlatform(tmp_path_factory.mktemp("tls-home"), tmp_path_factory.mktemp("tls") / "files")
    try:
        made.platform.start()
        yield made
    finally:
        made.platform.kill()


def exchange(connection, path="/healthz"):
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, response.read()


def metric(tls, text):
    line = next((l for l in tls.platform.metrics().splitlines() if l.startswith(text + " ")), None)
    return float(line.split()[-1]) if line else 0.0


def test_curl_speaks_http1_and_http2(tls):
    for flag, version in (("--http1.1", "1.1"), ("--http2", "2")):
        done = subprocess.run(["curl", "-sS", flag, "--cacert", tls.cert, "-w", "%{http_version} %{http_code}",
                               f"{tls.url}/healthz"], capture_output=True, text=True, timeout=30)
        assert done.stdout.endswith(f"{version} 200"), done
    done = subprocess.run(["curl", "-sS", f"{tls.url}/healthz"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 60  # a certificate that nobody trusts


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_python_resumes_its_session(tls, version):
    context = tls.context(version=version)
    before = metric(tls, 'hearth_gateway_tls_handshakes_total{result="resumed"}')
    with tls.connect(context) as first:
        assert exchange(first) == (200, b"OK")
        assert not first.session_reused
        session = first.session
    with tls.connect(context, session=session) as second:
        assert exchange(second) == (200, b"OK")
        assert second.session_reused
    assert metric(tls, 'hearth_gateway_tls_handshakes_total{result="resumed"}') == before + 1


def test_the_host_chooses_the_certificate(tls):
    with tls.connect(tls.context(tls.second), "second.test") as connection:
        assert connection.getpeercert()["subject"] == ((("commonName", "second.test"),),)
    with pytest.raises(ssl.SSLCertVerificationError):
        tls.connect(tls.context(), "second.test")


def test_s_client_sees_good_parameters(tls):
    def ask(*flags):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{tls.port}", "-CAfile", tls.cert, *flags],
                              input="", capture_output=True, text=True, timeout=30)
        return done.stdout + done.stderr
    text = ask("-tls1_2")
    assert "Verify return code: 0 (ok)" in text
    assert re.search(r"Cipher is ECDHE-ECDSA-\S*(GCM|POLY1305)", text), text
    assert "Compression: NONE" in text
    assert "Early data was not sent" in ask("-tls1_3")
    assert "Cipher is (NONE)" in ask("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in ask("-tls1_2", "-cipher", "AES128-GCM-SHA256")


def test_plain_http_on_the_port_of_tls_is_told_so(tls):
    connection = http.client.HTTPConnection("127.0.0.1", tls.port, timeout=20)
    connection.request("DELETE", "/system/functions")
    response = connection.getresponse()
    assert response.status == 400
    assert response.getheader("X-Hearth-Error") == "gateway;plain_http"
    assert b"https://" in response.read()


def test_the_command_deploys_and_calls_by_https(tls):
    platform = tls.platform
    user, password = platform.credentials().split(":", 1)

    def hearth(*args, ca=tls.cert, check=False, stdin=None):
        return platform.hearth(*args, "--gateway", tls.url, "--user", user, "--password", password,
                               "--tls-ca", ca, check=check, stdin=stdin)
    code = "def handler(event, context):\n    return event['headers'].get('x-forwarded-proto', 'none')\n"
    hearth("deploy", "-f", "-", check=True, stdin=json.dumps(inline_python("proto", code)))
    assert hearth("invoke", "proto", check=True).out.strip() == "https"
    assert platform.invoke("proto").text == "http"
    wrong = hearth("list", ca=tls.second)
    assert wrong.code != 0 and "certificate" in wrong.err, wrong
    missing = hearth("list", ca="/nowhere.pem")
    assert missing.code != 0 and "--tls-ca" in missing.err and "/nowhere.pem" in missing.err, missing
    untrusted = platform.hearth("list", "--gateway", tls.url, check=False)
    assert untrusted.code != 0, untrusted
    platform.hearth("list", "--gateway", tls.url, "--tls-no-verify", "--user", user, "--password", password)


def test_a_renewed_certificate_is_served_and_connections_stay(tls):
    context = tls.context()
    with tls.connect(context) as old:
        assert exchange(old) == (200, b"OK")
        number = old.getpeercert()["serialNumber"]
        certificate(tls.files, "first", "localhost")

        def renewed():
            with tls.connect(tls.context()) as fresh:
                return fresh.getpeercert()["serialNumber"] != number
        eventually(renewed, "the new certificate is served")
        assert exchange(old) == (200, b"OK")

        (tls.files / "first.key").write_text("broken")
        time.sleep(2.5)  # longer than a change needs to settle
        with tls.connect(tls.context()) as fresh:
            assert exchange(fresh) == (200, b"OK")
        certificate(tls.files, "first", "localhost")

        def trusted_again():
            try:
                tls.connect(tls.context()).close()
            except ssl.SSLCertVerificationError:
                return False
            return True
        eventually(trusted_again, "the third certificate is served")


@pytest.mark.parametrize("flags,words", [
    (["--tls-listen", "127.0.0.1:0"], ["--tls-listen", "port"]),
    (["--tls-listen", "127.0.0.1:PORT"], ["--tls-cert"]),
    (["--tls-listen", "127.0.0.1:PORT", "--tls-cert", "/none.crt", "--tls-key", "/none.key"], ["/none.crt", "--tls-cert"]),
    (["--http-redirect"], ["--http-redirect", "--tls-listen"]),
])
def test_bad_settings_are_named(tmp_path, flags, words):
    platform = Platform(tmp_path / "home", [f.replace("PORT", str(free_port())) for f in flags])
    try:
        platform.start(wait=False)
        code = platform.process.wait(timeout=60)
        eventually(lambda: any(all(w in line for w in words) for line in platform.output), f"a line with {words}")
        assert code != 0
    finally:
        platform.kill()


def resident(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024


def test_idle_connections_hold_no_record_buffers(tls, full):
    count = 5000 if full else 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * count + 500:
        count = (hard - 500) // 2
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * count + 500), hard))
    pid = next(iter(tls.platform.pids_of("hearth-gateway")))
    context = tls.context()

    def grown(connect):
        opened = [connect() for _ in range(50)]  # what the first ones cost is nobody's
        before = resident(pid)
        for _ in range(count):
            opened.append(connect())
            exchange(opened[-1])
        after = resident(pid)
        for connection in opened:
            connection.close()
        return (after - before) / count
    try:
        by_tls = grown(lambda: tls.connect(context))
        print(f"an idle TLS connection holds {by_tls:.0f} bytes")
        # A record's buffer alone is 16.4 KiB, and a connection has two of them while it works.
        assert 2000 < by_tls < 24 * 1024
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
