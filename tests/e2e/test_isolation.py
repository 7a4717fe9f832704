"""A hostile function sees nothing that is not its own."""

import json
import os

import pytest

from platform_under_test import eventually, inline_python

HOSTILE = r'''
import glob, json, os, socket

def attempt(f):
    try:
        return repr(f())
    except BaseException as e:
        return "denied: " + type(e).__name__

def handler(event, context):
    ask = json.loads(event["body"])
    out = {}
    for path in ask["paths"]:
        out[path] = attempt(lambda: open(path, "rb").read(64))
    for path in ask["lists"]:
        out["ls " + path] = attempt(lambda: os.listdir(path))
    for port in ask["ports"]:
        def dial():
            with socket.create_connection(("127.0.0.1", port), 2) as s:
                return "connected"
        out["port %d" % port] = attempt(dial)
    out["kill"] = attempt(lambda: os.kill(1, 9))
    out["root"] = attempt(lambda: os.setuid(0))
    out["pids"] = [p for p in os.listdir("/proc") if p.isdigit()]
    out["mount"] = attempt(lambda: open("/usr/bin/intruder", "w"))
    out["environ"] = dict(os.environ)
    return out
'''


@pytest.fixture(scope="module")
def report(platform):
    platform.hearth("secret", "create", "victims-key", "--from-literal", "victims-value-5521")
    victim = "def handler(e, c):\n    return 'v'\n"
    platform.deploy(inline_python("victim", victim, secrets=["victims-key"],
                                  environment={"VICTIM": "env-of-victim-77"}, scaling={"min": 1}))
    platform.deploy(inline_python("hostile", HOSTILE, environment={"OWN": "1"}))
    data = str(platform.data)
    ask = {"paths": [f"{data}/credentials", f"{data}/hearth.db", f"{data}/secrets/default/victims-key",
                     "/etc/shadow", "/proc/1/environ", "/var/openfaas/secrets/victims-key", "/proc/1/mem"],
           "lists": [data, "/root", "/home", "/var/openfaas/secrets", "/proc/1/fd", "/proc/1/root", "/run"],
           "ports": [platform.port, platform.admin_port]}
    return platform.invoke("hostile", json.dumps(ask).encode()).json()


def test_files_are_out_of_reach(report):
    for name, got in report.items():
        if name.startswith("/"):
            assert got.startswith("denied"), (name, got)


def test_folders_are_empty_or_out_of_reach(report, platform):
    for name, got in report.items():
        if name.startswith("ls "):
            assert got.startswith("denied") or "victim" not in got and "hearth.db" not in got, (name, got)
    assert report[f"ls {platform.data}"].startswith("denied")


def test_platform_ports_are_out_of_reach(report):
    for name, got in report.items():
        if name.startswith("port "):
            assert got.startswith("denied"), (name, got)


def test_no_power_over_the_watchdog_or_the_system(report):
    if os.getuid() == 0:  # else both are one user, and the kernel itself ignores a signal to PID 1
        assert report["kill"].startswith("denied"), report["kill"]
    assert report["root"].startswith("denied") and report["mount"].startswith("denied")
    assert len(report["pids"]) < 10, "it sees its own processes only"


def test_it_survives_its_own_kill_of_pid_1(platform, report):
    assert platform.invoke("hostile", b'{"paths": [], "lists": [], "ports": []}').status == 200


def test_environment_holds_nothing_of_the_platform(report):
    text = json.dumps(report["environ"])
    assert "victims-value" not in text and "env-of-victim" not in text and "TOKEN" not in text
    assert report["environ"]["OWN"] == "1" and report["environ"]["HEARTH_FUNCTION"] == "hostile"


def test_tmp_is_bounded(platform):
    code = ("def handler(e, c):\n    n = 0\n    try:\n        with open('/tmp/f', 'wb', buffering=0) as f:\n"
            "            while n < 4 << 30:\n                n += f.write(b'x' * (1 << 20))\n"
            "    except OSError as x:\n        return 'full at %d' % n\n    return 'unbounded'\n")
    platform.deploy(inline_python("fills-tmp", code, limits={"memory": "512Mi"}))
    response = platform.invoke("fills-tmp")
    assert response.text.startswith("full at") or response.status == 502, response


def test_memory_is_bounded_and_said(platform):
    code = "def handler(e, c):\n    x = bytearray(int(e['body']) << 20)\n    return str(len(x))\n"
    platform.deploy(inline_python("eats", code, limits={"memory": "64Mi"}))
    assert platform.invoke("eats", b"8").status == 200
    dead = platform.invoke("eats", b"2000")
    assert dead.status in (500, 502), dead
    assert "memory" in dead.text.lower(), dead
    eventually(lambda: platform.invoke("eats", b"8").status == 200, "it is started again")


def test_processes_are_bounded(platform):
    code = ("import os, time\ndef handler(e, c):\n    n = 0\n    try:\n        while n < 20000:\n"
            "            if os.fork() == 0:\n                time.sleep(30)\n                os._exit(0)\n"
            "            n += 1\n    except OSError:\n        pass\n    return str(n)\n")
    platform.deploy(inline_python("forks", code, timeout="20s"))
    response = platform.invoke("forks")
    if response.status == 200:
        assert int(response.text) < 20000
    platform.hearth("remove", "forks")


def test_secrets_do_not_appear_in_process_lists(platform, report):
    for line in platform.descendants().values():
        assert "victims-value-5521" not in " ".join(line)
