"""HTTP becomes the same event and a result the same answer in every language."""

import base64

import pytest


def op(name):
    return f"/some/path?op={name}"


def test_request_fields(start, language):
    answer = start(language).request(
        "PUT", "/a/b%20c?x=1&op=echo&x=2&empty=", [
            ("X-Test", "first"), ("X-Test", "second"), ("Cookie", "a=1; b=2"), ("Content-Type", "application/json")],
        '{"text": "é\\n\\"quoted\\" 😀"}'.encode())
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {
        "method": "PUT",
        "path": answer.json()["path"],
        "rawQuery": "x=1&op=echo&x=2&empty=",
        "query": {"x": "1,2", "op": "echo", "empty": ""},
        "cookies": ["a=1", "b=2"],
        "header": "first,second",
        "body": '{"text": "é\\n\\"quoted\\" 😀"}',
        "base64": False,
    }
    assert answer.json()["path"] in ("/a/b c", "/a/b%20c")


def test_request_without_anything(start, language):
    answer = start(language).request("GET", "/")
    assert answer.status == 200
    assert answer.json()["query"] == {}
    assert answer.json()["cookies"] == []
    assert answer.json()["body"] == ""


def test_binary_body_arrives_as_base64(start, language):
    instance = start(language)
    data = bytes(range(256)) * 3
    answer = instance.request("POST", op("echo"), [("Content-Type", "application/octet-stream")], data)
    assert answer.json()["base64"] is True
    assert base64.b64decode(answer.json()["body"]) == data
    answer = instance.request("POST", op("decode"), [("Content-Type", "application/octet-stream")], data)
    assert answer.json() == {"length": len(data), "sum": sum(data)}


@pytest.mark.parametrize("name, status, body", [
    ("string", 200, "plain wörds".encode()),
    ("number", 200, b"42"),
    ("null", 200, b"null"),
])
def test_plain_results(start, language, name, status, body):
    answer = start(language).request("GET", op(name))
    assert (answer.status, answer.body.strip()) == (status, body)


def test_list_result(start, language):
    answer = start(language).request("GET", op("list"))
    assert answer.status == 200
    assert answer.json() == [1, "two", None]
    assert answer.headers["content-type"].startswith("application/json")


def test_response_object(start, language):
    answer = start(language).request("GET", op("full"))
    assert answer.status == 418
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["x-test"] == "yes"
    assert answer.cookies == ["a=1; Path=/", "b=2"]
    assert answer.body == "<p>é</p>".encode()


def test_binary_response(start, language):
    answer = start(language).request("GET", op("binary"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/x-test"
    assert answer.body == bytes(range(256))


def test_raw_event_is_the_body(start, language):
    answer = start(language, RAW_HANDLERS[language], event="raw").request(
        "POST", "/", [("Content-Type", "application/json")], b'{"a": [1, "\xc3\xa9"]}')
    assert answer.status == 200
    assert answer.json() == {"got": {"a": [1, "é"]}}


def test_large_bodies(start, language):
    instance = start(language)
    body = ("0123456789abcdef" * 65536).encode()  # 1 MiB
    answer = instance.request("POST", op("echo"), [("Content-Type", "text/plain")], body)
    assert answer.status == 200
    assert answer.json()["body"].encode() == body


def test_many_requests_on_one_process(start, language):
    instance = start(language)
    for number in range(50):
        answer = instance.request("POST", op("echo"), [("Content-Type", "text/plain")], str(number).encode())
        assert answer.json()["body"] == str(number)


RAW_HANDLERS = {
    "bash": "raw.handler",
    "python3": "handler.raw",
    "node": "handler.raw",
    "go": "raw",
    "cpp": "raw",
}
