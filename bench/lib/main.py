"""Pairs of programs at once on one core, each with a load generator of its own.

Two programs that share a core share its noise, so their CPU time per request can be compared where
figures of runs in turn cannot. The control, a program against itself, is the error bar.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import cold
import servers


def load(server, connections, seconds):
    return subprocess.Popen(["taskset", "-c", "1", "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s",
                             "--latency", server.url], stdout=subprocess.PIPE, text=True)


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+|-?nan)(us|ms|s|m|h)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60e3, "h": 3600e3}[unit]


def parse(output):
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    quantiles = {q: milliseconds(v) for q, v in re.findall(r"^ +(50|99)% +(\S+)$", output, re.M)}
    return requests, int(bad.group(1)) if bad else 0, quantiles


def round_of(pair, connections, seconds):
    before = [s.cpu_ns() for s in pair]
    generators = [load(s, connections, seconds) for s in pair]
    results = [parse(g.communicate()[0]) for g in generators]
    row = []
    for server, start, (requests, bad, quantiles) in zip(pair, before, results):
        if bad:
            raise RuntimeError(f"{server.name}: {bad} of {requests} answers were errors")
        row.append({"cpu_us": (server.cpu_ns() - start) / 1000 / max(requests, 1), "requests": requests,
                    "rps": requests / seconds, "p50_ms": quantiles.get("50"), "p99_ms": quantiles.get("99"),
                    "rss_kb": server.rss_kb()})
    return row


def compare(pair, connections, rounds, seconds):
    for server in pair:
        load(server, connections, 1).communicate()  # warm
    rows = [round_of(pair, connections, seconds) for _ in range(rounds)]
    ratios = sorted(a["cpu_us"] / b["cpu_us"] for a, b in rows)
    median = lambda key, side: statistics.median(row[side][key] for row in rows)  # noqa: E731
    return {"a": pair[0].name, "b": pair[1].name, "connections": connections, "rounds": rounds,
            "cpu_ratio": statistics.median(ratios), "cpu_ratio_min": ratios[0], "cpu_ratio_max": ratios[-1],
            "cpu_us": [median("cpu_us", 0), median("cpu_us", 1)], "rps": [median("rps", 0), median("rps", 1)],
            "p99_ms": [median("p99_ms", 0), median("p99_ms", 1)], "rss_kb": [median("rss_kb", 0), median("rss_kb", 1)]}


def show(result):
    a, b = result["cpu_us"]
    print(f"{result['a'] + ' / ' + result['b']:<36}{result['connections']:>6}{result['cpu_ratio']:>9.2f}"
          f"  {result['cpu_ratio_min']:.2f}–{result['cpu_ratio_max']:.2f}{a:>10.1f}{b:>9.1f}"
          f"{result['rps'][0] / result['rps'][1]:>9.2f}{result['rss_kb'][0] / 1024:>8.1f}{result['rss_kb'][1] / 1024:>8.1f}",
          flush=True)


def proxies(args, folder, wanted):
    backend = servers.backend(folder)
    running = [backend]

    def start(server):
        running.append(server)
        return server

    try:
        pairs = [(start(servers.nginx_proxy(folder, backend, "nginx (control)")),
                  start(servers.nginx_proxy(folder, backend)))]
        nginx = pairs[0][1]
        go = start(servers.go_proxy(args.root, backend))
        if "gateway" in wanted:
            gateway = start(servers.gateway(args.root, folder, backend))
            pairs += [(gateway, nginx), (gateway, go)]
        if "watchdog" in wanted:
            watchdog = start(servers.watchdog(args.root, backend))
            pairs += [(watchdog, nginx), (watchdog, go)]
            if os.environ.get("OF_WATCHDOG"):
                pairs.append((watchdog, start(servers.of_watchdog(os.environ["OF_WATCHDOG"], backend))))
            else:
                print("note: OF_WATCHDOG is not given: no comparison with the real of-watchdog")
        print(f"\n{'pair (A / B)':<36}{'conns':>6}{'CPU A/B':>9}  {'range':<9}{'A µs/req':>9}{'B µs/req':>9}"
              f"{'rps A/B':>9}{'A MB':>8}{'B MB':>8}")
        results = []
        for pair in pairs:
            for connections in args.connections:
                results.append(compare(pair, connections, args.rounds, args.seconds))
                show(results[-1])
        return results
    finally:
        for server in running:
            server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=lambda s: [int(n) for n in s.split(",")], default=[1, 8, 64, 512])
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    wanted = set(args.names) or {"gateway", "watchdog", "cold"}
    unknown = wanted - {"gateway", "watchdog", "cold"}
    if unknown:
        sys.exit(f"error: no such benchmark: {', '.join(sorted(unknown))}; there are gateway, watchdog, cold")
    report = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cpus": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as folder:
        if wanted & {"gateway", "watchdog"}:
            report["proxies"] = proxies(args, pathlib.Path(folder), wanted)
        if "cold" in wanted:
            report["cold"] = cold.run(args.root, pathlib.Path(folder), args.rounds * 3)
    out = args.root / "bench" / "results.json"
    out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\nwritten: {out}")


if __name__ == "__main__":
    main()
