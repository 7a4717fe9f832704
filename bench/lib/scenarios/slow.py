"""Slow readers beside fast callers: what they cost in memory and in the others' latency."""

import statistics
import time

import generator
import servers

TITLE = "200 readers of 10 MB at 50 KB/s beside 1,000 rps of small GETs"
READERS, RATE = 200, 1000
FILL_SECONDS = 3  # until every buffer between a function and its slow reader is full


def measure(bench, server):
    fast = {"rate": RATE, "connections": 32, "suffix": "/small", "expect_size": 12}
    calm = generator.alone(bench, server, **fast)
    before = server.rss_kb()
    seconds = bench.seconds + FILL_SECONDS + 1
    slow = generator.Load(bench, server, side=1, suffix="/large", connections=READERS, read_rate=50_000, cut=True,
                          warmup="0s", duration=f"{seconds}s")
    time.sleep(FILL_SECONDS)
    beside = generator.alone(bench, server, **fast)
    full = server.rss_kb()
    read = slow.result()
    return {"p99_calm_ms": calm["latency_ms"]["p99"], "p99_beside_ms": beside["latency_ms"]["p99"],
            "rss_kb_before": before, "rss_kb_with": full, "kb_per_reader": (full - before) / READERS,
            "slow_mb_read": read["bytes_in"] / 1e6}


def run(bench):
    target = bench.start(servers.files(bench.folder, {"small": 12, "large": 10_000_000}))
    candidates = {"gateway": bench.start(servers.gateway(bench.root, bench.folder, target)),
                  "nginx": bench.start(servers.nginx_proxy(bench.folder, target)),
                  "haproxy": bench.start(servers.haproxy(bench.folder, target)),
                  "go": bench.start(servers.go_proxy(bench.root, target))}
    print(f"{'server':<10}{'p99 ms alone':>14}{'beside slow':>13}{'RSS MB':>8}{'with slow':>11}{'KB a reader':>13}")
    rounds = {name: [] for name in candidates}
    for _ in range(bench.rounds):
        for name, server in candidates.items():
            rounds[name].append(measure(bench, server))
    results = {}
    for name, rows in rounds.items():
        # Memory that one round has taken is there for the next: the first shows what readers cost.
        results[name] = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        results[name]["kb_per_reader"] = rows[0]["kb_per_reader"]
        results[name]["rss_kb_before"] = rows[0]["rss_kb_before"]
        r = results[name]
        print(f"{name:<10}{r['p99_calm_ms']:>14.2f}{r['p99_beside_ms']:>13.2f}{r['rss_kb_before'] / 1024:>8.1f}"
              f"{r['rss_kb_with'] / 1024:>11.1f}{r['kb_per_reader']:>13.1f}", flush=True)
    bench.figure("slow/kb-a-reader", results["gateway"]["kb_per_reader"], hold=False)
    return results
