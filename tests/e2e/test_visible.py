"""What a person sees of a platform that works, and of one that does not."""

import json
import os
import pty
import re
import select
import subprocess
import time

from platform_under_test import BIN, ECHO, Load, eventually, free_port, inline_python


def top(platform, *args):
    return json.loads(platform.hearth("top", "--once", "--json", *args).out)


def test_top_shows_what_happens(platform):
    platform.deploy(inline_python("busy-one", ECHO))
    platform.deploy(inline_python("idle-one", ECHO))
    platform.deploy(inline_python("failing", "def handler(event, context):\n    raise ValueError('no')\n"))
    with Load(platform, "busy-one", threads=2):
        for _ in range(3):
            platform.invoke("failing")
        looks = []

        def seen():
            looks.append(top(platform, "--interval", "500ms"))
            rows = {f["name"]: f for f in looks[-1]["functions"]}
            return rows["busy-one"]["rps"] > 0 and rows
        rows = eventually(seen, "requests in the table")
        platform.invoke("failing")
    busy, idle = rows["busy-one"], rows["idle-one"]
    assert busy["p50Ms"] > 0 and busy["p99Ms"] >= busy["p50Ms"]
    assert busy["replicas"] >= 1 and busy["errorPercent"] == 0
    assert idle["rps"] == 0 and idle["p99Ms"] == 0
    # Every answer of it is an error.
    results = [platform.invoke("failing").status for _ in range(3)]
    assert set(results) == {500}

    def failing():
        platform.invoke("failing")
        process = subprocess.Popen([BIN / "hearth", "top", "failing", "--once", "--json"],
                                   env=platform.environment(), stdout=subprocess.PIPE, text=True)
        while process.poll() is None:
            platform.invoke("failing")
        row, = json.load(process.stdout)["functions"]
        return row["rps"] > 0 and row["errorPercent"] == 100
    eventually(failing, "errors in the table")


def test_top_shows_cold_starts(platform):
    platform.deploy(inline_python("cold-one", ECHO, scaling={"idleTimeout": "1s"}))

    def row():
        return top(platform, "cold-one", "--interval", "100ms")["functions"][0]
    eventually(lambda: row()["replicas"] == 0, "zero replicas after the idle time")
    before = row()["coldStarts"]
    assert platform.invoke("cold-one", b"x").status == 200
    assert row()["coldStarts"] == before + 1


def test_top_in_a_narrow_terminal(platform):
    platform.deploy(inline_python("a-function-whose-name-is-rather-long", ECHO))
    parent, child = pty.openpty()
    subprocess.run(["stty", "cols", "40", "rows", "12"], stdin=child, check=True)
    process = subprocess.Popen([BIN / "hearth", "top", "--interval", "200ms"], stdin=child, stdout=child,
                               env=platform.environment(TERM="xterm"))
    os.close(child)
    text = ""
    deadline = time.monotonic() + 60
    while text.count("\x1b[J") < 3 and time.monotonic() < deadline:
        if select.select([parent], [], [], 1)[0]:
            text += os.read(parent, 65536).decode()
    process.terminate()
    process.wait()
    os.close(parent)
    frames = text.split("\x1b[J")
    assert len(frames) >= 3, text
    lines = re.sub(r"\x1b\[[HKJ]", "", frames[1]).replace("\r", "").split("\n")
    assert any(line.startswith("FUNCTION") for line in lines), lines
    assert max(map(len, lines)) <= 40 and len(lines) <= 12, lines


def test_top_needs_credentials(platform):
    for user in ("nobody:wrong", ""):
        assert platform.api("GET", "/system/v1/top", user=user or "x:y").status == 401
    assert platform.request("GET", "/system/v1/top").status == 401
    assert platform.api("GET", "/system/v1/top").status == 200


def test_refusals_and_retries_are_counted(platform):
    before = platform.metrics()
    name = f"nobody-{free_port()}"
    assert platform.invoke(name).status == 404
    assert platform.invoke(name).status == 404

    def count(text):
        lines = re.findall(r'^hearth_gateway_refusals_total\{reason="function_not_found"\} (\d+)', text, re.M)
        return int(lines[0]) if lines else 0
    assert count(platform.metrics()) >= count(before) + 2
