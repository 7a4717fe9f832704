"""What no proxy should forward, through gateway and watchdog together, to a function that keeps a
record of every byte: a request that is refused never reaches it, and it never sees more requests than
were sent."""

import itertools
import re
import socket
import time

import pytest

from platform_under_test import eventually, inline_python
from recorder import Recorder, dumps, fields_of
from wire import Raw

serial = itertools.count(1)
STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d\d\d) ")


@pytest.fixture(scope="module")
def recorder(platform):
    return Recorder(platform)


def converse(platform, data, quiet=1.0, shutdown=False):
    """Sends, and reads until the gateway closes or has been silent: (all bytes, closed)."""
    with Raw(platform) as raw:
        raw.send(data)
        if shutdown:
            raw.socket.shutdown(socket.SHUT_WR)
        raw.socket.settimeout(quiet)
        out = b""
        try:
            while piece := raw.socket.recv(65536):
                out += piece
            return out, True
        except ConnectionResetError:
            return out, True
        except TimeoutError:
            return out, False


def statuses(answer):
    return [int(s) for s in STATUS_LINE.findall(answer)]


# Each is one request of which nothing may arrive. `{t}` is the target, `{s}` a request hidden inside.
HIDDEN = "GET {s} HTTP/1.1\r\nHost: x\r\n\r\n"
POST = "POST {t} HTTP/1.1\r\nHost: x\r\n"
CHUNKED_BODY = "\r\n0\r\n\r\n" + HIDDEN
REFUSED_HEADS = {
    # Two readings of one length.
    "CL.TE": (POST + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" + CHUNKED_BODY, 400),
    "TE.CL": (POST + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n" + CHUNKED_BODY, 400),
    "CL.TE in HTTP/1.0": ("POST {t} HTTP/1.0\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n" +
                          CHUNKED_BODY, 400),
    "two lengths": (POST + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + HIDDEN, 400),
    "two equal lengths": (POST + "Content-Length: 0\r\ncontent-length: 0\r\n\r\n" + HIDDEN, 400),
    "list of lengths": (POST + "Content-Length: 0, 44\r\n\r\n" + HIDDEN, 400),
    "signed length": (POST + "Content-Length: +0\r\n\r\n" + HIDDEN, 400),
    "negative length": (POST + "Content-Length: -1\r\n\r\n" + HIDDEN, 400),
    "hexadecimal length": (POST + "Content-Length: 0x0\r\n\r\n" + HIDDEN, 400),
    "length with a space": (POST + "Content-Length: 0 0\r\n\r\n" + HIDDEN, 400),
    "overflowing length": (POST + "Content-Length: 18446744073709551616\r\n\r\n" + HIDDEN, 400),
    "empty length": (POST + "Content-Length: \r\n\r\n" + HIDDEN, 400),
    "length in other digits": (POST + "Content-Length: \xb2\r\n\r\n" + HIDDEN, 400),
    # Codings that one side may not recognise.
    "TE twice": (POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + CHUNKED_BODY, 501),
    "TE twice, one unknown": (POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n" + CHUNKED_BODY, 501),
    "TE list": (POST + "Transfer-Encoding: chunked, identity\r\n" + CHUNKED_BODY, 501),
    "TE gzip, chunked": (POST + "Transfer-Encoding: gzip, chunked\r\n" + CHUNKED_BODY, 501),
    "TE identity": (POST + "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n" + HIDDEN, 400),
    "TE xchunked": (POST + "Transfer-Encoding: xchunked\r\n" + CHUNKED_BODY, 501),
    "TE chunkedx": (POST + "Transfer-Encoding: chunkedx\r\n" + CHUNKED_BODY, 501),
    "TE quoted": (POST + "Transfer-Encoding: \"chunked\"\r\n" + CHUNKED_BODY, 501),
    "TE with a parameter": (POST + "Transfer-Encoding: chunked;q=1\r\n" + CHUNKED_BODY, 501),
    "TE empty": (POST + "Transfer-Encoding:\r\n" + CHUNKED_BODY, 501),
    "TE comma": (POST + "Transfer-Encoding: ,chunked\r\n" + CHUNKED_BODY, 501),
    "TE with a vertical tab": (POST + "Transfer-Encoding: \x0bchunked\r\n" + CHUNKED_BODY, 400),
    "TE with NUL": (POST + "Transfer-Encoding: chunked\x00\r\n" + CHUNKED_BODY, 400),
    "TE with a non-breaking space": (POST + "Transfer-Encoding: \xa0chunked\r\n" + CHUNKED_BODY, 501),
    "TE folded": (POST + "Transfer-Encoding:\r\n chunked\r\n" + CHUNKED_BODY, 400),
    "TE after a fold": (POST + "X-A: b\r\n Transfer-Encoding: chunked\r\n" + CHUNKED_BODY, 400),
    "TE space before the colon": (POST + "Transfer-Encoding : chunked\r\n" + CHUNKED_BODY, 400),
    "TE tab before the colon": (POST + "Transfer-Encoding\t: chunked\r\n" + CHUNKED_BODY, 400),
    "TE behind a carriage return": (POST + "X-A: b\rTransfer-Encoding: chunked\r\n" + CHUNKED_BODY, 400),
    "TE behind a line feed": (POST + "X-A: b\nTransfer-Encoding: chunked\r\n" + CHUNKED_BODY, 400),
    "TE in HTTP/1.0": ("POST {t} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" + CHUNKED_BODY, 400),
    # Lines.
    "bare line feeds": ("GET {t} HTTP/1.1\nHost: x\n\n", 400),
    "one bare line feed": ("GET {t} HTTP/1.1\r\nHost: x\r\nX-A: b\n\r\n", 400),
    "line feed ends the head": ("GET {t} HTTP/1.1\r\nHost: x\r\n\n", 400),
    "carriage return in a value": ("GET {t} HTTP/1.1\r\nHost: x\r\nX-A: b\rc\r\n\r\n", 400),
    "folded line": ("GET {t} HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n", 400),
    "folded first line": ("GET {t} HTTP/1.1\r\n X-A: b\r\nHost: x\r\n\r\n", 400),
    "NUL in a value": ("GET {t} HTTP/1.1\r\nHost: x\r\nX-A: b\x00c\r\n\r\n", 400),
    "NUL in a name": ("GET {t} HTTP/1.1\r\nHost: x\r\nX\x00A: b\r\n\r\n", 400),
    "escape in a value": ("GET {t} HTTP/1.1\r\nHost: x\r\nX-A: b\x1bc\r\n\r\n", 400),
    "DEL in a value": ("GET {t} HTTP/1.1\r\nHost: x\r\nX-A: \x7f\r\n\r\n", 400),
    "empty name": ("GET {t} HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400),
    "no colon": ("GET {t} HTTP/1.1\r\nHost: x\r\nX-A\r\n\r\n", 400),
    "bracket in a name": ("GET {t} HTTP/1.1\r\nHost: x\r\nX[A]: b\r\n\r\n", 400),
    "NUL in the target": ("GET {t}\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "fragment": ("GET {t}#a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "space in the target": ("GET {t} a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "two spaces": ("GET  {t} HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "tab for a space": ("GET\t{t} HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "HTTP/0.9": ("GET {t}\r\n\r\n", 400),
    "small letters": ("GET {t} http/1.1\r\nHost: x\r\n\r\n", 400),
    "HTTP/1.10": ("GET {t} HTTP/1.10\r\nHost: x\r\n\r\n", 400),
    "HTTP/3.0": ("GET {t} HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    # Hosts.
    "no host": ("GET {t} HTTP/1.1\r\n\r\n", 400),
    "two hosts": ("GET {t} HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    "two equal hosts": ("GET {t} HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
    "host with a path": ("GET {t} HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
    "host with a user": ("GET {t} HTTP/1.1\r\nHost: a@x\r\n\r\n", 400),
    "host list": ("GET {t} HTTP/1.1\r\nHost: x, y\r\n\r\n", 400),
    "host with an open bracket": ("GET {t} HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    "absolute form with a user": ("GET http://a@x{t} HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    # Sizes.
    "long target": ("GET {t}" + "a" * 9000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "long field": ("GET {t} HTTP/1.1\r\nHost: x\r\nX-A: " + "a" * 66000 + "\r\n\r\n", 431),
    "many fields": ("GET {t} HTTP/1.1\r\nHost: x\r\n" + "X-A: b\r\n" * 129 + "\r\n", 431),
    # Expectations that nobody meets.
    "unknown expectation": (POST + "Expect: 200-ok\r\nContent-Length: 0\r\n\r\n", 417),
    "two expectations": (POST + "Expect: 100-continue\r\nExpect: more\r\nContent-Length: 0\r\n\r\n", 417),
}


@pytest.mark.parametrize("name", REFUSED_HEADS)
def test_a_refused_head_never_arrives(platform, recorder, name):
    template, want = REFUSED_HEADS[name]
    n = next(serial)
    request = template.format(t=f"/function/recorder/mark-{n}-", s=f"/function/recorder/mark-{n}-hidden")
    answer, closed = converse(platform, request.encode("latin-1"))
    assert statuses(answer) == [want], answer
    assert closed and b"\r\nConnection: close\r\n" in answer
    assert b"X-Hearth-Error: gateway;" in answer
    assert not recorder.of(f"/mark-{n}-"), dumps(recorder.of(f"/mark-{n}-"))


CHUNK = "POST {t} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSED_BODIES = {
    "size of 16 digits": "10000000000000000\r\n",
    "size that overflows": "fffffffffffffffff\r\n",
    "size with a sign": "+5\r\nhello\r\n0\r\n\r\n",
    "negative size": "-1\r\nhello\r\n0\r\n\r\n",
    "size with 0x": "0x5\r\nhello\r\n0\r\n\r\n",
    "size with an underscore": "0_5\r\nhello\r\n0\r\n\r\n",
    "space before the size": " 5\r\nhello\r\n0\r\n\r\n",
    "space behind the size": "5 \r\nhello\r\n0\r\n\r\n",
    "empty size": "\r\nhello\r\n0\r\n\r\n",
    "bare line feed behind the size": "5\nhello\r\n0\r\n\r\n",
    "carriage return behind the size": "5\rhello\r\n0\r\n\r\n",
    "size too small": "3\r\nhello\r\n0\r\n\r\n",
    "data without its end": "5\r\nhello0\r\n\r\n",
    "line feed behind the data": "5\r\nhello\n0\r\n\r\n",
    "long extension": "5;" + "a" * 2000 + "\r\nhello\r\n0\r\n\r\n",
    "line feed in an extension": "5;a\nb\r\nhello\r\n0\r\n\r\n",
    "NUL in an extension": "5;a\x00b\r\nhello\r\n0\r\n\r\n",
    "bare line feed in the trailer": "0\r\nX-A: b\n\r\n",
    "folded trailer": "0\r\nX-A: b\r\n c\r\n\r\n",
    "trailer without a colon": "0\r\nX-A\r\n\r\n",
    "Content-Length in the trailer": "0\r\nContent-Length: 44\r\n\r\n",
    "Transfer-Encoding in the trailer": "0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "Host in the trailer": "0\r\nHost: y\r\n\r\n",
    "Authorization in the trailer": "0\r\nAuthorization: Basic eDp5\r\n\r\n",
    "Connection in the trailer": "0\r\nConnection: close\r\n\r\n",
    "Expect in the trailer": "0\r\nExpect: 100-continue\r\n\r\n",
    "large trailer": "0\r\nX-A: " + "a" * 9000 + "\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED_BODIES)
def test_a_refused_body_is_never_complete(platform, recorder, name):
    n = next(serial)
    request = (CHUNK + "{b}" + HIDDEN).format(t=f"/function/recorder/mark-{n}-", b=REFUSED_BODIES[name],
                                              s=f"/function/recorder/mark-{n}-hidden")
    answer, closed = converse(platform, request.encode("latin-1"))
    assert statuses(answer) == [431 if name == "large trailer" else 400], answer
    assert closed
    seen = recorder.of(f"/mark-{n}-")
    # The head may be on its way before the body is known to be bad; the rest is cut off.
    assert len(seen) <= 1 and not any(e.get("complete", True) for e in seen), dumps(seen)


DROPPED_TRAILERS = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https",
                    "Forwarded: for=6.6.6.6", "X-Real-Ip: 6.6.6.6", "X-Hearth-Token: t", "X-Hearth-Anything: 1",
                    "X-Call-Id: other", "X-Start-Time: 1", "Cookie: a=b", "Content-Type: text/html",
                    "Content-Encoding: gzip"]


def test_trailers_pass_but_none_that_could_be_taken_for_ours(platform, recorder):
    n = next(serial)
    body = "5\r\nhello\r\n0\r\n" + "".join(f"{t}\r\n" for t in ["X-Sum: 1", *DROPPED_TRAILERS, "X-End: 2"]) + "\r\n"
    answer, _ = converse(platform, (CHUNK.format(t=f"/function/recorder/mark-{n}-") + body).encode())
    assert statuses(answer) == [200], answer
    entry, = recorder.of(f"/mark-{n}-")
    assert entry["body"] == "hello" and entry["trailer"] == ["X-Sum: 1", "X-End: 2"]


def test_fields_that_only_the_platform_sets(platform, recorder):
    n = next(serial)
    forged = ("X-Hearth-Token: t\r\nX-Hearth-Internal: 1\r\nX-Hearth-Busy: not-started\r\nProxy-Authorization: a\r\n"
              "X-Start-Time: 1\r\nConnection: X-Named, keep-alive\r\nX-Named: 1\r\nKeep-Alive: timeout=9\r\n"
              "Proxy-Connection: keep-alive\r\nTE: trailers\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nUpgrade: h2c\r\n"
              "Connection: Upgrade, HTTP2-Settings\r\nX-Forwarded-For: 1.1.1.1\r\nX-Kept: yes\r\n")
    answer, _ = converse(platform, f"GET /function/recorder/mark-{n}- HTTP/1.1\r\nHost: x\r\n{forged}\r\n".encode())
    assert statuses(answer) == [200], answer
    entry, = recorder.of(f"/mark-{n}-")
    names = [name for name, _ in entry["fields"]]
    assert not [name for name in names if name.startswith(("x-hearth-token", "x-hearth-int", "x-hearth-busy", "proxy-"))]
    assert not {"x-named", "keep-alive", "te", "http2-settings", "upgrade"} & set(names), names
    assert fields_of(entry, "x-kept") == ["yes"]
    assert fields_of(entry, "x-forwarded-for") == ["1.1.1.1, 127.0.0.1"]
    assert fields_of(entry, "x-start-time") != ["1"]
    assert len([name for name in names if name == "host"]) == 1


PIPELINES = {
    "CL.0": ("POST {t}1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET {t}2 HTTP/1.1\r\nHost: x\r\n\r\n",
             ["hello", ""]),
    "GET with a body": ("GET {t}1 HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n"
                        "GET /function/recorder/evil HTTP/1GET {t}2 HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "a request in a body": ("POST {t}1 HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"
                            "GET /function/recorder/x HTTP/1.1\r\nHost:GET {t}2 HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "a request in a chunk": ("POST {t}1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                             "5\r\nGET /\r\n0\r\n\r\nGET {t}2 HTTP/1.1\r\nHost: x\r\n\r\n", ["GET /", ""]),
    "empty lines between": ("GET {t}1 HTTP/1.1\r\nHost: x\r\n\r\n\r\n\r\nGET {t}2 HTTP/1.1\r\nHost: x\r\n\r\n", ["", ""]),
    "extensions and zeros": ("POST {t}1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "0005;a=\"b\"\r\nhello\r\n000\r\n\r\nGET {t}2 HTTP/1.1\r\nHost: x\r\n\r\n", ["hello", ""]),
    "HEAD first": ("HEAD {t}1 HTTP/1.1\r\nHost: x\r\n\r\nGET {t}2 HTTP/1.1\r\nHost: x\r\n\r\n", ["", ""]),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_as_many_requests_as_were_sent(platform, recorder, name):
    template, bodies = PIPELINES[name]
    n = next(serial)
    sent = template.format(t=f"/function/recorder/mark-{n}-").encode()
    if bodies is None:  # lengths that are off on purpose: counted here, so that the text can be read
        head, rest = sent.split(b"\r\n\r\n", 1)
        body = rest[:rest.rindex(b"GET /function/recorder/mark")]
        sent = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head) + b"\r\n\r\n" + rest
        bodies = [body.decode(), ""]
    answer, closed = converse(platform, sent)
    assert statuses(answer) == [200, 200] and not closed, answer
    seen = recorder.of(f"/mark-{n}-")
    assert [entry["body"] for entry in seen] == bodies, dumps(seen)
    assert all(entry["complete"] for entry in seen)


def test_a_body_cut_off_never_arrives_whole(platform, recorder):
    for framing, body in (("Content-Length: 10", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n")):
        n = next(serial)
        converse(platform, f"POST /function/recorder/mark-{n}- HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n{body}".encode(),
                 shutdown=True)
        seen = recorder.of(f"/mark-{n}-")
        assert not any(entry.get("complete", True) for entry in seen), dumps(seen)


def test_targets_and_hosts_of_every_form(platform, recorder):
    cases = [("GET http://other.example:81/function/recorder/mark-{n}-?q=1 HTTP/1.1\r\nHost: x", "other.example:81"),
             ("GET HTTP://[::1]:8080/function/recorder/mark-{n}- HTTP/1.1\r\nHost: x", "[::1]:8080"),
             ("GET /function/recorder/mark-{n}- HTTP/1.1\r\nHost: [2001:db8::1]:8080", "[2001:db8::1]:8080"),
             ("GET /function/recorder/mark-{n}- HTTP/1.1\r\nHost: [::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"),
             ("OPTIONS /function/recorder/mark-{n}- HTTP/1.1\r\nHost: x", "x")]
    for request, host in cases:
        n = next(serial)
        answer, _ = converse(platform, (request.format(n=n) + "\r\n\r\n").encode(), quiet=0.5)
        assert statuses(answer) == [200], (request, answer)
        entry, = recorder.of(f"/mark-{n}-")
        assert fields_of(entry, "host") == [host]
        assert entry["line"].split(" ")[1].startswith(f"/mark-{n}-"), "the function sees the origin form"
    for request, want in (("OPTIONS * HTTP/1.1\r\nHost: x", {200, 204, 404}),
                          ("CONNECT h:443 HTTP/1.1\r\nHost: h:443", {400, 404, 405, 501}),
                          ("GET * HTTP/1.1\r\nHost: x", {400}),
                          ("GET ftp://x/function/recorder/ HTTP/1.1\r\nHost: x", {400})):
        answer, _ = converse(platform, (request + "\r\n\r\n").encode(), quiet=0.5)
        assert len(statuses(answer)) == 1 and statuses(answer)[0] in want, (request, answer)


# ---- What a function may not answer ----

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD_ANSWERS = {
    "length and coding": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok",
    "carriage return in a value": b"HTTP/1.1 200 OK\r\nX-A: b\rSet-Cookie: evil=1\r\nContent-Length: 2\r\n\r\nok",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX-A: b\x00\r\nContent-Length: 2\r\n\r\nok",
    "folded line": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "not HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    "huge head": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 3000 + b"\r\n" + b"X-B: c\r\n" * 200 + b"\r\n",
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_bad_answer_is_a_502(platform, recorder, name):
    path = recorder.raw_path(BAD_ANSWERS[name], close=True)
    answer, _ = converse(platform, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert statuses(answer) == [502], answer
    assert b"evil" not in answer and b"X-Hearth-Error: " in answer
    assert platform.request("GET", "/function/recorder/after").body == b"/after"


# Bytes that follow an answer which is complete without them; at once, and as a packet of their own.
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
AFTERWARDS = {
    "a second answer": ("GET", OK, POISON),
    "a 204 with a body": ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n", POISON),
    "a 304 with a body": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n", POISON),
    "a HEAD with a body": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n", POISON),
    "a chunked answer and more": ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", POISON),
    "junk": ("GET", OK, b"\r\n\r\nxx"),
}


@pytest.mark.parametrize("apart", [False, True], ids=["at once", "apart"])
@pytest.mark.parametrize("name", AFTERWARDS)
def test_bytes_after_an_answer_poison_nothing(platform, recorder, name, apart):
    method, answer, extra = AFTERWARDS[name]
    parts = [answer, extra] if apart else [answer + extra]
    path = recorder.raw_path(*parts, pause=0.02)
    for n in range(5):
        with Raw(platform) as raw:
            raw.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            first = raw.read_to_end()
        assert len(statuses(first)) == 1 and b"poison" not in first, first
        if apart:
            time.sleep(0.1)  # the packet of its own has come, and the connection it came on is not idle
        assert platform.request("GET", f"/function/recorder/after-{n}").body == f"/after-{n}".encode()


def test_interim_answers(platform, recorder):
    path = recorder.raw_path(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK)
    answer, _ = converse(platform, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert statuses(answer)[-1] == 200 and statuses(answer).count(200) == 1 and answer.endswith(b"ok")
    old, closed = converse(platform, f"GET {path} HTTP/1.0\r\n\r\n".encode())
    assert statuses(old) == [200] and closed, "HTTP/1.0 knows no interim answers"


def test_truncated_answers_are_not_made_whole(platform, recorder):
    for text in (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf!",
                 b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n",
                 b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\nzz\r\n"):
        path = recorder.raw_path(text, close=True)
        answer, closed = converse(platform, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert closed
        assert statuses(answer) in ([502], [200]) and not answer.endswith(b"0\r\n\r\n"), answer


def test_a_handler_cannot_split_its_answer(platform):
    code = ("def handler(e, c):\n    return {'statusCode': 200, 'headers': {e['body'].split('|')[0]: "
            "e['body'].split('|')[1]}, 'body': 'ok'}\n")
    platform.deploy(inline_python("splitter", code))
    assert platform.invoke("splitter", b"X-A|b").headers["X-A"] == "b"
    for attempt in (b"X-A|b\r\nSet-Cookie: evil=1", b"X-A|b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil", b"X-A: c\r\nX-Evil|b",
                    b"X-A|b\nX-Evil: 1", b"X A|b", b"X-A|b\x00"):
        with Raw(platform) as raw:
            raw.send(b"POST /function/splitter HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                     % (len(attempt), attempt))
            answer = raw.read_to_end()
        assert len(statuses(answer)) == 1, answer
        head = answer.split(b"\r\n\r\n")[0].lower()
        assert b"\r\nset-cookie" not in head and b"\r\nx-evil" not in head, answer


# ---- Patience ----

def test_slow_heads_are_cut_and_cost_nobody_else(platform, recorder):
    """Slowloris: heads that come a byte at a time. Each is ended by the head's own deadline, which a
    new byte does not move."""
    slow = [Raw(platform, timeout=60) for _ in range(200)]
    try:
        for raw in slow:
            raw.send(b"GET /function/recorder/slow HTTP/1.1\r\nHost: x\r\nX-A: ")
        ended = set()

        def drip():
            for raw in slow:
                if raw in ended:
                    continue
                try:
                    raw.send(b"a")
                    raw.socket.setblocking(False)
                    data = raw.socket.recv(65536)
                    assert not data or b" 408 " in data, data
                    ended.add(raw)
                except BlockingIOError:
                    pass
                except OSError:
                    ended.add(raw)
            assert platform.request("GET", "/function/recorder/quick", timeout=5).status == 200
            return len(ended) == len(slow)

        eventually(drip, "slow heads are ended", interval=0.5)
    finally:
        for raw in slow:
            raw.socket.close()
    assert not recorder.of("/slow")
