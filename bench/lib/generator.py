"""Runs load generators against servers and returns what they saw.

A pair's two generators start their windows at the same moment. Each measures the CPU time of its
own server inside its window, so that connecting and warming up do not count.
"""

import json
import re
import subprocess
import time

import servers


def flags_of(options):
    out = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            out.append(flag)
        elif isinstance(value, (list, tuple)):
            for item in value:
                out += [flag, str(item)]
        elif value is not None and value is not False:
            out += [flag, str(value)]
    return out


class Load:
    """One run of hearth-load; result() waits for it."""

    def __init__(self, bench, server, side=0, start_at=None, suffix="", mix=(), **options):
        """`suffix` follows the server's own path; `mix`: (weight, suffix) of several."""
        base = server.path.rstrip("/")
        url = f"{server.scheme}://127.0.0.1:{server.port}{base + suffix if suffix else server.path}"
        options["mix"] = [f"{weight}={base}{path}" for weight, path in mix]
        options = {"duration": f"{bench.seconds}s", "watch": server.pids(), **options}
        self.what = f"{server.name}: {options}"
        argv = ["taskset", "-c", str(bench.cores.generator(side)), bench.root / "build/release/bin/hearth-load",
                "--url", url, "--start-at", str(start_at or 0), *flags_of(options)]
        self.process = subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        start_new_session=True)
        servers.prefer(self.process.pid)

    def result(self, refusals=False):
        out, err = self.process.communicate()
        if self.process.returncode != 0:
            raise RuntimeError(f"{self.what}: {err.strip()}")
        result = json.loads(out)
        result["cpu_us"] = result["cpu_ns"] / 1000 / max(result["finished"], 1)
        bad = {s: n for s, n in result["statuses"].items() if not (s.startswith("2") or s == "101")}
        if not refusals and (bad or result["errors"]):
            raise RuntimeError(f"{self.what}: statuses {result['statuses']}, errors {result['errors']}")
        return result


def together(bench, pair, refusals=False, each=None, **options):
    """The same load on each server at once; `each`: what differs, an options dict a server."""
    start_at = time.monotonic_ns() + 150_000_000
    loads = [Load(bench, server, side, start_at, **{**options, **(each[side] if each else {})})
             for side, server in enumerate(pair)]
    return [load.result(refusals) for load in loads]


def alone(bench, server, refusals=False, **options):
    return Load(bench, server, **options).result(refusals)


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+|-?nan)(us|ms|s|m|h)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60e3, "h": 3600e3}[unit]


def parse_wrk(output, seconds):
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    at = {q: milliseconds(v) for q, v in re.findall(r"^ +(50|99)% +(\S+)$", output, re.M)}
    return {"finished": requests, "rps": requests / seconds, "bad": int(bad.group(1)) if bad else 0,
            "good_latency_ms": {"p50": at.get("50"), "p99": at.get("99"), "p999": None}}


def together_wrk(bench, pair, connections):
    """The independent check: the same closed loop by wrk."""
    seconds = max(1, round(bench.seconds))
    before = [s.cpu_ns() for s in pair]
    processes = [subprocess.Popen(["taskset", "-c", str(bench.cores.generator(side)), "wrk", "-t", "1", "-c",
                                   str(connections), "-d", f"{seconds}s", "--latency", server.url],
                                  stdout=subprocess.PIPE, text=True, start_new_session=True)
                 for side, server in enumerate(pair)]
    for process in processes:
        servers.prefer(process.pid)
    results = [parse_wrk(p.communicate()[0], seconds) for p in processes]
    for server, start, result in zip(pair, before, results):
        if result["bad"]:
            raise RuntimeError(f"{server.name}: {result['bad']} of {result['finished']} answers were errors")
        result["cpu_us"] = (server.cpu_ns() - start) / 1000 / max(result["finished"], 1)
    return results
