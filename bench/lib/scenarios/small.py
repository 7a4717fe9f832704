"""A small GET over keep-alive connections: the price of the hop itself."""

import os

import pairs
import servers

TITLE = "small GET, keep-alive; latency at half the slower one's throughput, from the due time;\n   churn: a connection for each request"
CONNECTIONS = [1, 8, 64, 512, 2000]


def run(bench):
    target = bench.start(servers.backend(bench.folder))
    nginx = bench.start(servers.nginx_proxy(bench.folder, target))
    control = bench.start(servers.nginx_proxy(bench.folder, target))
    gateway = bench.start(servers.gateway(bench.root, bench.folder, target))
    watchdog = bench.start(servers.watchdog(bench.root, target))
    couples = [("nginx:nginx", control, nginx), ("gateway:nginx", gateway, nginx)]
    floor = bench.start(servers.floor(bench.root, target))
    couples += [("floor:nginx", floor, nginx), ("gateway:floor", gateway, floor)]
    haproxy = bench.start(servers.haproxy(bench.folder, target))
    go = bench.start(servers.go_proxy(bench.root, target))
    couples += [("gateway:haproxy", gateway, haproxy), ("gateway:go", gateway, go), ("watchdog:nginx", watchdog, nginx),
                ("watchdog:go", watchdog, go)]
    if os.environ.get("OF_WATCHDOG"):
        peer = bench.start(servers.of_watchdog(os.environ["OF_WATCHDOG"], target))
        couples.append(("watchdog:of-watchdog", watchdog, peer))
    else:
        print("note: OF_WATCHDOG is not given: no comparison with the real of-watchdog")
    counts = bench.connections or CONNECTIONS
    comparisons = [pairs.Comparison(key, a, b, str(count), {"connections": count}, latency=0.5)
                   for key, a, b in couples if bench.wants_pair(key) for count in counts]
    churn = {"connections": 64, "requests_per_connection": 1}
    comparisons += [pairs.Comparison(key, a, b, "64 churn", churn) for key, a, b in couples
                    if bench.wants_pair(key) and not bench.connections]
    results = pairs.run(bench, comparisons)
    for row in results:
        if row["pair"] not in ("nginx:nginx", "floor:nginx"):
            bench.figure(f"small/{row['pair']}/{row['load'].replace(' ', '-')}/cpu", row["cpu_ratio"])
    return results
