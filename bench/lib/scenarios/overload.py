"""More than a function can do: how much of its capacity is left for those who are served, and how
quickly the others hear."""

import arithmetic
import generator
import servers

TITLE = "a function of 8 slots of 10 ms, open loop at 1×, 2× and 5× its peak: goodput, refusals, memory"
SLOTS, MS, QUEUE = 8, 10, 100


def run(bench):
    target = bench.start(servers.function(bench.root))
    routes = [servers.route("bench", [f"127.0.0.1:{target.port}"], capacity=SLOTS, queue=QUEUE)]
    candidates = {"gateway": bench.start(servers.gateway(bench.root, bench.folder, routes=routes)),
                  "haproxy": bench.start(servers.haproxy(bench.folder, target, server=f"maxconn {SLOTS} maxqueue {QUEUE}"))}
    print(f"{'server':<10}{'load':>6}{'offered':>9}{'goodput':>9}{'of peak':>9}{'served p99 ms':>15}"
          f"{'refused':>9}{'p50 ms':>8}{'p99 ms':>8}{'RSS MB':>8}{'errors':>8}")
    results = []
    for name, server in candidates.items():
        rows = {}
        for _ in range(bench.rounds):
            peak = generator.alone(bench, server, connections=4 * SLOTS, suffix=f"/?ms={MS}")["good_rps"]
            for times in (1, 2, 5):
                r = generator.alone(bench, server, refusals=True, rate=round(times * peak, 1), connections=1000,
                                    suffix=f"/?ms={MS}", grace="5s")
                r["share"], r["rss_kb"] = r["good_rps"] / peak, server.rss_kb()
                r["offered"] = times * peak
                rows.setdefault(times, []).append(r)
        for times, rounds in rows.items():
            def median(f):
                return arithmetic.spread([f(r) for r in rounds])

            row = {"server": name, "times": times, "offered_rps": median(lambda r: r["offered"]),
                   "goodput_rps": median(lambda r: r["good_rps"]), "goodput_of_peak": median(lambda r: r["share"]),
                   "served_p99_ms": median(lambda r: r["good_latency_ms"]["p99"]),
                   "refused": median(lambda r: r["refused_latency_ms"]["count"]),
                   "refused_p50_ms": median(lambda r: r["refused_latency_ms"]["p50"]),
                   "refused_p99_ms": median(lambda r: r["refused_latency_ms"]["p99"]),
                   "rss_kb": median(lambda r: r["rss_kb"]), "errors": median(lambda r: sum(r["errors"].values()))}
            results.append(row)
            m = {k: v["median"] for k, v in row.items() if isinstance(v, dict)}
            print(f"{name:<10}{times:>5}×{m['offered_rps']:>9.0f}{m['goodput_rps']:>9.0f}{m['goodput_of_peak']:>9.1%}"
                  f"{m['served_p99_ms']:>15.1f}{m['refused']:>9.0f}{m['refused_p50_ms']:>8.2f}{m['refused_p99_ms']:>8.2f}"
                  f"{m['rss_kb'] / 1024:>8.1f}{m['errors']:>8.0f}", flush=True)
        if name == "gateway":
            bench.figure("overload/5x/goodput-of-peak", results[-1]["goodput_of_peak"], better="higher")
            bench.figure("overload/5x/refusal-p99-ms", results[-1]["refused_p99_ms"], hold=False)
            bench.figure("overload/5x/rss-to-1x", results[-1]["rss_kb"]["median"] / results[-3]["rss_kb"]["median"])
    return results
