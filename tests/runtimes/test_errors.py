"""Errors of a function, its crash, and what it takes to start at all."""

import json

import pytest

import runtimes


def test_handler_error(start, language):
    instance = start(language)
    answer = instance.request("GET", "/?op=fail")
    assert answer.status == 500
    error = answer.json()
    assert error["errorType"]
    assert isinstance(error["stackTrace"], list)
    if language == "bash":
        assert error["errorMessage"] == "the handler ended with exit status 7"
        assert any("handler.sh" in line for line in error["stackTrace"])
    else:
        assert error["errorMessage"] == "went wrong"
    assert instance.request("GET", "/?op=string").status == 200
    assert instance.restarts == 0


@pytest.mark.parametrize("name", ["python3", "node"])
def test_stack_trace_names_the_users_code_only(start, name):
    trace = "\n".join(start(name).request("GET", "/?op=fail").json()["stackTrace"])
    assert "handler." in trace and "fail" in trace
    assert "bootstrap" not in trace


def test_errors_are_logged(start, language):
    instance = start(language)
    instance.request("GET", "/?op=fail")
    assert instance.wait_for_log("exit status 7" if language == "bash" else "went wrong")


def test_crash_is_502_and_the_next_request_works(start, language):
    instance = start(language)
    assert instance.request("GET", "/?op=exit").status == 502
    assert instance.request("GET", "/?op=string").status == 200
    assert instance.restarts == 1


BROKEN = {
    "python3": {
        "syntax": ("handler.py", "def handler(:\n", "handler.handler", "Runtime.UserCodeSyntaxError"),
        "import": ("handler.py", "import no_such_module\n", "handler.handler", "Runtime.ImportModuleError"),
        "function": ("handler.py", "x = 1\n", "handler.missing", "Runtime.HandlerNotFound"),
        "name": ("handler.py", "x = 1\n", "handler", "Runtime.MalformedHandlerName"),
        "raises": ("handler.py", "raise ValueError('early')\n", "handler.handler", "ValueError"),
    },
    "node": {
        "syntax": ("handler.js", "exports.handler = (\n", "handler.handler", "Runtime.UserCodeSyntaxError"),
        "import": ("handler.js", "require('no-such-module')\n", "handler.handler", "Runtime.ImportModuleError"),
        "function": ("handler.js", "exports.x = 1\n", "handler.missing", "Runtime.HandlerNotFound"),
        "name": ("handler.js", "exports.x = 1\n", "handler", "Runtime.MalformedHandlerName"),
        "raises": ("handler.js", "throw new TypeError('early')\n", "handler.handler", "TypeError"),
    },
    "bash": {
        "syntax": ("handler.sh", "handler() {\n", "handler.handler", "Runtime.UserCodeSyntaxError"),
        "import": ("other.sh", "", "handler.handler", "Runtime.ImportModuleError"),
        "function": ("handler.sh", "x=1\n", "handler.missing", "Runtime.HandlerNotFound"),
        "name": ("handler.sh", "x=1\n", "handler", "Runtime.MalformedHandlerName"),
        "raises": ("handler.sh", "exit 4\n", "handler.handler", "Runtime.InitError"),
    },
}


@pytest.mark.parametrize("name, case", [(name, case) for name in BROKEN for case in BROKEN[name]])
def test_init_errors(start, platform, tmp_path, name, case):
    file, text, handler, kind = BROKEN[name][case]
    (tmp_path / file).write_text(text)
    instance = start(name, handler, task=tmp_path, ready=False)
    if platform == "watchdog":
        assert f"init error: {kind}: " in instance.wait_failed()
        return
    result = instance.wait_failed()
    error = json.loads(result.body)
    assert error["errorType"] == kind
    assert error["errorMessage"]
    assert isinstance(error["stackTrace"], list)
    assert result.headers["lambda-runtime-function-error-type"]
    assert instance.process.process.returncode not in (0, None)


@pytest.mark.parametrize("name, text", [("python3", "handler.unserializable"), ("node", "handler.unserializable")])
def test_result_that_is_no_json(start, name, text):
    answer = start(name, text).request("GET", "/")
    assert answer.status == 500
    assert answer.json()["errorType"] == "Runtime.MarshalError"


def test_event_that_is_no_json(start, platform):
    for name in ("python3", "node"):
        answer = start(name, "handler.raw", event="raw").request("POST", "/", [], b"{nonsense")
        assert answer.status == 500
        assert answer.json()["errorType"] == "Runtime.UnmarshalError"


def test_without_a_runtime_api(language, build):
    import subprocess

    runtime = runtimes.runtime(language)
    task = build(language)
    done = subprocess.run(runtime.command(task), cwd=task, capture_output=True, text=True, timeout=30,
                          env={**runtimes.base_environment(), **runtime.environment(task)})
    assert done.returncode != 0
    assert "AWS_LAMBDA_RUNTIME_API" in done.stderr
