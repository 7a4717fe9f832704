"""Cases that only the real watchdog has; without HEARTH_WATCHDOG this file is not collected."""

import pytest


@pytest.mark.parametrize("platform", ["watchdog"])
def test_request_that_waits_for_a_start_that_fails(start, tmp_path):
    (tmp_path / "handler.py").write_text("import time\ntime.sleep(0.5)\nraise ValueError('not today')\n")
    answer = start("python3", task=tmp_path, ready=False).wait_listening().request("GET", "/")
    assert answer.status == 502
    assert answer.headers["x-hearth-error"] == "function;init_failed"
    assert b"not today" in answer.body
