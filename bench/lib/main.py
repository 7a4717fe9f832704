"""Runs the scenarios by name, prints their tables, keeps bench/results.json, and holds the ratios
against bench/budgets.json."""

import argparse
import contextlib
import importlib
import json
import os
import pathlib
import sys
import tempfile
import time

import arithmetic
import servers

NAMES = ["small", "bodies", "hops", "streams", "websocket", "overload", "functions", "slow", "mixed", "queue", "tls",
         "cold"]


class Bench:
    """What a scenario gets: its settings, a folder, and where its figures go."""

    def __init__(self, args, folder, stack):
        self.root, self.rounds, self.seconds = args.root, args.rounds, args.seconds
        self.quick, self.generator, self.connections = args.quick, args.generator, args.connections
        self.pairs, self.folder, self.stack = args.pairs, folder, stack
        self.cores = servers.Cores()
        self.figures = []

    def start(self, server):
        """Stopped when the scenario ends, however it does."""
        self.stack.callback(server.stop)
        return server

    def wants_pair(self, key):
        return not self.pairs or key in self.pairs or key == "nginx:nginx"

    def figure(self, name, spread, better="lower", hold=True):
        """A figure that the budget file may judge: a median with its smallest and largest round, or one value.
        `hold`: it is a ratio, which --store keeps; absolute figures have a budget at most."""
        if not isinstance(spread, dict):
            spread = {"median": spread, "min": spread, "max": spread}
        self.figures.append({"id": name, "value": spread["median"], "better": better, "hold": hold, **spread})


def run_scenario(args, name):
    module = importlib.import_module(f"scenarios.{name}")
    print(f"\n== {name}: {module.TITLE}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as folder, contextlib.ExitStack() as stack:
        bench = Bench(args, pathlib.Path(folder), stack)
        return module.run(bench), bench.figures


def show_verdicts(rows):
    print(f"\n{'figure':<44}{'now':>9}{'stored':>9}{'budget':>9}  verdict")
    for name, value, stored, budget, worse, met in rows:
        verdict = "WORSE" if worse else "" if met is None else "met" if met else "not met"
        text = [f"{v:.3f}" if v is not None else "-" for v in (value, stored, budget)]
        print(f"{name:<44}{text[0]:>9}{text[1]:>9}{text[2]:>9}  {verdict}")


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one measurement")
    parser.add_argument("--quick", action="store_true", help="two short rounds: does it work, roughly where are we")
    parser.add_argument("--generator", choices=["hearth-load", "wrk"], default="hearth-load", help="wrk: of `small` only")
    parser.add_argument("--connections", type=lambda s: [int(n) for n in s.split(",")], help="of `small`: 1,64")
    parser.add_argument("--pairs", type=lambda s: s.split(","), help="of `small`: gateway:nginx,watchdog:go")
    parser.add_argument("--store", action="store_true", help="keep this run's ratios in bench/budgets.json")
    parser.add_argument("--targets", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    args = parser.parse_args()
    unknown = set(args.names) - set(NAMES)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if args.quick:
        args.rounds, args.seconds = min(args.rounds, 2), min(args.seconds, 0.5)
    args.names = [name for name in NAMES if name in args.names] or NAMES
    return args


def targets(names):
    """What has to be built for these scenarios."""
    of_all = ["hearth_watchdog", "hearth_gateway", "hearth_load", "hearth_bench_backend", "hearth_bench_fleet",
              "hearth_bench_floor"]
    return of_all + (["hearth_controller", "hearth"] if "cold" in names else [])


def main():
    args = arguments()
    if args.targets:
        print(*targets(args.names))
        return 0
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)  # all that is measured goes before what else runs here
    if len(servers.CPUS) < 2:
        print("note: one CPU only: generators and proxies share it; CPU ratios hold, throughput does not")
    budget_file = args.root / "bench" / "budgets.json"
    rules = json.loads(budget_file.read_text())
    report = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cpus": os.cpu_count(), "rounds": args.rounds,
              "seconds": args.seconds, "scenarios": {}}
    figures, broken = [], []
    for name in args.names:
        try:
            report["scenarios"][name], of_scenario = run_scenario(args, name)
            figures += of_scenario
        except RuntimeError as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            broken.append(name)
    rows = arithmetic.judge(figures, rules["figures"], rules["tolerance"])
    if rows:
        show_verdicts(rows)
    report["figures"] = figures
    out = args.root / "bench" / "results.json"
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwritten: {out}")
    if args.store:
        for figure in figures:
            if figure["hold"] and arithmetic.steady(figure, rules["tolerance"]):
                rules["figures"].setdefault(figure["id"], {})["stored"] = round(figure["value"], 3)
            elif figure["hold"]:
                print(f"not stored: {figure['id']} varies from {figure['min']:.3f} to {figure['max']:.3f}")
        budget_file.write_text(json.dumps(rules, indent=1) + "\n")
        print(f"stored: {budget_file}")
        return 1 if broken else 0
    worse = [row for row in rows if row[4]]
    for name, value, stored, *_ in worse:
        print(f"error: {name} is {value:.3f}, more than {rules['tolerance']:.0%} worse than the stored {stored:.3f}",
              file=sys.stderr)
    return 1 if worse or broken else 0


if __name__ == "__main__":
    sys.exit(main())
