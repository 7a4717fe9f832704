"""kill -9 of every process, restarts, a second platform, full disks, missing parts."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from platform_under_test import (ECHO, Load, Platform, eventually, inline_python,
                                 processes_mentioning)


def pid_of(platform, program):
    pids = platform.pids_of(program)
    assert pids, platform.descendants()
    return pids[0]


def leftovers(platform):
    return {pid: line for pid, line in processes_mentioning(str(platform.home)).items()
            if pid != os.getpid() and "pytest" not in " ".join(line)}


def test_clean_stop_leaves_nothing(fresh):
    fresh.deploy(inline_python("one", ECHO, scaling={"min": 2}))
    eventually(lambda: fresh.replicas("one") == 2, "two replicas")
    assert fresh.stop() == 0
    eventually(lambda: not leftovers(fresh), "no process is left")
    assert not [m for m in pathlib.Path("/proc/mounts").read_text().splitlines() if str(fresh.home) in m]


def test_controller_killed_warm_requests_go_on(fresh):
    fresh.deploy(inline_python("warm", ECHO, scaling={"min": 1}))
    fresh.deploy(inline_python("cold", ECHO, scaling={"idleTimeout": "1s"}))
    eventually(lambda: fresh.replicas("cold") == 0, "cold is at zero")
    with Load(fresh, "warm", threads=2) as load:
        os.kill(pid_of(fresh, "hearth-controller"), signal.SIGKILL)
        eventually(lambda: fresh.api("GET", "/system/info").status == 200, "the controller is back")
        assert fresh.invoke("cold", b"back").body == b"back"
    assert not load.failures, load.failures[:3]
    assert fresh.replicas("warm") == 1, "its replica was adopted, not doubled"


def test_gateway_killed_comes_back(fresh):
    fresh.deploy(inline_python("g", ECHO, scaling={"min": 1}))
    os.kill(pid_of(fresh, "hearth-gateway"), signal.SIGKILL)
    eventually(lambda: fresh.invoke("g", b"again").body == b"again", "the gateway is back")


def test_watchdog_killed_is_replaced(fresh):
    fresh.deploy(inline_python("w", ECHO, scaling={"min": 1}))
    fresh.invoke("w", b"x")
    watchdogs = fresh.watchdogs()
    assert watchdogs
    os.kill(watchdogs[0], signal.SIGKILL)
    eventually(lambda: fresh.invoke("w", b"y").status == 200, "another replica answers")


def test_serve_killed_next_start_has_everything(fresh):
    fresh.hearth("secret", "create", "kept", "--from-literal", "v")
    fresh.hearth("namespace", "create", "team")
    fresh.deploy(inline_python("kept", ECHO, secrets=["kept"], scaling={"min": 1}))
    fresh.process.kill()
    fresh.process.wait()
    fresh.start()
    assert fresh.invoke("kept", b"1").body == b"1"
    assert "team" in fresh.hearth("namespace", "list").out
    assert "kept" in fresh.hearth("secret", "list").out
    eventually(lambda: fresh.replicas("kept") == 1, "one replica, no orphan beside it")
    fresh.stop()
    eventually(lambda: not leftovers(fresh), "no process is left")


def test_everything_killed_next_start_has_everything(fresh):
    fresh.deploy(inline_python("kept", ECHO, scaling={"min": 2}))
    eventually(lambda: fresh.replicas("kept") == 2, "two replicas")
    fresh.process.kill()
    for pid in list(fresh.descendants()) + list(leftovers(fresh)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    fresh.process.wait()
    fresh.start()
    eventually(lambda: fresh.invoke("kept", b"1").body == b"1", "it serves again")


def test_replicas_killed_under_load(fresh):
    """Only what was inside a dead replica and must not be replayed may fail, and it says so."""
    fresh.deploy(inline_python("k", ECHO, scaling={"min": 3}))
    eventually(lambda: fresh.replicas("k") == 3, "three replicas")
    with Load(fresh, "k", threads=4) as load:
        for _ in range(3):
            time.sleep(0.5)
            pids = fresh.watchdogs()
            assert pids
            os.kill(pids[0], signal.SIGKILL)
        eventually(lambda: fresh.replicas("k") == 3, "they are replaced")
    assert len(load.results) > 50
    for failure in load.failures:
        assert getattr(failure, "status", None) == 502 and failure.headers["X-Hearth-Error"], failure
    assert len(load.failures) <= 12, len(load.failures)


def test_second_serve_on_the_same_data(fresh):
    second = Platform(fresh.home)
    second.start(wait=False)
    assert second.process.wait(30) != 0
    eventually(lambda: any(str(fresh.process.pid) in line for line in second.output), "the holder is named")
    assert fresh.request("GET", "/healthz").status == 200


def test_second_serve_on_the_same_port(fresh, tmp_path):
    second = Platform(tmp_path / "second")
    second.port = fresh.port
    second.start(wait=False)
    try:
        assert second.process.wait(30) != 0
        text = "\n".join(second.output)
        assert str(fresh.port) in text and "--listen" in text
    finally:
        second.kill()


def test_second_serve_beside_the_first(fresh, tmp_path):
    second = Platform(tmp_path / "second")
    try:
        second.start()
        for p, text in ((fresh, "one"), (second, "two")):
            p.deploy(inline_python("who", f"def handler(e, c):\n    return '{text}'\n"))
        assert fresh.invoke("who").text == "one" and second.invoke("who").text == "two"
    finally:
        second.kill()


@pytest.mark.skipif(os.getuid() != 0, reason="hiding a program needs root")
def test_without_bubblewrap_it_refuses(tmp_path):
    """In a mount namespace of its own, where an empty file stands in bwrap's place."""
    hide = ["unshare", "-m", "sh", "-c", 'mount --bind /dev/null "$(command -v bwrap)" && exec "$@"', "sh"]
    platform = Platform(tmp_path / "home", prefix=hide)
    platform.start(wait=False)
    try:
        assert platform.process.wait(30) != 0
        eventually(lambda: "--insecure-no-sandbox" in "\n".join(platform.output), "the remedy is named")
        assert "bubblewrap" in "\n".join(platform.output)
    finally:
        platform.kill()
    insecure = Platform(tmp_path / "home2", ["--insecure-no-sandbox"], prefix=hide)
    try:
        insecure.start()
        insecure.deploy(inline_python("plain", ECHO))
        assert insecure.invoke("plain", b"1").body == b"1"
    finally:
        insecure.kill()


