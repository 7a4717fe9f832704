"""What only C++ has: its own JSON, and exceptions of all kinds."""

import json

import pytest

DOCUMENTS = [
    {},
    [],
    {"a": {"b": [1, -2, 3.5, 1e300, 0.1, True, False, None, ""]}},
    {"text": "quote \" backslash \\ slash / \b\f\n\r\t \x01 é 😀 \u2028"},
    {"": [[[[[[]]]]]]},
    {"big": 9007199254740993, "negative": -9223372036854775808, "beyond": 1e40},
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=range(len(DOCUMENTS)))
@pytest.mark.parametrize("ascii", [True, False])
def test_json_round_trip(start, document, ascii):
    text = json.dumps(document, ensure_ascii=ascii, indent=1).encode()
    answer = start("cpp", "json", event="raw").request("POST", "/", [], text)
    assert answer.status == 200
    assert answer.json() == document


def test_what_is_no_json(start):
    instance = start("cpp", "json", event="raw")
    for text in (b"{", b"[1,]", b'{"a" 1}', b'"\x01"', b"01", b"1.", b"+1", b"nul", b"{} x", b'"\\x"', b'"\\ud800\\u0041"',
                 b"[" * 100000):
        answer = instance.request("POST", "/", [], text)
        assert (text[:20], answer.status) == (text[:20], 500)
        assert answer.json()["errorType"] == "Runtime.UnmarshalError"
    assert instance.restarts == 0


def test_nested_exceptions(start):
    error = start("cpp").request("GET", "/?op=nested").json()
    assert error["errorMessage"] == "outside"
    assert error["stackTrace"] == ["caused by std::out_of_range: inside"]


def test_exception_type_is_readable(start):
    assert start("cpp").request("GET", "/?op=fail").json()["errorType"] == "std::invalid_argument"


def test_something_thrown_that_is_no_exception(start):
    instance = start("cpp")
    assert instance.request("GET", "/?op=odd").status == 500
    assert instance.restarts == 0
