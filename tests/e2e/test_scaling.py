"""Cold starts, scale-out, scale to zero and back, and updates under load."""

import concurrent.futures
import time

from platform_under_test import ECHO, Load, eventually, inline_python

SLOW = "import time\ndef handler(event, context):\n    time.sleep(float(event['body'] or 0))\n    return 'done'\n"


def test_to_zero_and_back(platform):
    platform.deploy(inline_python("naps", ECHO, scaling={"idleTimeout": "1s"}))
    assert platform.invoke("naps", b"1").body == b"1"
    eventually(lambda: platform.replicas("naps") == 0, "zero replicas after the idle time")
    conditions = {c["type"]: c["status"] for c in platform.function("naps")["status"]["conditions"]}
    assert conditions["Ready"] == "True" and conditions["Active"] == "False"
    assert platform.invoke("naps", b"2").body == b"2", "the first request starts it again"
    assert 'hearth_cold_start_seconds' in platform.metrics()


def test_slow_calls_get_replicas_of_their_own(platform):
    platform.deploy(inline_python("slow", SLOW, scaling={"max": 4, "idleTimeout": "1m"}))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(platform.invoke, "slow", b"2") for _ in range(8)]
        most = 0
        while not all(call.done() for call in calls):
            most = max(most, platform.replicas("slow"))
            time.sleep(0.1)
        assert all(call.result().status == 200 for call in calls)
    assert 2 <= most <= 4, most


def test_many_short_calls_do_not_start_many_processes(platform):
    platform.deploy(inline_python("short", ECHO, scaling={"max": 20, "idleTimeout": "1m"}))
    platform.invoke("short", b"warm")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: platform.invoke("short", b"x").status, range(400)))
    assert set(results) == {200}
    assert platform.replicas("short") < 20


def test_a_call_longer_than_the_idle_time_is_not_cut(platform):
    platform.deploy(inline_python("long-call", SLOW, scaling={"idleTimeout": "1s"}))
    assert platform.invoke("long-call", b"4").text == "done"


def test_hand_set_replicas_override_and_are_removed(platform):
    platform.deploy(inline_python("hand-set", ECHO, scaling={"idleTimeout": "1s"}))
    platform.hearth("scale", "hand-set", "--replicas", "2")
    eventually(lambda: platform.replicas("hand-set") == 2, "two replicas")
    time.sleep(2)
    assert platform.replicas("hand-set") == 2, "the autoscaler leaves them alone"


def test_update_under_load_loses_nothing(platform):
    def version(n):
        return inline_python("rolls", f"def handler(e, c):\n    return 'v{n}'\n", scaling={"min": 1})

    platform.deploy(version(1))
    with Load(platform, "rolls", threads=4) as load:
        for n in (2, 3, 4):
            platform.deploy(version(n))
            eventually(lambda: platform.invoke("rolls").text == f"v{n}", f"version {n} serves")
    assert not load.failures, load.failures[:3]
    assert {r.text for r in load.results} >= {"v1", "v4"}


def test_broken_update_keeps_the_old_one(platform):
    platform.deploy(inline_python("careful", "def handler(e, c):\n    return 'good'\n"))
    broken = platform.deploy(inline_python("careful", "import no_such_module\n"), check=False)
    assert broken.code == 1
    assert "no_such_module" in broken.out + broken.err, "the last log lines are shown"
    assert platform.invoke("careful").text == "good"
    status = platform.function("careful")["status"]
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert "no_such_module" in str(status), status
    assert ready["reason"]


def test_burst_on_a_cold_function(platform):
    platform.deploy(inline_python("burst", ECHO, scaling={"idleTimeout": "1s"}))
    platform.invoke("burst", b"")
    eventually(lambda: platform.replicas("burst") == 0, "zero replicas")
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: platform.invoke("burst", b"x").status, range(10)))
    assert statuses == [200] * 10
