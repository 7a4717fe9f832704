"""Pairs of programs at once on one core, each with a load generator of its own.

Two programs that share a core share its noise, so their CPU time per request can be compared where
figures of runs in turn cannot. The control, a program against itself, is the error bar.
"""

import statistics

import arithmetic
import generator


class Comparison:
    """The rounds of one pair under one kind of load."""

    def __init__(self, key, a, b, label, load, latency=None, per="request"):
        """`latency`: the share of the slower one's throughput at which latency is measured, in an open loop.
        `per`: what CPU time is counted for: request, MB or event."""
        self.key, self.a, self.b, self.label = key, a, b, label
        self.load, self.latency, self.per = load, latency, per
        self.rounds, self.open_rounds, self.rss = [], [], []

    def warm(self, bench):
        generator.together(bench, [self.a, self.b], **{**self.load, "duration": "300ms"})

    def round(self, bench):
        if bench.generator == "wrk":
            self.rounds.append(generator.together_wrk(bench, [self.a, self.b], self.load["connections"]))
        else:
            self.rounds.append(generator.together(bench, [self.a, self.b], **self.load))
        self.rss.append((self.a.rss_kb(), self.b.rss_kb()))
        if self.latency and bench.generator != "wrk":
            # Latency at a rate that both can hold, from when each request was due.
            rate = self.latency * min(r["rps"] for row in self.rounds for r in row)
            self.open_rounds.append(generator.together(bench, [self.a, self.b], rate=round(rate, 1), **self.load))

    def cost(self, result):
        if self.per == "MB":
            return result["cpu_ns"] / 1000 / max((result["bytes_in"] + result["bytes_out"]) / 1e6, 1e-9)
        if self.per == "event":
            return result["cpu_ns"] / 1000 / max(result["event_delay_ms"]["count"], 1)
        return result["cpu_us"]

    def result(self):
        def median(f, rounds=self.rounds):
            return [statistics.median(f(row[side]) for row in rounds) for side in (0, 1)]

        latencies = self.open_rounds or self.rounds
        kind = ("event_delay_ms" if self.per == "event" else "latency_ms" if self.open_rounds else "good_latency_ms")
        out = {"pair": self.key, "load": self.label, "rounds": len(self.rounds),
               "cpu_ratio": arithmetic.spread([self.cost(a) / self.cost(b) for a, b in self.rounds]),
               "rps_ratio": arithmetic.spread([a["rps"] / (b["rps"] or 1) for a, b in self.rounds]),
               "cpu_is": f"µs per {self.per}", "cpu_us": median(self.cost), "rps": median(lambda r: r["rps"]),
               "rss_kb": [statistics.median(row[side] for row in self.rss) for side in (0, 1)],
               "latency_is": "open loop, from the due time" if self.open_rounds else "closed loop"}
        for q in ("p50", "p99", "p999"):
            if latencies[0][0][kind].get(q) is not None:
                out[f"{q}_ms"] = median(lambda r: r[kind][q], latencies)
        return out


HEADER = (f"{'pair (A / B)':<26}{'load':>10}{'CPU A/B':>9}  {'range':<10}{'A µs':>9}{'B µs':>9}{'rps A/B':>9}"
          f"{'p50 ms A':>10}{'B':>7}{'p99 A':>8}{'B':>7}{'p99.9 A':>9}{'B':>7}{'MB A':>7}{'B':>6}")


def number(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def show(r):
    cost = r["cpu_us"]
    ratio = r["cpu_ratio"]
    times = [r.get(f"{q}_ms", (None, None)) for q in ("p50", "p99", "p999")]
    print(f"{r['pair']:<26}{r['load']:>10}{ratio['median']:>9.2f}  {ratio['min']:.2f}–{ratio['max']:.2f} "
          f"{cost[0]:>9.1f}{cost[1]:>9.1f}{r['rps_ratio']['median']:>9.2f}"
          f"{number(times[0][0]):>10}{number(times[0][1]):>7}{number(times[1][0]):>8}{number(times[1][1]):>7}"
          f"{number(times[2][0]):>9}{number(times[2][1]):>7}{r['rss_kb'][0] / 1024:>7.0f}{r['rss_kb'][1] / 1024:>6.0f}",
          flush=True)


def run(bench, comparisons):
    """All rounds, interleaved: each pair once, then each again."""
    for comparison in comparisons:
        comparison.warm(bench)
    for _ in range(bench.rounds):
        for comparison in comparisons:
            comparison.round(bench)
    print(HEADER, flush=True)
    results = []
    for comparison in comparisons:
        results.append(comparison.result())
        show(results[-1])
    return results
