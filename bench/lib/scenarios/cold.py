"""Cold starts of the hello examples: from the request's first byte to the answer's first byte."""

import http.client
import statistics
import subprocess
import sys
import time

TITLE = "cold starts of the hello example in each language, beside a bare sandbox that runs nothing"
LANGUAGES = ["cpp", "go", "bash", "python", "node"]


def answer_ms(port, name):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    start = time.monotonic()
    connection.request("POST", f"/function/{name}", b"{}")
    response = connection.getresponse()
    took = (time.monotonic() - start) * 1000
    response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{name}: status {response.status}")
    return took


def bare_sandbox_ms():
    """The control: the sandbox's own cost on this machine at this moment, with nothing in it."""
    start = time.monotonic()
    subprocess.run(["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--ro-bind", "/usr", "/usr", "--symlink",
                    "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev",
                    "/usr/bin/true"], check=True)
    return (time.monotonic() - start) * 1000


def run(bench):
    root, folder, samples = bench.root, bench.folder, bench.rounds * 3
    sys.path.insert(0, str(root / "tests" / "e2e"))
    from platform_under_test import Platform, eventually

    platform = Platform(folder / "home")
    results = []
    try:
        platform.start()
        print(f"\n{'cold start':<16}{'p50 ms':>9}{'min':>8}{'max':>8}{'warm p50':>10}{'bare sandbox':>14}{'ratio':>8}")
        for language in LANGUAGES:
            name = f"hello-{language}"
            example = root / "examples" / name / "function.yaml"
            text = example.read_text().replace("path: .", f"path: {example.parent}")
            platform.deploy(text.rstrip() + "\n")
            function = platform.function(name)
            function["spec"].setdefault("scaling", {})["idleTimeout"] = "500ms"
            function.pop("status", None)
            assert platform.api("PUT", f"/system/v1/functions/default/{name}", function).status == 200
            cold, bare, warm = [], [], []
            for _ in range(samples):
                eventually(lambda: platform.replicas(name) == 0, "zero replicas")
                bare.append(bare_sandbox_ms())
                cold.append(answer_ms(platform.port, name))
                warm.append(answer_ms(platform.port, name))
            p50, control = statistics.median(cold), statistics.median(bare)
            results.append({"language": language, "p50_ms": p50, "min_ms": min(cold), "max_ms": max(cold),
                            "warm_p50_ms": statistics.median(warm), "bare_sandbox_p50_ms": control,
                            "ratio": p50 / control})
            bench.figure(f"cold/{language}/bare-sandbox", p50 / control)
            bench.figure(f"cold/{language}/p50-ms", p50, hold=False)
            print(f"{language:<16}{p50:>9.1f}{min(cold):>8.1f}{max(cold):>8.1f}{statistics.median(warm):>10.2f}"
                  f"{control:>14.1f}{p50 / control:>8.2f}", flush=True)
    finally:
        platform.kill()
    return results
