"""10,000 functions defined, one updated every 100 ms, while traffic goes to a thousand of them."""

import json
import signal
import statistics
import subprocess
import time

import arithmetic
import generator
import servers

TITLE = "10,000 functions, one updated per 100 ms, traffic over 1,000 of them; beside a gateway with one function"
FUNCTIONS, CALLED, CONNECTIONS = 10_000, 1_000, 64


def wait_for_functions(bench, gateway, count):
    """Until the gateway routes to the last of them."""
    for _ in range(200):
        result = generator.Load(bench, gateway, suffix=f"/f{count - 1}", connections=1, warmup="0s",
                                duration="20ms").result(refusals=True)
        if result["statuses"].get("200"):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the gateway does not know the function f{count - 1}")


def run(bench):
    target = bench.start(servers.backend(bench.folder))
    address = f"127.0.0.1:{target.port}"
    one = bench.start(servers.gateway(bench.root, bench.folder, target, function=""))
    many_routes = bench.folder / "many.pb"
    many_routes.write_bytes(servers.snapshot(bench.root, [servers.route(f"f{i}", [address]) for i in range(FUNCTIONS)]))
    socket = f"unix:{bench.folder}/fleet.sock"
    fleet = subprocess.Popen(["taskset", "-c", str(servers.BACKEND_CORE), bench.root / "build/release/bin/hearth-bench-fleet",
                              "--listen", socket, "--routes", many_routes], stdout=subprocess.PIPE, text=True)
    bench.stack.callback(fleet.kill)
    many = bench.start(servers.gateway(bench.root, bench.folder, target, controller=socket, function=""))
    wait_for_functions(bench, many, FUNCTIONS)
    generator.alone(bench, one, suffix="/bench", connections=1, duration="100ms")
    time.sleep(2)  # the route cache is written a second after the routes came
    defined = (many.rss_kb() - one.rss_kb()) * 1024 / FUNCTIONS
    each = [{"mix": [(1, f"/f{i * (FUNCTIONS // CALLED)}") for i in range(CALLED)]}, {"suffix": "/bench"}]
    rounds, latencies = [], []
    for _ in range(bench.rounds):
        rounds.append(generator.together(bench, [many, one], each=each, connections=CONNECTIONS))
        rate = round(0.5 * min(r["rps"] for row in rounds for r in row))
        latencies.append(generator.together(bench, [many, one], each=each, connections=CONNECTIONS, rate=rate))
    called = (many.rss_kb() - one.rss_kb()) * 1024 / FUNCTIONS
    fleet.send_signal(signal.SIGTERM)
    updates = json.loads(fleet.communicate(timeout=30)[0])
    ratio = arithmetic.spread([a["cpu_us"] / b["cpu_us"] for a, b in rounds])
    rps = arithmetic.spread([a["rps"] / b["rps"] for a, b in rounds])
    times = {q: [statistics.median(row[side]["latency_ms"][q] for row in latencies) for side in (0, 1)]
             for q in ("p50", "p99", "p999")}
    print(f"CPU per request, many / one: {ratio['median']:.2f} ({ratio['min']:.2f}–{ratio['max']:.2f}); "
          f"rps {rps['median']:.2f}")
    print("latency ms, many and one: " + ", ".join(f"{q} {a:.2f} and {b:.2f}" for q, (a, b) in times.items()))
    print(f"memory a function: {defined:.0f} B defined, {called:.0f} B with {CALLED:,} called")
    print(f"{updates['updates']} updates; routed by after p50 {updates['p50_ms']:.2f}, p99 {updates['p99_ms']:.2f} ms")
    bench.figure("functions/10000:1/cpu", ratio)
    bench.figure("functions/bytes-a-function", defined, hold=False)
    return {"cpu_ratio": ratio, "rps_ratio": rps, "latency_ms": times, "bytes_a_function": defined,
            "bytes_a_function_called": called, "updates": updates}
