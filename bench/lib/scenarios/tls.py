"""TLS towards clients: what it costs on warm connections, and to make one."""

import pairs
import servers

TITLE = "TLS, P-256; keep-alive, and a handshake for each request: resumed by ticket, or whole"
LOADS = {"64": {"connections": 64}, "100KB": {"connections": 16, "suffix": "/100KB", "expect_size": 100_000},
         "resumed": {"connections": 16, "requests_per_connection": 1},
         "whole": {"connections": 16, "requests_per_connection": 1, "no_resume": True}}


def run(bench):
    target = bench.start(servers.files(bench.folder, {"small": 12, "100KB": 100_000}))
    nginx, control = (bench.start(servers.tls_nginx(bench.folder, target)) for _ in range(2))
    gateway = bench.start(servers.tls_gateway(bench.root, bench.folder, target))
    haproxy = bench.start(servers.tls_haproxy(bench.folder, target))
    results = pairs.run(bench, [
        pairs.Comparison(key, a, b, label, {"suffix": "/small", **load})
        for key, a, b in (("nginx:nginx", control, nginx), ("gateway:nginx", gateway, nginx), ("gateway:haproxy", gateway, haproxy))
        for label, load in LOADS.items()])
    for row in results:
        if row["pair"] != "nginx:nginx":
            bench.figure(f"tls/{row['pair']}/{row['load']}/cpu", row["cpu_ratio"])
    return results
