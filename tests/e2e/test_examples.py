"""Every example in examples/ deploys and answers."""

import pathlib

import pytest

from platform_under_test import ROOT

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/function.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=[e.name for e in EXAMPLES])
def test_example(platform, example):
    """An example says in `try.sh` how a user tries it; that script fails when the answer is wrong."""
    attempt = example / "try.sh"
    assert attempt.exists(), f"{example.name} has no try.sh"
    platform.hearth("namespace", "create", "demo", check=False)
    setup = example / "setup.sh"
    for script in (setup, attempt):
        if script == setup and not setup.exists():
            continue
        if script == attempt:
            platform.hearth("deploy", "-f", example / "function.yaml", timeout=600)
        import subprocess
        run = subprocess.run(["bash", str(script)], env=platform.environment(), cwd=example,
                             capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, f"{script}:\n{run.stdout}\n{run.stderr}"


def test_the_five_languages_are_there():
    runtimes = {line.split(":", 1)[1].strip() for example in EXAMPLES
                for line in (example / "function.yaml").read_text().splitlines()
                if line.strip().startswith("runtime:")}
    assert {"bash", "python3", "node", "go", "cpp"} <= runtimes
