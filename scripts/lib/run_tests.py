#!/usr/bin/env python3
"""Runs the test suites in order and prints one table and one summary line.

A suite is a list of commands with a budget in minutes. It fails when a command fails, when it
exceeds twice its budget, or when it ran no test at all. Test counts come from JUnit files.
"""

import argparse
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree


@dataclasses.dataclass
class Suite:
    name: str
    minutes: float
    commands: list
    junit: list = dataclasses.field(default_factory=list)
    counts_tests: bool = True


@dataclasses.dataclass
class Outcome:
    suite: Suite
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    verdict: str = "ok"
    detail: str = ""


def suites(root, jobs, full, logs):
    """The whole plan. Paths are absolute, so that a command can be copied and run by hand."""
    python = "/usr/bin/python3"

    def build(preset, *targets):
        script = f'source "{root}/scripts/lib/common.sh"; build {preset} {" ".join(targets)}'
        return ["bash", "-c", script]

    def ctest(preset, name, *args):
        junit = logs / f"{name}.xml"
        command = ["ctest", "--test-dir", f"{root}/build/{preset}", "--output-on-failure",
                   "-j", str(jobs), "--output-junit", str(junit), *args]
        return command, junit

    def pytest(name, *args):
        junit = logs / f"{name}.xml"
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rsf",
                   f"--junitxml={junit}", *args]
        return command, junit

    plan = [Suite("build", 20, [build("release")], counts_tests=False)]
    command, junit = ctest("release", "unit", "-LE", "integration")
    plan.append(Suite("unit", 4, [command], [junit]))
    command, junit = ctest("release", "integration", "-L", "integration", "-j", "1")
    plan.append(Suite("integration", 6, [command], [junit]))
    command, junit = pytest("runtimes", f"{root}/tests/runtimes")
    plan.append(Suite("runtimes", 10, [command], [junit]))
    command, junit = pytest("bench", f"{root}/tests/bench")
    plan.append(Suite("bench", 1, [command], [junit]))
    command, junit = pytest("e2e", f"{root}/tests/e2e", *(["--full"] if full else []))
    plan.append(Suite("e2e", 12, [command], [junit]))
    command, junit = ctest("asan", "asan")
    plan.append(Suite("asan", 25, [build("asan"), command], [junit]))
    threaded = (root / "tests" / "tsan_targets.txt").read_text().split()
    command, junit = ctest("tsan", "tsan", "-R", "^(" + "|".join(threaded) + ")$")
    plan.append(Suite("tsan", 15, [build("tsan", *threaded), command], [junit]))
    fuzz_junit = logs / "fuzz.xml"
    seconds = "120" if full else "10"
    plan.append(Suite("fuzz", 8, [build("fuzz", "fuzz_targets"),
                                  [python, f"{root}/tests/fuzz/run.py", "--build",
                                   f"{root}/build/fuzz", "--seconds", seconds,
                                   "--junit", str(fuzz_junit)]], [fuzz_junit]))
    return plan


def environment():
    env = dict(os.environ)
    env["ASAN_OPTIONS"] = "detect_leaks=1:abort_on_error=0"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    root = pathlib.Path(__file__).resolve().parents[2]
    env.setdefault("HEARTH_WATCHDOG", f"{root}/build/release/bin/hearth-watchdog")
    env["TSAN_OPTIONS"] = f"halt_on_error=1:suppressions={root}/tests/tsan.supp"
    if not env.get("FAAS_CLI"):
        print("note: FAAS_CLI is not given: the case with the real faas-cli is skipped; its conversations "
              "are replayed by our own client", flush=True)
    return env


