"""Answers that do not end: server-sent events by many, bulk by few."""

import pairs
import servers

TITLE = "streams; CPU µs per event with the event's delay, and per MB"


def run(bench):
    target = bench.start(servers.function(bench.root))
    unbuffered = "proxy_set_header Connection ''; proxy_buffering off;"
    nginx = bench.start(servers.nginx_proxy(bench.folder, target, location=unbuffered))
    control = bench.start(servers.nginx_proxy(bench.folder, target, location=unbuffered))
    bulk_nginx = bench.start(servers.nginx_proxy(bench.folder, target))
    gateway = bench.start(servers.gateway(bench.root, bench.folder, target))
    haproxy = bench.start(servers.haproxy(bench.folder, target))
    go = bench.start(servers.go_proxy(bench.root, target))
    events = {"connections": 100, "events": True, "cut": True, "suffix": "/events?hz=50"}
    bulk = {"connections": 4, "cut": True, "suffix": "/bytes?n=1000000000000"}
    comparisons = []
    for key, a, b, b_bulk in (("nginx:nginx", control, nginx, None), ("gateway:nginx", gateway, nginx, bulk_nginx),
                              ("gateway:haproxy", gateway, haproxy, haproxy), ("gateway:go", gateway, go, None)):
        comparisons.append(pairs.Comparison(key, a, b, "events", events, per="event"))
        if b_bulk:
            comparisons.append(pairs.Comparison(key, a, b_bulk, "bulk", bulk, per="MB"))
    results = pairs.run(bench, comparisons)
    for row in results:
        if row["pair"] != "nginx:nginx":
            bench.figure(f"streams/{row['pair']}/{row['load']}/cpu", row["cpu_ratio"])
    return results
