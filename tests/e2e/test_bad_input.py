"""Wrong input: a clear error with the right status, and nothing changed."""

import pytest

from platform_under_test import ECHO, eventually, inline_python


def spec(**changes):
    return inline_python("wrong", ECHO, **changes)


def named(name):
    manifest = inline_python("x", ECHO)
    manifest["metadata"]["name"] = name
    return manifest


MANIFESTS = [
    ("unknown field", spec(enviroment={"A": "b"}), ["enviroment", "environment"]),
    ("wrong type", spec(concurrency="many"), ["concurrency", "many"]),
    ("min over max", spec(scaling={"min": 5, "max": 2}), ["min", "max", "5", "2"]),
    ("unknown runtime", {**spec(), "spec": {"runtime": "pyhton3", "source": {"inline": ECHO}}},
     ["pyhton3", "python3"]),
    ("missing secret", spec(secrets=["not-there"]), ["not-there", "hearth secret create"]),
    ("bad duration", spec(timeout="fast"), ["timeout", "fast"]),
    ("negative timeout", spec(timeout="-5s"), ["timeout", "-5s"]),
    ("bad quantity", spec(limits={"memory": "lots"}), ["memory", "lots"]),
    ("tiny memory", spec(limits={"memory": "1Ki"}), ["memory", "1Ki"]),
    ("upper case name", named("Wrong"), ["Wrong"]),
    ("long name", named("a" * 64), ["63"]),
    ("path in name", named("../up"), ["../up"]),
    ("no name", {"apiVersion": "hearth.dev/v1", "kind": "Function", "spec": {"runtime": "bash"}}, ["name"]),
    ("unknown kind", {"apiVersion": "hearth.dev/v1", "kind": "Functoin", "metadata": {"name": "wrong"}},
     ["Functoin", "Function"]),
    ("unknown version", {"apiVersion": "hearth.dev/v9", "kind": "Function", "metadata": {"name": "wrong"}},
     ["hearth.dev/v9"]),
    ("no code", {"apiVersion": "hearth.dev/v1", "kind": "Function", "metadata": {"name": "wrong"},
                 "spec": {"runtime": "python3"}}, ["source"]),
    ("runtime and image", spec(image="docker-archive:/nowhere.tar"), ["image", "runtime"]),
    ("unknown mode", spec(mode="htpp"), ["htpp", "http"]),
    ("reserved variable", spec(environment={"AWS_LAMBDA_RUNTIME_API": "x"}), ["AWS_LAMBDA_RUNTIME_API"]),
]


@pytest.mark.parametrize("name,manifest,needles", MANIFESTS, ids=[m[0] for m in MANIFESTS])
def test_wrong_manifest(platform, name, manifest, needles):
    before = platform.api("GET", "/system/v1/functions").json()
    result = platform.deploy(manifest, check=False)
    assert result.code == 1, result
    for needle in needles:
        assert needle in result.err, result
    after = platform.api("GET", "/system/v1/functions").json()
    assert [f["metadata"]["name"] for f in after["items"]] == [f["metadata"]["name"] for f in before["items"]]


@pytest.mark.parametrize("name,manifest,needles", MANIFESTS, ids=[m[0] for m in MANIFESTS])
def test_the_server_refuses_it_too(platform, name, manifest, needles):
    target = manifest.get("metadata", {}).get("name", "wrong")
    if "/" in target:
        target = "wrong"
    response = platform.api("PUT", f"/system/v1/functions/default/{target}", manifest)
    assert response.status in (400, 404), response
    assert response.json()["error"]


def test_scaling_past_the_limit(platform):
    platform.deploy(inline_python("bounded", ECHO, scaling={"max": 3}))
    result = platform.hearth("scale", "bounded", "--replicas", "1000", check=False)
    assert result.code == 1 and "scaling.max" in result.err and "1000" in result.err, result
    assert platform.replicas("bounded") <= 3


def test_line_numbers(platform):
    text = ("apiVersion: hearth.dev/v1\nkind: Function\nmetadata:\n  name: lines\nspec:\n"
            "  runtime: bash\n  source:\n    inline: 'handler() { :; }'\n  timout: 5s\n")
    result = platform.deploy(text, check=False)
    assert result.code == 1 and "line 9" in result.err and "timeout" in result.err, result


def test_broken_yaml(platform):
    result = platform.deploy("apiVersion: [unclosed\n", check=False)
    assert result.code == 1 and "line" in result.err, result


def test_not_json_to_the_api(platform):
    for method, path in (("POST", "/system/functions"), ("PUT", "/system/functions"),
                         ("DELETE", "/system/functions"), ("POST", "/system/secrets"),
                         ("POST", "/system/scale-function/x")):
        response = platform.api(method, path, b"{not json")
        assert response.status == 400, (method, path, response)
        assert response.json()["error"]


def test_unknown_function_suggests_near_names(platform):
    platform.deploy(inline_python("figlet", ECHO))
    response = platform.invoke("figlte", b"x")
    assert response.status == 404 and "figlet" in response.text
    assert response.headers["X-Hearth-Error"].startswith("gateway;")


def test_build_failure_shows_the_compiler(platform, tmp_path):
    platform.hearth("new", "nobuild", "--lang", "cpp", cwd=tmp_path)
    source = next((tmp_path / "nobuild").glob("*.cc"), None) or next((tmp_path / "nobuild").glob("*.cpp"))
    source.write_text("int handler( { this is not C++ }\n")
    result = platform.hearth("up", "-f", "nobuild.yaml", cwd=tmp_path, check=False)
    assert result.code == 1 and "error:" in result.out + result.err
    assert platform.invoke("nobuild").status == 404


def test_crash_loop_is_backed_off_and_visible(platform):
    result = platform.deploy(inline_python("crasher", "import os\nprint('about to die')\nos._exit(3)\n"),
                             "--timeout", "20s", check=False)
    assert result.code == 1 and "about to die" in result.out + result.err, result
    response = platform.invoke("crasher", b"x")
    assert response.status in (502, 503), response
    assert "exit" in response.text, response
    described = platform.hearth("describe", "crasher").out
    assert "exit" in described and "about to die" in described


def test_function_errors_are_attributed(platform):
    platform.deploy(inline_python("throws", "def handler(e, c):\n    raise ValueError('boom')\n"))
    error = platform.invoke("throws")
    assert error.status == 500 and error.headers["X-Hearth-Error"].startswith("function;")
    assert "boom" in error.text
    platform.deploy(inline_python("dies", "import os\ndef handler(e, c):\n    os._exit(9)\n"))
    crash = platform.invoke("dies")
    assert crash.status == 502 and crash.headers["X-Hearth-Error"].startswith("function;"), crash
    platform.deploy(inline_python("hangs", "import time\ndef handler(e, c):\n    time.sleep(60)\n", timeout="1s"))
    late = platform.invoke("hangs")
    assert late.status == 504 and late.headers["X-Hearth-Error"], late
    eventually(lambda: platform.invoke("throws").status == 500, "it still answers")


def test_event_body_over_the_limit(platform):
    platform.deploy(inline_python("limited", ECHO))
    assert platform.invoke("limited", b"x" * (6 << 20)).status == 200
    assert platform.invoke("limited", b"x" * ((6 << 20) + 1)).status == 413


def test_gateway_not_running(platform):
    result = platform.hearth("list", check=False, HEARTH_URL="http://127.0.0.1:1")
    assert result.code == 1 and "hearth serve" in result.err
