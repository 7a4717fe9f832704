"""The benchmark's own sums against answers known by hand."""

import importlib
import json
import pathlib
import random
import sys

import pytest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH / "lib"))

import arithmetic  # noqa: E402
import generator  # noqa: E402
import main  # noqa: E402


def test_quantile_is_the_value_that_the_share_does_not_exceed():
    values = list(range(1, 101))
    random.Random(1).shuffle(values)
    assert [arithmetic.quantile(values, q) for q in (0.01, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert arithmetic.quantile([7], 0.99) == 7


def test_spread():
    assert arithmetic.spread([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0}


@pytest.mark.parametrize("arrivals, services, servers, times", [
    ([0, 0, 0], [2, 2, 2], 1, [2, 4, 6]),          # one after the other
    ([0, 0, 0], [2, 2, 2], 3, [2, 2, 2]),          # nobody waits
    ([0, 1, 2, 3], [10, 1, 1, 1], 2, [10, 1, 1, 1]),  # the short ones pass by the second server
    ([0, 0, 1], [10, 10, 1], 2, [10, 10, 10]),     # both are taken until 10
    ([5, 20], [1, 1], 1, [1, 1]),                  # idle between
])
def test_fifo(arrivals, services, servers, times):
    assert arithmetic.fifo(arrivals, services, servers) == times


def test_fifo_agrees_with_the_formula_of_a_queue_with_random_arrivals():
    """M/M/1 at half load: the mean time in the system is 1 / (service rate - arrival rate)."""
    dice = random.Random(3)
    now, arrivals, services = 0.0, [], []
    for _ in range(200_000):
        now += dice.expovariate(0.5)
        arrivals.append(now)
        services.append(dice.expovariate(1.0))
    times = arithmetic.fifo(arrivals, services, 1)
    assert sum(times) / len(times) == pytest.approx(2.0, rel=0.05)


def test_slope():
    assert arithmetic.slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2.0)
    assert arithmetic.slope([(1, 4)]) == 0.0


def figure(value, better="lower"):
    return {"id": "x", "value": value, "better": better}


@pytest.mark.parametrize("value, rule, better, worse, met", [
    (1.14, {"stored": 1.0, "budget": 1.2}, "lower", False, True),
    (1.16, {"stored": 1.0, "budget": 1.2}, "lower", True, True),
    (1.3, {"budget": 1.2}, "lower", False, False),
    (0.5, {}, "lower", False, None),
    (0.88, {"stored": 1.0, "budget": 0.95}, "higher", False, False),
    (0.86, {"stored": 1.0}, "higher", True, None),
    (2.0, {"stored": 1.0, "budget": 0.95}, "higher", False, True),
])
def test_a_figure_is_judged_by_its_stored_value_and_its_budget(value, rule, better, worse, met):
    [row] = arithmetic.judge([figure(value, better)], {"x": rule}, 0.15)
    assert row[4:] == (worse, met)


@pytest.mark.parametrize("low, high, holds", [(0.9, 1.1, True), (0.8, 1.0, False), (1.0, 1.2, False)])
def test_only_what_is_steady_is_stored(low, high, holds):
    assert arithmetic.steady({"value": 1.0, "min": low, "max": high}, 0.15) is holds


def test_output_of_wrk():
    text = """  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   500.00us   50.00us   1.50ms   99.99%
  Latency Distribution
     50%  277.00us
     75%  300.00us
     99%    1.25s
  1000 requests in 2.00s, 1.00MB read
  Non-2xx or 3xx responses: 3
"""
    assert generator.parse_wrk(text, 2) == {"finished": 1000, "rps": 500.0, "bad": 3,
                                            "good_latency_ms": {"p50": 0.277, "p99": 1250.0, "p999": None}}


def test_flags():
    assert generator.flags_of({"read_rate": 5, "cut": True, "events": False, "log": None, "watch": [1, 2]}) == [
        "--read-rate", "5", "--cut", "--watch", "1", "--watch", "2"]


@pytest.mark.parametrize("name", main.NAMES)
def test_every_scenario_can_be_loaded(name):
    module = importlib.import_module(f"scenarios.{name}")
    assert module.TITLE and callable(module.run)


def test_budgets_belong_to_scenarios():
    rules = json.loads((BENCH / "budgets.json").read_text())
    assert rules["tolerance"] == 0.15
    for name, rule in rules["figures"].items():
        assert name.split("/")[0] in main.NAMES, name
        assert rule and set(rule) <= {"stored", "budget"}, name
