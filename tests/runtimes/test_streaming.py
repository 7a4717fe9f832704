"""Streamed answers: the head first, chunks as they are made, errors after the first byte."""

import json

import pytest

from conftest import STREAM_HANDLERS, only_stand_in
from runtime_api import decode_error_trailers


def test_stream_with_a_head(start, language):
    answer = start(language, STREAM_HANDLERS.get(language)).request("GET", "/?op=stream")
    assert answer.status == 201
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-test"] == "yes"
    assert answer.cookies == ["a=1"]
    assert answer.body == b"one\ntwo\nthree\n"
    assert not answer.cut_off


def test_stream_that_fails_midway(start, language):
    instance = start(language, STREAM_HANDLERS.get(language))
    answer = instance.request("GET", "/?op=stream_fail")
    assert answer.status == 200
    assert answer.body.startswith(b"one\n")
    assert answer.cut_off
    answer = instance.request("GET", "/?op=stream")
    assert answer.body == b"one\ntwo\nthree\n"
    assert instance.restarts == 0


@only_stand_in
def test_chunks_come_as_they_are_made(start, language):
    instance = start(language, STREAM_HANDLERS.get(language))
    result = instance.api.invoke(json.dumps({
        "queryStringParameters": {"op": "stream"}, "rawPath": "/", "headers": {}, "isBase64Encoded": False,
        "requestContext": {"http": {"method": "GET"}}}).encode())
    assert result.streamed
    assert result.headers["transfer-encoding"] == "chunked"
    assert b"one\n" in b"".join(result.chunks[:2])
    assert result.chunks[-1] == b"three\n"
    assert result.chunk_times[-1] - result.chunk_times[0] >= 0.08
    assert decode_error_trailers(result) is None


@only_stand_in
def test_error_trailers(start, language):
    instance = start(language, STREAM_HANDLERS.get(language))
    result = instance.api.invoke(json.dumps({
        "queryStringParameters": {"op": "stream_fail"}, "rawPath": "/", "headers": {}, "isBase64Encoded": False,
        "requestContext": {"http": {"method": "GET"}}}).encode())
    kind, body = decode_error_trailers(result)
    assert kind
    assert json.loads(body)["errorMessage"]


@pytest.mark.parametrize("name, handler", [("python3", "handler.async_stream"), ("node", "handler.generator")])
def test_async_generators(start, name, handler):
    answer = start(name, handler).request("GET", "/")
    assert answer.body == b"one\ntwo\n"
