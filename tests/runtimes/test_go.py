"""What only Go has."""

import pytest


def test_wrapped_error(start):
    error = start("go").request("GET", "/?op=wrapped").json()
    assert error["errorMessage"] == "outside: file does not exist"
    assert error["stackTrace"] == ["caused by errorString: file does not exist"]


def test_panic_is_an_error_with_its_place(start):
    instance = start("go")
    answer = instance.request("GET", "/?op=panic")
    assert answer.status == 500
    assert answer.json()["errorType"] == "Runtime.Panic"
    assert answer.json()["errorMessage"] == "no way out"
    assert "main.handler" in answer.json()["stackTrace"][0]
    assert instance.request("GET", "/?op=string").status == 200
    assert instance.restarts == 0


def test_reader_is_streamed(start):
    assert start("go").request("GET", "/?op=reader").body == b"read out"


def test_result_that_is_no_json(start):
    assert start("go").request("GET", "/?op=unserializable").json()["errorType"] == "Runtime.MarshalError"


def test_bytes(start):
    answer = start("go", "bytes").request("GET", "/")
    assert (answer.body, answer.headers["content-type"]) == (b"\x00\x01\xff", "application/octet-stream")


@pytest.mark.parametrize("name", ["go", "cpp"])
def test_error_before_the_first_byte_of_a_stream(start, name):
    answer = start(name, "stream").request("GET", "/?op=early_fail")
    assert answer.status == 500
    assert answer.json()["errorMessage"] == "went wrong early"


@pytest.mark.parametrize("name", ["go", "cpp"])
def test_event_that_is_no_json(start, name):
    answer = start(name, event="raw").request("POST", "/", [], b"{nonsense")
    assert answer.status == 500
    assert answer.json()["errorType"] == "Runtime.UnmarshalError"
