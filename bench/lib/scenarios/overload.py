"""More than a function can do: how much of its capacity is left for those who are served, and how
quickly the others hear."""

import time

import arithmetic
import generator
import servers

TITLE = "a function of 8 slots of 10 ms, open loop at 1×, 2× and 5× its peak: goodput, refusals, memory;\n   vanishing: callers who go away after 80 ms"
SLOTS, MS, QUEUE = 8, 10, 100
# Vanishing: callers who leave before the whole queue could have been served, in the middle of a call too.
LOADS = [("1x", 1, {}), ("2x", 2, {}), ("5x", 5, {}), ("5x vanishing", 5, {"timeout": "80ms"})]


def under_load(bench, server, memory, rate, **options):
    """One open loop; `memory` collects the server's meanwhile."""
    load = generator.Load(bench, server, rate=round(rate, 1), connections=1000, suffix=f"/?ms={MS}", grace="5s", **options)
    before = len(memory)
    while load.process.poll() is None:
        memory.append((time.monotonic(), server.rss_kb()))
        time.sleep(0.05)
    return {**load.result(refusals=True), "offered": rate, "rss_kb": max(kb for _, kb in memory[before:])}


def capacity(bench, server):
    return generator.alone(bench, server, refusals=True, connections=4 * SLOTS, suffix=f"/?ms={MS}")


def run(bench):
    target = bench.start(servers.function(bench.root))
    routes = [servers.route("bench", [f"127.0.0.1:{target.port}"], capacity=SLOTS, queue=QUEUE)]
    limited = f"maxconn {SLOTS} maxqueue {QUEUE}"
    candidates = {"gateway": bench.start(servers.gateway(bench.root, bench.folder, routes=routes)),
                  "haproxy": bench.start(servers.haproxy(bench.folder, target, server=limited))}
    print(f"{'server':<10}{'load':<14}{'offered':>9}{'goodput':>9}{'of peak':>9}{'served p99 ms':>15}"
          f"{'refused':>9}{'p50 ms':>8}{'p99 ms':>8}{'gave up':>9}{'RSS MB':>8}")
    results = []
    for name, server in candidates.items():
        rounds, memory = {}, []
        for number in range(bench.rounds):
            peak = capacity(bench, server)["good_rps"]
            for label, times, options in LOADS:
                r = under_load(bench, server, memory, times * peak, **options)
                rounds.setdefault(label, []).append({**r, "share": r["good_rps"] / peak})
            after = capacity(bench, server)
            rounds.setdefault("then at peak", []).append({**after, "offered": after["rps"], "rss_kb": server.rss_kb(),
                                                          "share": after["good_rps"] / peak})
            if number == 0:
                memory.clear()  # what it needs at all, it has now
        rows = {label: summary(name, label, of_load) for label, of_load in rounds.items()}
        growth = 60 * arithmetic.slope([(t, kb) for t, kb in memory])
        print(f"{name:<10}memory after the first round: {growth:+.0f} KB a minute", flush=True)
        results += [*rows.values(), {"server": name, "rss_kb_a_minute": growth}]
        if name == "gateway":
            bench.figure("overload/5x/goodput-of-peak", rows["5x"]["goodput_of_peak"], better="higher")
            bench.figure("overload/then-at-peak/goodput-of-peak", rows["then at peak"]["goodput_of_peak"], better="higher")
            bench.figure("overload/5x/refusal-p99-ms", rows["5x"]["refused_p99_ms"], hold=False)
            bench.figure("overload/5x/rss-to-1x", rows["5x"]["rss_kb"]["median"] / rows["1x"]["rss_kb"]["median"])
    return results


def summary(name, label, rounds):
    def spread(f):
        return arithmetic.spread([f(r) for r in rounds])

    row = {"server": name, "load": label, "offered_rps": spread(lambda r: r["offered"]),
           "goodput_rps": spread(lambda r: r["good_rps"]), "goodput_of_peak": spread(lambda r: r["share"]),
           "served_p99_ms": spread(lambda r: r["good_latency_ms"]["p99"]),
           "refused": spread(lambda r: r["refused_latency_ms"]["count"]),
           "refused_p50_ms": spread(lambda r: r["refused_latency_ms"]["p50"]),
           "refused_p99_ms": spread(lambda r: r["refused_latency_ms"]["p99"]),
           "gave_up": spread(lambda r: sum(r["errors"].values())), "rss_kb": spread(lambda r: r["rss_kb"])}
    m = {k: v["median"] for k, v in row.items() if isinstance(v, dict)}
    print(f"{name:<10}{label:<14}{m['offered_rps']:>9.0f}{m['goodput_rps']:>9.0f}{m['goodput_of_peak']:>9.1%}"
          f"{m['served_p99_ms']:>15.1f}{m['refused']:>9.0f}{m['refused_p50_ms']:>8.2f}{m['refused_p99_ms']:>8.2f}"
          f"{m['gave_up']:>9.0f}{m['rss_kb'] / 1024:>8.1f}", flush=True)
    return row