def run_command(command, log, env, deadline):
    """Runs in a process group of its own, so that nothing it started outlives the suite."""
    if command[0] == "ctest" and "tsan" in command[2]:
        command = ["setarch", "-R", *command]  # TSan needs a predictable address space
    with open(log, "ab") as out:
        out.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, env=env, start_new_session=True)
        try:
            return process.wait(timeout=max(1.0, deadline - time.monotonic())), False
        except subprocess.TimeoutExpired:
            return -1, True
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def count(outcome):
    for path in outcome.suite.junit:
        if not path.exists():
            continue
        for case in ElementTree.parse(path).iter("testcase"):
            kinds = {child.tag for child in case}
            if "failure" in kinds or "error" in kinds or case.get("status") == "fail":
                outcome.failed += 1
            elif "skipped" in kinds or case.get("status") in ("notrun", "disabled"):
                outcome.skipped += 1
            else:
                outcome.passed += 1


def run_suite(suite, logs, env):
    outcome = Outcome(suite)
    log = logs / f"{suite.name}.log"
    log.unlink(missing_ok=True)
    start = time.monotonic()
    deadline = start + suite.minutes * 120
    for command in suite.commands:
        code, late = run_command(command, log, env, deadline)
        if late:
            outcome.verdict, outcome.detail = "FAILED", f"over twice its budget of {suite.minutes:g} min"
            break
        if code != 0:
            outcome.verdict, outcome.detail = "FAILED", f"exit status {code}"
            break
    outcome.seconds = time.monotonic() - start
    count(outcome)
    if suite.counts_tests and outcome.verdict == "ok" and outcome.passed == 0:
        outcome.verdict, outcome.detail = "FAILED", "no test was executed"
    if outcome.verdict != "ok" and outcome.failed == 0:
        outcome.failed = 1
    if outcome.verdict != "ok":
        text = log.read_text(errors="replace").splitlines()
        print("\n".join(text[-80:]), flush=True)
    return outcome


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--excuse", default="")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    logs = args.root / "build" / "test-logs"
    logs.mkdir(parents=True, exist_ok=True)
    plan = suites(args.root, args.jobs, args.full, logs)
    names = [suite.name for suite in plan]
    only, excuse = (set(filter(None, text.split(","))) for text in (args.only, args.excuse))
    unknown = (only | excuse) - set(names)
    if unknown:
        sys.exit(f"error: no such suite: {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    if args.list:
        print("\n".join(names))
        return 0
    for junit in logs.glob("*.xml"):
        junit.unlink()
    env = environment()
    outcomes = []
    broken_build = False
    for suite in plan:
        if suite.name in excuse:
            outcomes.append(Outcome(suite, verdict="NOT RUN", detail="excused"))
            continue
        if only and suite.name not in only and suite.name != "build":
            continue
        if broken_build:
            outcomes.append(Outcome(suite, verdict="FAILED", failed=1, detail="the build failed"))
            continue
        print(f"==> {suite.name} (budget {suite.minutes:g} min)", flush=True)
        outcome = run_suite(suite, logs, env)
        broken_build = suite.name == "build" and outcome.verdict != "ok"
        print(f"    {outcome.verdict} in {outcome.seconds:.0f} s: {outcome.passed} passed, "
              f"{outcome.failed} failed, {outcome.skipped} skipped {outcome.detail}", flush=True)
        outcomes.append(outcome)
    print(f"\n{'suite':<14}{'budget':>8}{'took':>9}{'passed':>8}{'failed':>8}{'skipped':>9}  verdict")
    for o in outcomes:
        over = " (over budget)" if o.seconds > o.suite.minutes * 60 else ""
        print(f"{o.suite.name:<14}{o.suite.minutes:>6g} m{o.seconds:>7.0f} s{o.passed:>8}{o.failed:>8}"
              f"{o.skipped:>9}  {o.verdict} {o.detail}{over}")
    passed, failed, skipped = (sum(getattr(o, k) for o in outcomes)
                               for k in ("passed", "failed", "skipped"))
    print(f"\nlogs: {logs}")
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}")
    return 1 if failed or any(o.verdict == "FAILED" for o in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
