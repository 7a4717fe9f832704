"""One queue for all replicas: the short calls beside long ones, against an ideal queue."""

import statistics

import arithmetic
import generator
import servers

TITLE = "concurrency 1, 8 replicas, one call in ten 100× longer: p99 of the short calls against an ideal FIFO"
REPLICAS, SHORT_MS, LONG_MS, SHARE_LONG, LOAD = 8, 2, 200, 0.1, 0.6


def unloaded_ms(bench, gateway, ms):
    """What a call of this length takes with nobody in its way: the service time of the ideal queue."""
    return generator.alone(bench, gateway, connections=1, suffix=f"/?ms={ms}",
                           duration="1s" if ms < 50 else "2s")["good_latency_ms"]["p50"]


def run(bench):
    replicas = [bench.start(servers.function(bench.root)) for _ in range(REPLICAS)]
    routes = [servers.route("bench", [f"127.0.0.1:{r.port}" for r in replicas], capacity=1, queue=100_000)]
    gateway = bench.start(servers.gateway(bench.root, bench.folder, routes=routes))
    service = [unloaded_ms(bench, gateway, SHORT_MS), unloaded_ms(bench, gateway, LONG_MS)]
    rate = LOAD * REPLICAS * 1000 / ((1 - SHARE_LONG) * service[0] + SHARE_LONG * service[1])
    print(f"service times {service[0]:.2f} and {service[1]:.1f} ms, {rate:.0f} rps: {LOAD:.0%} of the capacity")
    print(f"{'round':<8}{'calls':>8}{'short p50':>11}{'ideal':>8}{'short p99':>11}{'ideal':>8}{'ratio':>8}")
    rows = []
    for number in range(bench.rounds):
        log = bench.folder / f"queue-{number}"
        seconds = 4 if bench.quick else max(10, bench.seconds)
        generator.alone(bench, gateway, rate=round(rate, 2), arrivals="poisson", seed=number + 1, connections=1000,
                        warmup="0s", duration=f"{seconds}s", grace="20s", log=log,
                        mix=[(1 - SHARE_LONG, f"/?ms={SHORT_MS}"), (SHARE_LONG, f"/?ms={LONG_MS}")])
        calls = sorted([int(x) for x in line.split()] for line in log.read_text().splitlines())
        ideal = arithmetic.fifo([c[0] / 1000 for c in calls], [service[c[1]] for c in calls], REPLICAS)
        measured = [c[3] / 1000 for c in calls if c[1] == 0]
        ideal = [t for t, c in zip(ideal, calls) if c[1] == 0]
        row = {f"{q}_{kind}_ms": arithmetic.quantile(times, share) for q, share in (("p50", 0.5), ("p99", 0.99))
               for kind, times in (("measured", measured), ("ideal", ideal))}
        row["ratio"] = row["p99_measured_ms"] / row["p99_ideal_ms"]
        rows.append({"calls": len(calls), **row})
        print(f"{number + 1:<8}{len(calls):>8}{row['p50_measured_ms']:>11.2f}{row['p50_ideal_ms']:>8.2f}"
              f"{row['p99_measured_ms']:>11.1f}{row['p99_ideal_ms']:>8.1f}{row['ratio']:>8.2f}", flush=True)
    bench.figure("queue/p99-of-short-to-ideal", arithmetic.spread([row["ratio"] for row in rows]))
    return {"service_ms": service, "rate": rate, "rounds": rows,
            "ratio": statistics.median(row["ratio"] for row in rows)}
