"""What only Node.js has: its handler styles and AWS's streaming interface."""

import pytest


@pytest.mark.parametrize("handler, style", [
    ("handler.callback", "callback"),
    ("handler.promise", "promise"),
    ("handler.plain", "plain"),
    ("handler.succeed", "succeed"),
    ("module.handler", "module"),
    ("module.default", "default"),
])
def test_styles(start, handler, style):
    assert start("node", handler).request("GET", "/").json() == {"style": style}


def test_callback_with_an_error(start):
    answer = start("node", "handler.callbackError").request("GET", "/")
    assert answer.status == 500
    assert answer.json()["errorType"] == "TypeError"
    assert answer.json()["errorMessage"] == "called back"


def test_rejection_with_a_string(start):
    answer = start("node", "handler.rejectsString").request("GET", "/")
    assert (answer.status, answer.json()["errorMessage"]) == (500, "only words")


@pytest.mark.parametrize("handler, kind, message", [
    ("handler.never", "Runtime.NoResponse", "never answered"),
    ("handler.throwsLater", "Error", "outside of any promise"),
    ("handler.unhandled", "Runtime.UnhandledPromiseRejection", "nobody listens"),
])
def test_errors_outside_the_handlers_promise(start, handler, kind, message):
    answer = start("node", handler).request("GET", "/")
    assert answer.status == 500
    assert answer.json()["errorType"] == kind
    assert message in answer.json()["errorMessage"]


def test_streamify_response(start):
    answer = start("node", "handler.streamify").request("GET", "/")
    assert (answer.status, answer.body) == (203, b"one\ntwo\nthree\n")
    assert answer.headers["content-type"] == "text/x-test"
    assert answer.cookies == ["c=3"]


def test_streamify_without_a_head(start):
    answer = start("node", "handler.streamifyPlain").request("GET", "/")
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "text/csv", b"a,b\n")


def test_streamify_that_fails(start):
    instance = start("node", "handler.streamifyFail")
    answer = instance.request("GET", "/")
    assert answer.cut_off and answer.body == b"one\n"
    assert instance.request("GET", "/").cut_off
    assert instance.restarts == 0


def test_large_stream_through_a_pipeline(start):
    answer = start("node", "handler.streamifyLarge").request("GET", "/")
    assert answer.body == b"x" * 65536 * 64


def test_bytes(start):
    answer = start("node", "handler.bytes").request("GET", "/")
    assert answer.body == b"\x00\x01\xff"
    assert answer.headers["content-type"] == "application/octet-stream"
