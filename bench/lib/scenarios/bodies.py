"""1 KB, 100 KB and 10 MB in both directions: what a byte costs."""

import pairs
import servers

TITLE = "bodies; CPU µs are per MB, of 1 KB bodies per request"
SIZES = {"1KB": (1_000, 64), "100KB": (100_000, 16), "10MB": (10_000_000, 4)}  # bytes, connections


def run(bench):
    down = bench.start(servers.files(bench.folder, {name: size for name, (size, _) in SIZES.items()}))
    up = bench.start(servers.function(bench.root))
    comparisons = []
    for direction, target in (("down", down), ("up", up)):
        nginx = bench.start(servers.nginx_proxy(bench.folder, target))
        couples = {"nginx:nginx": bench.start(servers.nginx_proxy(bench.folder, target)),
                   "gateway:nginx": bench.start(servers.gateway(bench.root, bench.folder, target)),
                   "watchdog:nginx": bench.start(servers.watchdog(bench.root, target))}
        couples = [(key, a, nginx) for key, a in couples.items()]
        tuned = bench.start(servers.nginx_proxy(bench.folder, target, location=servers.BIG_BUFFERS))
        couples.append(("gateway:nginx-1MB-buffers", couples[1][1], tuned))
        couples.append(("gateway:haproxy", couples[1][1], bench.start(servers.haproxy(bench.folder, target))))
        couples.append(("gateway:go", couples[1][1], bench.start(servers.go_proxy(bench.root, target))))
        for key, a, b in couples:
            for name, (size, connections) in SIZES.items():
                load = {"connections": connections, "cut": True}
                load |= {"suffix": f"/{name}", "expect_size": size} if direction == "down" else {"suffix": "/sink", "body": size}
                if bench.wants_pair(key):
                    comparisons.append(pairs.Comparison(key, a, b, f"{name} {direction}", load,
                                                         per="MB" if size > 1000 else "request"))
    results = pairs.run(bench, comparisons)
    for row in results:
        if row["pair"] != "nginx:nginx":
            bench.figure(f"bodies/{row['pair']}/{row['load'].replace(' ', '-')}/cpu", row["cpu_ratio"])
    return results
