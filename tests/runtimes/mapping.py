"""HTTP to event and answer to HTTP, as the watchdog's native mode does it: what the shims are tested against
where no watchdog is at hand. Written from the contract, not from the watchdog."""

import base64
import json
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from runtime_api import decode_error_trailers

HTTP_STREAM = "application/vnd.awslambda.http-integration-response"


@dataclass
class Answer:
    """An HTTP answer. Header names are lower case; set-cookie lines stand apart."""

    status: int
    headers: dict = field(default_factory=dict)
    cookies: list = field(default_factory=list)
    body: bytes = b""
    cut_off: bool = False  # the stream ended with an error

    def json(self):
        return json.loads(self.body)


def event_of(method, target, headers, body):
    path, _, query = target.partition("?")
    lowered, cookies = {}, []
    for name, value in headers:
        name = name.lower()
        if name == "cookie":
            cookies += [part.strip() for part in value.split(";")]
        else:
            lowered[name] = f"{lowered[name]},{value}" if name in lowered else value
    parameters = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(path),
        "rawQueryString": query,
        "headers": lowered,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "tested",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                     "userAgent": lowered.get("user-agent", "")},
            "requestId": "request",
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if parameters:
        event["queryStringParameters"] = parameters
    if body:
        kind = lowered.get("content-type", "")
        textual = kind.startswith("text/") or "json" in kind or "xml" in kind or "urlencoded" in kind
        event["isBase64Encoded"] = not textual
        event["body"] = body.decode("utf-8") if textual else base64.b64encode(body).decode("ascii")
    return json.dumps(event, ensure_ascii=False).encode("utf-8")


def answer_of(result, raw=False):
    if result.kind == "crash":
        return Answer(502)
    if result.kind == "timeout":
        return Answer(504)
    if result.kind == "error":
        return Answer(500, {"content-type": "application/json"}, [], result.body)
    kind = result.headers.get("content-type", "")
    cut_off = decode_error_trailers(result) is not None
    if kind == HTTP_STREAM:
        head, _, body = result.body.partition(b"\0" * 8)
        return _http_answer(json.loads(head), body, cut_off)
    if raw or (kind and "json" not in kind) or result.streamed:
        return Answer(200, {"content-type": kind}, [], result.body, cut_off)
    value = json.loads(result.body)
    if isinstance(value, dict) and "statusCode" in value:
        body = value.get("body") or ""
        data = body.encode("utf-8") if isinstance(body, str) else json.dumps(body).encode()
        if value.get("isBase64Encoded"):
            data = base64.b64decode(data)
        return _http_answer(value, data)
    if isinstance(value, str):
        return Answer(200, {"content-type": "text/plain; charset=utf-8"}, [], value.encode("utf-8"))
    return Answer(200, {"content-type": "application/json"}, [], result.body)


def _http_answer(head, body, cut_off=False):
    headers = {name.lower(): str(value) for name, value in (head.get("headers") or {}).items()}
    return Answer(int(head["statusCode"]), headers, list(head.get("cookies") or []), body, cut_off)
