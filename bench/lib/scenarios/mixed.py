"""100 functions of very different lengths behind one gateway: does anybody pay for another?"""

import arithmetic
import generator
import servers

TITLE = "100 functions of 0 to 100 ms, 1,000 rps open loop, Poisson: latency beyond the function's own, in ms"
LENGTHS = [0, 1, 2, 5, 10, 20, 50, 100]
FUNCTIONS, RATE = 100, 1000


def over(result, lengths):
    """p50 and p99 of latency beyond the function's own time, over the targets of each length."""
    out = {}
    for ms in LENGTHS:
        of_length = [t for t, length in zip(result["targets"], lengths) if length == ms and t["count"]]
        out[ms] = {q: max(t[q] for t in of_length) - ms if q == "p99" else
                   sum(t[q] for t in of_length) / len(of_length) - ms for q in ("p50", "p99")}
    return out


def run(bench):
    target = bench.start(servers.function(bench.root))
    nginx = bench.start(servers.nginx_proxy(bench.folder, target))
    routes = [servers.route(f"f{i}", [f"127.0.0.1:{target.port}"]) for i in range(FUNCTIONS)]
    gateway = bench.start(servers.gateway(bench.root, bench.folder, routes=routes, function=""))
    lengths = [LENGTHS[i % len(LENGTHS)] for i in range(FUNCTIONS)]
    each = [{"mix": [(1, f"/f{i}/?ms={ms}") for i, ms in enumerate(lengths)]},
            {"mix": [(1, f"/?ms={ms}&f={i}") for i, ms in enumerate(lengths)]}]
    rounds = [generator.together(bench, [gateway, nginx], each=each, rate=RATE, arrivals="poisson", connections=512)
              for _ in range(bench.rounds)]
    print(f"{'length ms':<12}{'gateway p50':>12}{'nginx':>8}{'gateway p99':>13}{'nginx':>8}")
    results = {"cpu_ratio": arithmetic.spread([a["cpu_us"] / b["cpu_us"] for a, b in rounds]), "lengths": {}}
    sides = [[over(row[side], lengths) for row in rounds] for side in (0, 1)]
    for ms in LENGTHS:
        row = {q: [arithmetic.spread([r[ms][q] for r in side])["median"] for side in sides] for q in ("p50", "p99")}
        results["lengths"][ms] = row
        print(f"{ms:<12}{row['p50'][0]:>12.2f}{row['p50'][1]:>8.2f}{row['p99'][0]:>13.2f}{row['p99'][1]:>8.2f}")
    print(f"CPU per request, gateway / nginx: {results['cpu_ratio']['median']:.2f}")
    bench.figure("mixed/gateway:nginx/cpu", results["cpu_ratio"])
    return results
