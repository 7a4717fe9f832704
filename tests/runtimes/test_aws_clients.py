"""AWS's own clients run unmodified: awslambdaric from PyPI and aws-lambda-ric from npm, on the functions that our
own clients are tested with."""

import base64

import pytest

import aws_clients

PYTHON = "awslambdaric"
NODE = "aws-lambda-ric"


@pytest.fixture(params=[PYTHON, NODE])
def client(request):
    return request.param


@pytest.fixture
def run(start, build):
    """run(client[, handler]): a ready function under AWS's client."""

    def run_client(client, handler="handler.handler", **options):
        if client == PYTHON:
            task = build("python3")
            installed = aws_clients.python_client()
            return start("python3", handler, command=["/usr/bin/python3", "-m", "awslambdaric", handler],
                         environment={"PYTHONPATH": f"{task}:{installed}"}, **options)
        task = build("node")
        main = aws_clients.node_client() / "node_modules/aws-lambda-ric/bin/index.mjs"
        return start("node", handler, command=["/usr/bin/node", str(main), handler], **options)

    return run_client


def test_request_fields(run, client):
    answer = run(client).request(
        "PUT", "/a?x=1&op=echo&x=2", [("X-Test", "first"), ("Cookie", "a=1; b=2"), ("Content-Type", "text/plain")],
        "words, é".encode())
    assert answer.status == 200
    facts = answer.json()
    assert (facts["method"], facts["rawQuery"], facts["query"]) == ("PUT", "x=1&op=echo&x=2", {"x": "1,2", "op": "echo"})
    assert (facts["cookies"], facts["header"], facts["body"]) == (["a=1", "b=2"], "first", "words, é")


@pytest.mark.parametrize("op, body", [
    ("string", "plain wörds".encode()), ("number", b"42"), ("null", b"null")])
def test_plain_results(run, client, op, body):
    answer = run(client).request("GET", f"/?op={op}")
    assert (answer.status, answer.body) == (200, body)


def test_response_object(run, client):
    answer = run(client).request("GET", "/?op=full")
    assert (answer.status, answer.body) == (418, "<p>é</p>".encode())
    assert (answer.headers["x-test"], answer.cookies) == ("yes", ["a=1; Path=/", "b=2"])


def test_binary_both_ways(run, client):
    instance = run(client)
    data = bytes(range(256)) * 100
    answer = instance.request("POST", "/?op=decode", [("Content-Type", "application/octet-stream")], data)
    assert answer.json() == {"length": len(data), "sum": sum(data)}
    assert instance.request("GET", "/?op=binary").body == bytes(range(256))


def test_raw_event(run, client):
    answer = run(client, "handler.raw", event="raw").request(
        "POST", "/", [("Content-Type", "application/json")], b'{"a": [1, 2]}')
    assert answer.json() == {"got": {"a": [1, 2]}}


def test_context(run, client):
    facts = run(client).request("GET", "/?op=context").json()
    assert facts["id"] and facts["remaining"]
    assert (facts["name"], str(facts["memory"])) == ("tested", "256")


def test_handler_error(run, client):
    instance = run(client)
    answer = instance.request("GET", "/?op=fail")
    assert answer.status == 500
    assert answer.json()["errorMessage"] == "went wrong"
    assert answer.json()["errorType"] == ("ValueError" if client == PYTHON else "RangeError")
    assert instance.request("GET", "/?op=number").body == b"42"
    assert instance.restarts == 0


def test_crash_and_restart(run, client):
    instance = run(client)
    assert instance.request("GET", "/?op=exit").status == 502
    assert instance.request("GET", "/?op=number").body == b"42"
    assert instance.restarts == 1


def test_output_is_logged(run, client):
    instance = run(client)
    instance.request("GET", "/?op=log")
    assert instance.wait_for_log("to stdout")


def test_large_event_and_answer(run, client):
    body = b"0123456789abcdef" * 65536
    answer = run(client).request("POST", "/?op=echo", [("Content-Type", "text/plain")], body)
    assert answer.json()["body"].encode() == body


def test_many_requests(run, client):
    instance = run(client)
    for number in range(30):
        answer = instance.request("POST", "/?op=echo", [("Content-Type", "text/plain")], str(number).encode())
        assert answer.json()["body"] == str(number)


def test_init_error(run, client, platform):
    instance = run(client, "missing.handler", ready=False)
    if platform == "watchdog":
        assert "init error: Runtime.ImportModuleError" in instance.wait_failed()
    else:
        assert b"Runtime.ImportModuleError" in instance.wait_failed().body


@pytest.mark.parametrize("handler, style", [("handler.callback", "callback"), ("handler.promise", "promise")])
def test_node_styles(run, handler, style):
    assert run(NODE, handler).request("GET", "/").json() == {"style": style}


def test_node_streaming(run):
    answer = run(NODE, "handler.streamify").request("GET", "/")
    assert (answer.status, answer.body) == (203, b"one\ntwo\nthree\n")
    assert (answer.headers["content-type"], answer.cookies) == ("text/x-test", ["c=3"])


def test_node_stream_that_fails(run):
    assert run(NODE, "handler.streamifyFail").request("GET", "/").cut_off


def test_base64_of_the_event_is_standard(run):
    answer = run(PYTHON).request("POST", "/", [("Content-Type", "image/png")], b"\xfb\xff\xfe")
    assert answer.json()["body"] == base64.b64encode(b"\xfb\xff\xfe").decode()
