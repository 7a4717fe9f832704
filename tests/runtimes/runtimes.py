"""The folders below runtimes/ as the CLI and the controller use them: described by runtime.yaml, built by
build.sh, started with `command` in the folder of the code."""

import functools
import os
import pathlib
import subprocess
import tempfile
from dataclasses import dataclass

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUNCTIONS = pathlib.Path(__file__).resolve().parent / "functions"
NAMES = ["bash", "python3", "node", "go", "cpp"]


@dataclass(frozen=True)
class Runtime:
    name: str
    folder: pathlib.Path
    description: dict

    def _placed(self, text, task):
        """`text` with the folders of the sandbox where they are on this machine."""
        return text.replace("/var/runtime", str(self.folder / "shim")).replace("/var/task", str(task))

    def command(self, task):
        return [self._placed(part, task) for part in self.description["command"]]

    def environment(self, task):
        return {name: self._placed(str(value), task)
                for name, value in (self.description.get("environment") or {}).items()}

    def build(self, source, output):
        return subprocess.run([str(self.folder / "build.sh"), str(source), str(output)],
                              capture_output=True, text=True, timeout=300)


@functools.lru_cache(maxsize=None)
def runtime(name):
    folder = ROOT / "runtimes" / name
    return Runtime(name, folder, yaml.safe_load((folder / "runtime.yaml").read_text()))


def base_environment():
    """What a function's environment has on any machine; nothing of the caller's slips in."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "HOME": "/tmp"}


def lambda_environment(address, handler, task, concurrency):
    environment = {
        "AWS_LAMBDA_RUNTIME_API": address,
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(task),
        "AWS_LAMBDA_FUNCTION_NAME": "tested",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/tested",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_REGION": "us-east-1",
    }
    if concurrency > 1:
        environment["AWS_LAMBDA_MAX_CONCURRENCY"] = str(concurrency)
    return environment


def copy_environment():
    """For build.sh: the tools and caches of whoever runs the tests."""
    return dict(os.environ)


def short_folder():
    return tempfile.mkdtemp(prefix="hrt-", dir="/tmp")