def test_data_folder_that_cannot_be_made(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    platform = Platform(tmp_path / "home", ["--data", str(blocker / "data")])
    platform.start(wait=False)
    try:
        assert platform.process.wait(30) != 0
        assert str(blocker) in "\n".join(platform.output)
    finally:
        platform.kill()


def test_non_loopback_listener_warns(tmp_path):
    platform = Platform(tmp_path / "home")
    platform.process = None
    platform.start("--listen", f"0.0.0.0:{platform.port}")
    try:
        assert any("TLS" in line for line in platform.output), platform.output
    finally:
        platform.kill()


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small file system needs root")
def test_full_disk(tmp_path):
    home = tmp_path / "small"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(home)], check=True)
    platform = Platform(home)
    try:
        platform.start()
        platform.deploy(inline_python("before", ECHO, scaling={"min": 1}))
        filler = home / "filler"
        with open(filler, "wb", buffering=0) as out:
            try:
                while True:
                    out.write(b"\0" * (1 << 16))
            except OSError:
                pass
        refused = platform.deploy(inline_python("during", "#" + "x" * 200000 + "\n" + ECHO), check=False)
        assert refused.code == 1 and refused.err, refused
        assert platform.invoke("before", b"1").body == b"1", "what runs goes on"
        filler.unlink()
        platform.deploy(inline_python("after", ECHO))
        assert platform.invoke("after", b"1").body == b"1"
    finally:
        platform.kill()
        subprocess.run(["umount", "-l", str(home)], check=False)
