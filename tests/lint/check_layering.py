#!/usr/bin/python3
"""Checks the order of layers and the calls that are not allowed, file by file.

Dependencies point down only: core/base, then the pure libraries, then those with I/O, then the
components, which do not know each other; inside a component the folders form no circle. The tables
below are the rule; a new core folder or an exception is a line in them. Usage: check_layering.py [ROOT]
"""

import pathlib
import re
import sys

# A core folder may include those with a smaller number, and itself.
CORE_RANKS = {"base": 0, "http": 1, "model": 1, "metrics": 2, "log": 2, "net": 3, "h2": 4, "tls": 4}
COMPONENTS = ["watchdog", "gateway", "controller", "cli", "bench"]
# One description of a language serves both sides: the CLI builds by what the controller runs.
SHARED = {("cli", "controller/runtimes")}
# Only these speak the protocol between gateway and controller.
PROTO_USERS = {"gateway/fleet", "gateway/route", "controller/rpc"}
# And only this one the one to collectors of traces.
OTLP_USERS = {"gateway/trace"}
# No sockets, threads, clocks, files: values in, values out.
PURE = ["core/http", "core/model", "controller/reconcile", "controller/scale"]
IMPURE_INCLUDE = re.compile(
    r"<(sys/socket\.h|sys/epoll\.h|unistd\.h|fcntl\.h|netinet/.*|arpa/.*|thread|mutex|fstream|filesystem|"
    r"condition_variable|grpc.*|cpprest/.*|sqlite3\.h|openssl/(?!evp|sha).*)>")
# Libraries that a component must never link (DESIGN: the picture).
FOREIGN = {"gateway": re.compile(r"<cpprest/"), "watchdog": re.compile(r"<(cpprest|grpc|grpcpp|openssl|google/protobuf|sqlite3)")}

BANNED = [  # pattern, why, files (or trees, with a slash at the end) that may
    (re.compile(r"\bsleep_(for|until)\b|\b(u|nano)sleep\s*\(|::sleep\s*\("), "waiting is a timer's business", ()),
    (re.compile(r"\b(system|steady|high_resolution)_clock::now\b"), "time comes from an injected Clock",
     ("core/base/real_clock.cc", "tests/")),
    (re.compile(r"\bs?rand\s*\("), "use core/base/random.h", ()),
    (re.compile(r"\babsl::Mutex\b"), "use std::mutex: TSan does not see into Debian's Abseil", ()),
    (re.compile(r"\bco_(await|yield|return)\b"), "g++ 12 miscompiles coroutines", ()),
    (re.compile(r"\busing namespace std\s*;"), "name what you use", ()),
]
MAX_LINES = 600
MAX_MAIN_LINES = 150
INCLUDE = re.compile(r'^\s*#include\s+("([^"]+)"|<[^>]+>)')
CODE_TREES = ["core"] + COMPONENTS
TEST_TREES = ["tests/unit", "tests/property", "tests/fakes", "tests/fuzz"]


def strip_comments_and_strings(text):
    """Blanks comments and literals, keeping line numbers."""
    token = re.compile(
        r'R"([^\s()\\]{0,16})\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*(?:.|\n)*?\*/')
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def folder_of(path):
    """core/net/loop.h -> core/net; gateway/main.cc -> gateway."""
    return "/".join(path.split("/")[:-1][:2])


def check_include(path, line, target, angled, report, edges):
    here = folder_of(path)
    top = path.split("/")[0]
    if any(here == p for p in PURE) and angled and IMPURE_INCLUDE.match(angled):
        report(path, line, f"{here} is pure and may not include {angled}")
    if angled and top in FOREIGN and FOREIGN[top].match(angled):
        report(path, line, f"{top} must not depend on {angled}")
    if not target:
        return
    parts = target.split("/")
    if parts[0] == "hearth":
        users = OTLP_USERS if parts[1] == "otlp" else PROTO_USERS
        if here not in users:
            report(path, line, f"only {', '.join(sorted(users))} may include the protocol ({target})")
        return
    if parts[0] == "tests":
        if top == "bench":
            return  # the stand-ins serve both
        report(path, line, f"the product may not include tests ({target})")
    elif parts[0] == "core":
        if top == "core" and parts[1] != path.split("/")[1]:
            mine, theirs = CORE_RANKS.get(path.split("/")[1]), CORE_RANKS.get(parts[1])
            if mine is None or theirs is None:
                report(path, line, f"{here} or core/{parts[1]} has no rank in CORE_RANKS")
            elif theirs >= mine:
                report(path, line, f"{here} (rank {mine}) may not include core/{parts[1]} (rank {theirs})")
    elif parts[0] in COMPONENTS:
        if top != parts[0] and (top, folder_of(target)) not in SHARED:
            report(path, line, f"{top} may not include {parts[0]} ({target})")
        elif top == parts[0] and not path.endswith("/main.cc") and folder_of(target) != here:
            edges.setdefault(here, {}).setdefault(folder_of(target), (path, line))
    else:
        report(path, line, f'"{target}" is not a path from the root of the source tree')


def find_circle(edges):
    """One circle of folders as a list, or None."""
    state = {}

    def visit(node, trail):
        state[node] = "open"
        for after in sorted(edges.get(node, {})):
            if state.get(after) == "open":
                return trail[trail.index(after):] + [after] if after in trail else [node, after]
            if after not in state:
                found = visit(after, trail + [after])
                if found:
                    return found
        state[node] = "done"
        return None

    for start in sorted(edges):
        if start not in state:
            found = visit(start, [start])
            if found:
                return found
    return None


def check(root):
    problems = []
    edges = {}

    def report(path, line, what):
        problems.append(f"{path}:{line}: {what}")

    for tree in CODE_TREES + TEST_TREES:
        for file in sorted((root / tree).rglob("*")):
            if file.suffix not in (".h", ".cc", ".hpp", ".cpp"):
                continue
            path = file.relative_to(root).as_posix()
            text = file.read_text(encoding="utf-8")
            lines = text.split("\n")
            if len(lines) - 1 > MAX_LINES and tree in CODE_TREES:
                report(path, len(lines), f"{len(lines) - 1} lines, at most {MAX_LINES}: split it by meaning")
            if file.name == "main.cc" and len(lines) - 1 > MAX_MAIN_LINES:
                report(path, len(lines), f"a main of {len(lines) - 1} lines, at most {MAX_MAIN_LINES}")
            if tree in CODE_TREES:
                for number, line in enumerate(lines, 1):
                    found = INCLUDE.match(line)
                    if found:
                        angled = found.group(1) if found.group(1).startswith("<") else None
                        check_include(path, number, found.group(2), angled, report, edges)
            for number, line in enumerate(strip_comments_and_strings(text).split("\n"), 1):
                for pattern, why, allowed in BANNED:
                    if pattern.search(line) and not path.startswith(allowed):
                        report(path, number, f"{pattern.search(line).group(0).strip()}: {why}")
    circle = find_circle(edges)
    if circle:
        path, line = edges[circle[0]][circle[1]]
        report(path, line, "folders in a circle: " + " -> ".join(circle))
    return problems


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    problems = check(root)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problem(s)" if problems else "layers and calls are in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
