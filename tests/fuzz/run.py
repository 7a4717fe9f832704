#!/usr/bin/env python3
"""Runs every fuzz target for some seconds from its corpus and writes a JUnit file.

New inputs stay in the build folder; an input that breaks a target is kept there and named.
"""

import argparse
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def run(target, build, seconds):
    name = target.name.removeprefix("fuzz_")
    new = build / "new-inputs" / name
    new.mkdir(parents=True, exist_ok=True)
    command = [target, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0",
               f"-artifact_prefix={new}/", new, CORPUS / name]
    process = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return process.returncode, process.stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--junit", type=pathlib.Path, required=True)
    args = parser.parse_args()
    targets = sorted(path for path in (args.build / "bin").glob("fuzz_*") if path.is_file())
    suite = ElementTree.Element("testsuite", name="fuzz")
    failed = 0
    for target in targets:
        code, output = run(target, args.build, args.seconds)
        case = ElementTree.SubElement(suite, "testcase", name=target.name)
        print(f"{target.name}: {'ok' if code == 0 else 'FAILED'}", flush=True)
        if code != 0:
            failed += 1
            ElementTree.SubElement(case, "failure").text = output[-4000:]
            print(output[-4000:])
    ElementTree.ElementTree(suite).write(args.junit)
    without = {path.name for path in CORPUS.iterdir()} - {t.name.removeprefix("fuzz_") for t in targets}
    if without:
        print(f"no target was built for the corpora: {', '.join(sorted(without))}")
    return 1 if failed or without or not targets else 0


if __name__ == "__main__":
    sys.exit(main())
