"""The five-minute tour: what a new user does first, through the command."""

import json
import stat

from platform_under_test import ECHO, eventually, inline_python


def test_credentials_are_made_once_and_private(platform):
    path = platform.data / "credentials"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    user, password = platform.credentials().split(":", 1)
    assert user and len(password) >= 16
    shown = [line for line in platform.output if password in line]
    assert len(shown) == 1, "shown once, at first start"


def test_deploy_invoke_list_describe_logs_remove(platform):
    code = "def handler(event, context):\n    print('seen', event['body'])\n    return event['body'].upper()\n"
    deployed = platform.deploy(inline_python("tour", code))
    assert "tour" in deployed.out and platform.url in deployed.out
    assert platform.hearth("invoke", "tour", stdin="hello").out == "HELLO"
    assert "tour" in platform.hearth("list").out
    listed = platform.hearth("list", "-o", "json").json()
    assert any(f["metadata"]["name"] == "tour" for f in listed["items"] if "metadata" in f)
    described = platform.hearth("describe", "tour").out
    assert "Ready" in described and "python3" in described
    eventually(lambda: "seen hello" in platform.hearth("logs", "tour", "--tail=false").out, "the log line")
    platform.hearth("remove", "tour")
    gone = platform.invoke("tour", b"x")
    assert gone.status == 404, gone
    assert platform.hearth("invoke", "tour", stdin="x", check=False).code == 1


def test_new_up_and_change(platform, tmp_path):
    platform.hearth("new", "fresh-one", "--lang", "python3", cwd=tmp_path)
    assert (tmp_path / "fresh-one.yaml").exists()
    platform.hearth("up", "-f", "fresh-one.yaml", cwd=tmp_path)
    first = platform.hearth("invoke", "fresh-one", stdin="abc")
    assert first.code == 0 and first.out
    handler = tmp_path / "fresh-one" / "handler.py"
    handler.write_text("def handler(event, context):\n    return 'changed'\n")
    platform.hearth("up", "-f", "fresh-one.yaml", cwd=tmp_path)
    assert platform.hearth("invoke", "fresh-one", stdin="").out == "changed"


def test_manifest_from_stdin_yaml_round_trip(platform):
    text = "\n".join(["apiVersion: hearth.dev/v1", "kind: Function", "metadata:", "  name: from-yaml",
                      "spec:", "  runtime: bash", "  source:", "    inline: |",
                      "      handler() { cat; }", ""])
    platform.deploy(text)
    assert platform.invoke("from-yaml", b"ping").status == 200
    again = platform.deploy(text)
    assert "unchanged" in (again.out + again.err)


def test_secrets_are_files_and_never_shown(platform):
    value = "s3cr3t-value-91827"
    platform.hearth("secret", "create", "tour-key", "--from-literal", value)
    assert "tour-key" in platform.hearth("secret", "list").out
    code = "def handler(event, context):\n    return open('/var/openfaas/secrets/tour-key').read()\n"
    platform.deploy(inline_python("reads-secret", code, secrets=["tour-key"]))
    assert platform.invoke("reads-secret").text == value
    for shown in (platform.hearth("describe", "reads-secret").out, platform.hearth("secret", "list").out,
                  json.dumps(platform.function("reads-secret")), "\n".join(platform.output)):
        assert value not in shown
    platform.hearth("secret", "update", "tour-key", "--from-literal", "second")
    eventually(lambda: platform.invoke("reads-secret").text == "second", "a changed secret rolls the function")


def test_namespaces(platform):
    platform.hearth("namespace", "create", "team-a")
    assert "team-a" in platform.hearth("namespace", "list").out
    manifest = inline_python("same-name", "def handler(e, c):\n    return 'a'\n")
    manifest["metadata"]["namespace"] = "team-a"
    platform.deploy(manifest)
    platform.deploy(inline_python("same-name", "def handler(e, c):\n    return 'default'\n"))
    assert platform.invoke("same-name.team-a").text == "a"
    assert platform.invoke("same-name").text == "default"
    assert platform.invoke("same-name.openfaas-fn").text == "default"


def test_functions_call_each_other(platform):
    platform.deploy(inline_python("callee", "def handler(e, c):\n    return 'from callee'\n"))
    code = ("import os, urllib.request\n"
            "def handler(event, context):\n"
            "    return urllib.request.urlopen(os.environ['HEARTH_GATEWAY_URL'] + '/function/callee', b'').read().decode()\n")
    platform.deploy(inline_python("caller", code))
    assert platform.invoke("caller").text == "from callee"


def test_logs_outlive_replicas(platform):
    code = "def handler(event, context):\n    print('line of a replica')\n    return ''\n"
    platform.deploy(inline_python("short-lived", code, scaling={"idleTimeout": "1s"}))
    platform.invoke("short-lived")
    eventually(lambda: platform.replicas("short-lived") == 0, "zero replicas")
    assert "line of a replica" in platform.hearth("logs", "short-lived", "--tail=false").out


def test_private_function_needs_credentials(platform):
    platform.deploy(inline_python("members-only", ECHO, visibility="private"))
    refused = platform.invoke("members-only", b"x")
    assert refused.status == 401 and "WWW-Authenticate" in refused.headers
    allowed = platform.api("POST", "/function/members-only", b"x")
    assert allowed.status == 200 and allowed.body == b"x"


def test_management_api_needs_credentials(platform):
    for user in ("admin:wrong", ":", "x:y"):
        assert platform.api("GET", "/system/functions", user=user).status == 401
    assert platform.request("GET", "/system/functions").status == 401
    empty = platform.request("GET", "/system/functions", headers={"Authorization": "Bearer "})
    assert empty.status == 401 and "WWW-Authenticate" in empty.headers


def test_version_status_completion_help(platform):
    assert platform.hearth("version").out.strip()
    assert platform.hearth("status").code == 0
    for shell in ("bash", "zsh", "fish"):
        assert "hearth" in platform.hearth("completion", shell).out
    assert "deploy" in platform.hearth("--help").out
    wrong = platform.hearth("deplyo", check=False)
    assert wrong.code == 2 and "deploy" in wrong.err
