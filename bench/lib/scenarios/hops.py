"""1,000 requests a second whatever the answers do, hop by hop: the latency that each adds."""

import statistics

import arithmetic
import generator
import servers

TITLE = "1,000 rps open loop; what each hop adds to a direct call of the same moment, in ms"
RATE = 1000


def run(bench):
    target = bench.start(servers.backend(bench.folder))
    watchdog = bench.start(servers.watchdog(bench.root, target))
    hops = {"control (direct)": target, "nginx": bench.start(servers.nginx_proxy(bench.folder, target)),
            "watchdog": watchdog, "gateway": bench.start(servers.gateway(bench.root, bench.folder, target)),
            "both": bench.start(servers.gateway(bench.root, bench.folder, watchdog))}
    rounds = {name: [] for name in hops}
    for _ in range(bench.rounds):
        for name, server in hops.items():
            rounds[name].append(generator.together(bench, [server, target], rate=RATE, connections=64))
    print(f"{'hop':<18}{'p50':>8}{'p99':>8}{'p99.9':>8}   added p50 (range){'added p99':>22}")
    results = []
    for name in hops:
        added = {q: arithmetic.spread([a["latency_ms"][q] - b["latency_ms"][q] for a, b in rounds[name]])
                 for q in ("p50", "p99", "p999")}
        absolute = {q: statistics.median(a["latency_ms"][q] for a, _ in rounds[name]) for q in added}
        results.append({"hop": name, "ms": absolute, "added_ms": added})
        print(f"{name:<18}{absolute['p50']:>8.3f}{absolute['p99']:>8.2f}{absolute['p999']:>8.2f}   "
              + "".join(f"{v['median']:>7.3f} ({v['min']:.3f}–{v['max']:.3f})  " for v in (added["p50"], added["p99"])))
    for q in ("p50", "p99"):
        bench.figure(f"hops/both/added-{q}-ms", results[-1]["added_ms"][q], hold=False)
    return results
