"""Run with: python3 -m pytest (Debian package python3-pytest). A handler is a plain function: call it."""

from handler import handler


def test_greets_by_name():
    answer = handler({"queryStringParameters": {"name": "Ada"}}, None)
    assert answer["statusCode"] == 200
    assert answer["body"] == "Hello, Ada!\n"
