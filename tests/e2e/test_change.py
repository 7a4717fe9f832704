"""Nothing is lost in a change: every kind of request, while the platform changes beneath it."""

import collections
import contextlib
import http.client
import json
import os
import pathlib
import signal
import time

import pytest

from change_load import ChangeLoad, function
from platform_under_test import PATIENCE, Platform, command_line, eventually

REPLICAS = 3


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    platform = Platform(tmp_path_factory.mktemp("change"))
    try:
        platform.start()
        platform.deploy(function("web", REPLICAS))
        eventually(lambda: platform.replicas("web") == REPLICAS, "the replicas run")
        yield platform
    finally:
        platform.kill()


def gateway(platform):
    """The one that serves: those that leave are older."""
    return max(platform.pids_of("hearth-gateway"), key=started, default=None)


def controller(platform):
    return next(iter(platform.pids_of("hearth-controller")), None)


def replicas(platform):
    """Watchdogs that run. A replica outlives the controller that made it: it may be nobody's child."""
    found = []
    for meta in platform.data.glob("run/r/*/meta.json"):
        with contextlib.suppress(OSError, ValueError):
            pid = json.loads(meta.read_text())["innerPid"]
            if pid and command_line(pid):
                found.append(pid)
    return sorted(found)


def started(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])


def in_flight(platform):
    connection = http.client.HTTPConnection("127.0.0.1", platform.admin_port, timeout=PATIENCE)
    try:
        connection.request("GET", "/debug/functions")
        page = json.loads(connection.getresponse().read())["functions"]
    finally:
        connection.close()
    return {f["name"]: (f["in_flight"], f["queued"]) for f in page}


def nothing_held(platform):
    return all(held == (0, 0) for held in in_flight(platform).values())


def run(platform, change, settle=1.0):
    with ChangeLoad(platform, "web") as load:
        eventually(lambda: len(load.counts) == 7 or len(load.failures) > 20, "every kind of request has been served")
        change(load)
        time.sleep(settle)
    eventually(lambda: nothing_held(platform), "every slot is free again")
    return load


def unharmed(load):
    assert not load.failures, (len(load.failures), load.failures[:5], load.counts)
    assert set(load.closed_by) <= {1001}, load.closed_by
    return load


def test_rolling_update(web):
    def change(load):
        for generation in (2, 3):
            web.deploy(function("web", REPLICAS, generation))
            eventually(lambda: load.generations[b"%d" % generation] > 20, "the new revision serves")
            eventually(lambda: web.replicas("web") == REPLICAS and len(replicas(web)) == REPLICAS,
                       "the old replicas are gone")
    load = unharmed(run(web, change))
    assert load.closed_by[1001] >= 3, "WebSockets of the old replicas were told to go"


def test_scale_down_and_up(web):
    def change(_load):
        for count in (1, REPLICAS):
            web.deploy(function("web", count, 3))
            eventually(lambda: len(replicas(web)) == count, f"{count} replicas")
    unharmed(run(web, change))


def test_drain_of_a_replica(web):
    """Somebody else sends SIGTERM to a replica: it goes on until nothing comes any more."""
    def change(_load):
        victim = replicas(web)[0]
        os.kill(victim, signal.SIGTERM)
        eventually(lambda: victim not in replicas(web), "it has left")
        eventually(lambda: len(replicas(web)) == REPLICAS, "it is replaced")
    unharmed(run(web, change))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restart_of_the_controller(web, how):
    def change(_load):
        before, watchdogs = controller(web), replicas(web)
        os.kill(before, how)
        eventually(lambda: controller(web) not in (None, before) and web.api("GET", "/system/info").status == 200,
                   "another controller is there")
        eventually(lambda: web.replicas("web") == REPLICAS, "it has found the replicas")
        assert replicas(web) == watchdogs, "they are the same"
    unharmed(run(web, change))


def upgrades(platform):
    return sum("upgraded: gateway" in line for line in platform.output)


def test_upgrade_of_everything(web):
    """SIGUSR2 to serve: it becomes the program on disk, a new gateway takes over, the controller restarts."""
    pid = web.process.pid

    def change(_load):
        for _ in range(3):
            done, before = upgrades(web), (gateway(web), controller(web), replicas(web))
            os.kill(pid, signal.SIGUSR2)
            eventually(lambda: upgrades(web) > done, "everything is replaced")
            assert gateway(web) != before[0] and controller(web) != before[1]
            eventually(lambda: web.replicas("web") == REPLICAS, "the replicas are adopted")
            assert replicas(web) == before[2]
    load = unharmed(run(web, change))
    assert load.closed_by[1001] >= 3, "WebSockets were told to come back"
    assert web.process.poll() is None and web.process.pid == pid


def test_gateway_starts_its_own_successor(web):
    """SIGUSR2 to the gateway alone, as where nobody supervises it; serve takes it under its wing again."""
    def change(_load):
        before = gateway(web)
        os.kill(before, signal.SIGUSR2)
        eventually(lambda: gateway(web) != before, "its successor runs")
        eventually(lambda: before not in web.pids_of("hearth-gateway"), "it has left")
        eventually(lambda: len(web.pids_of("hearth-gateway")) == 1, "one gateway is left")
    unharmed(run(web, change))


def test_successor_that_does_not_start(web):
    """The program on disk is broken: everything goes on as it was."""
    before = (gateway(web), controller(web))

    def change(_load):
        cache = web.data / "credentials"
        hidden = cache.with_suffix(".hidden")
        cache.rename(hidden)  # a new gateway refuses to start without it
        try:
            os.kill(gateway(web), signal.SIGUSR2)
            eventually(lambda: any("did not take over" in line for line in web.output), "the failure is told")
        finally:
            hidden.rename(cache)
    unharmed(run(web, change))
    assert (gateway(web), controller(web)) == before


def test_replicas_killed(web):
    """kill -9: an answer that had begun cannot be saved, nor what must not be sent twice. All else is."""
    def change(load):
        load._killing = True
        for _ in range(3):
            os.kill(replicas(web)[0], signal.SIGKILL)
            time.sleep(0.5)
            eventually(lambda: len(replicas(web)) == REPLICAS and web.replicas("web") == REPLICAS, "replaced")
    load = run(web, change)
    unexcused = [f for f in load.failures if not f.excused_by_death]
    assert not unexcused, (unexcused[:5], load.counts)
    assert len(load.failures) < 60, load.failures
    assert set(load.closed_by) <= {1001}


def test_nothing_was_carried_out_twice(web):
    """Of all the tests above: a POST that was answered ran once, and no other ran more than once."""
    lines = web.hearth("logs", "web", "--tail=false").out.split("\n")
    runs = collections.Counter(line.split("once ", 1)[1].strip() for line in lines if "once " in line)
    assert len(runs) > 100
    assert not [name for name, times in runs.items() if times > 1]


def test_no_descriptor_and_no_memory_is_left_behind(web, full):
    """The same changes again and again cost nothing that stays."""
    def change(_load):
        for _ in range(20 if full else 3):
            victim = replicas(web)[0]
            os.kill(victim, signal.SIGKILL)
            eventually(lambda: victim not in replicas(web) and web.replicas("web") == REPLICAS, "replaced")
    run(web, lambda _: None, settle=1.0)
    before = (descriptors(gateway(web)), resident(gateway(web)))
    run(web, change)
    eventually(lambda: descriptors(gateway(web)) <= before[0] + 24, "connections are closed")
    assert resident(gateway(web)) < before[1] * 1.25 + (8 << 20)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
