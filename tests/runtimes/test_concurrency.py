"""AWS_LAMBDA_MAX_CONCURRENCY: several invocations inside one process."""

import threading
import time

import pytest

from conftest import only_stand_in


def together(count, call):
    answers = [None] * count

    def run(index):
        answers[index] = call(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_parallel_invocations(start, language):
    instance = start(language, concurrency=4)
    began = time.monotonic()
    answers = together(4, lambda index: instance.request("GET", "/?op=sleep"))
    took = time.monotonic() - began
    assert [answer.status for answer in answers] == [200] * 4
    assert took < 4 * 0.5, "four sleeps of half a second ran one after the other"


def test_answers_go_to_their_own_requests(start, language):
    instance = start(language, concurrency=4)
    answers = together(12, lambda index: instance.request(
        "POST", "/?op=echo", [("Content-Type", "text/plain")], f"body {index}".encode()))
    assert [answer.json()["body"] for answer in answers if answer.status == 200] == [
        f"body {index}" for index, answer in enumerate(answers) if answer.status == 200]
    # A watchdog that is full says so (503); the stand-in queues.
    assert all(answer.status in (200, 503) for answer in answers)
    assert sum(answer.status == 200 for answer in answers) >= 4


@only_stand_in
def test_every_slot_asks_for_an_event(start, language):
    instance = start(language, concurrency=4)
    end = time.monotonic() + 5
    while instance.api.most_waiting < 4 and time.monotonic() < end:
        time.sleep(0.01)
    assert instance.api.most_waiting == 4


def test_async_python_handlers_share_one_loop(start):
    instance = start("python3", "handler.asynchronous", concurrency=4)
    answers = together(4, lambda index: instance.request("GET", "/"))
    assert len({answer.json()["loop"] for answer in answers if answer.status == 200}) == 1


@pytest.mark.parametrize("concurrency", [1, 2])
def test_async_python_handler(start, concurrency):
    instance = start("python3", "handler.asynchronous", concurrency=concurrency)
    first, second = instance.request("GET", "/"), instance.request("GET", "/")
    assert first.json() == second.json()
