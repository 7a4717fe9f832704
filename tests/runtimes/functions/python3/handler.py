"""The function that every language has for the tests: it does what the query parameter `op` says."""

import base64
import os
import sys
import time


def handler(event, context):
    return OPERATIONS[(event.get("queryStringParameters") or {}).get("op", "echo")](event, context)


def echo(event, context):
    return {
        "method": event["requestContext"]["http"]["method"],
        "path": event["rawPath"],
        "rawQuery": event["rawQueryString"],
        "query": event.get("queryStringParameters") or {},
        "cookies": event.get("cookies") or [],
        "header": event["headers"].get("x-test", ""),
        "body": event.get("body") or "",
        "base64": event["isBase64Encoded"],
    }


def full(event, context):
    return {
        "statusCode": 418,
        "headers": {"content-type": "text/html", "x-test": "yes"},
        "cookies": ["a=1; Path=/", "b=2"],
        "body": "<p>é</p>",
    }


def binary(event, context):
    body = base64.b64encode(bytes(range(256))).decode()
    return {"statusCode": 200, "headers": {"content-type": "image/x-test"}, "body": body, "isBase64Encoded": True}


def decode(event, context):
    data = base64.b64decode(event["body"])
    return {"length": len(data), "sum": sum(data)}


def fail(event, context):
    raise ValueError("went wrong")


def describe(event, context):
    return {
        "id": bool(context.aws_request_id),
        "name": context.function_name,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "remaining": 0 < context.get_remaining_time_in_millis() <= 20000,
        "trace": os.environ.get("_X_AMZN_TRACE_ID", ""),
    }


def log(event, context):
    print("to stdout")
    print("to stderr", file=sys.stderr)
    return "logged"


def sleep(event, context):
    time.sleep(0.5)
    return "slept"


def leave(event, context):
    os._exit(3)


def stream(event, context):
    yield {"statusCode": 201, "headers": {"content-type": "text/event-stream", "x-test": "yes"}, "cookies": ["a=1"]}
    for word in ("one\n", "two\n", "three\n"):
        yield word
        time.sleep(0.05)


def stream_fail(event, context):
    yield "one\n"
    raise ValueError("went wrong later")


OPERATIONS = {
    "echo": echo,
    "string": lambda event, context: "plain wörds",
    "number": lambda event, context: 42,
    "null": lambda event, context: None,
    "list": lambda event, context: [1, "two", None],
    "full": full,
    "binary": binary,
    "decode": decode,
    "fail": fail,
    "context": describe,
    "log": log,
    "sleep": sleep,
    "exit": leave,
    "stream": stream,
    "stream_fail": stream_fail,
}


def raw(event, context):
    return {"got": event}


def unserializable(event, context):
    return {"when": object()}


def as_bytes(event, context):
    return b"\x00\x01\xff"


async def asynchronous(event, context):
    import asyncio

    await asyncio.sleep(0.2)
    return {"loop": id(asyncio.get_running_loop())}


async def async_stream(event, context):
    yield "one\n"
    yield "two\n"
