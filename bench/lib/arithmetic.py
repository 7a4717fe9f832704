"""The benchmark's own sums: pure, so that tests/bench can hold them against known answers."""

import heapq
import math
import statistics


def spread(values):
    """Median, smallest and largest of the rounds."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def quantile(values, q):
    """The smallest value that at least a share q of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def fifo(arrivals, services, servers):
    """Times from arrival to completion in one queue with so many equal servers, first come first
    served: what no dispatcher without knowledge of the service times can beat."""
    free = [0.0] * servers
    heapq.heapify(free)
    times = []
    for arrival, service in sorted(zip(arrivals, services)):
        done = max(arrival, heapq.heappop(free)) + service
        heapq.heappush(free, done)
        times.append(done - arrival)
    return times


def slope(points):
    """Least squares slope of (x, y) points."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    mx, my = statistics.fmean(xs), statistics.fmean(ys)
    below = sum((x - mx) ** 2 for x in xs)
    return sum((x - mx) * (y - my) for x, y in points) / below if below else 0.0


def steady(figure, tolerance):
    """Whether every round lies within the tolerance of the median: what varies more cannot be held."""
    low, high = figure["value"] / (1 + tolerance), figure["value"] * (1 + tolerance)
    return low <= figure["min"] and figure["max"] <= high


def judge(figures, budgets, tolerance):
    """What became of each figure: (id, value, stored, budget, worse, met); `worse` where it is by more
    than the tolerance on the wrong side of the stored one, `met` None where there is no budget."""
    rows = []
    for figure in figures:
        rule = budgets.get(figure["id"], {})
        stored, budget, value = rule.get("stored"), rule.get("budget"), figure["value"]
        higher = figure["better"] == "higher"
        worse = stored is not None and (value < stored / (1 + tolerance) if higher else
                                        value > stored * (1 + tolerance))
        met = None if budget is None else (value >= budget if higher else value <= budget)
        rows.append((figure["id"], value, stored, budget, worse, met))
    return rows
