"""Fixtures of the runtime tests. HEARTH_WATCHDOG=PATH runs every case under that watchdog as well as under
the stand-in."""

import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import platforms  # noqa: E402
import runtimes  # noqa: E402

WATCHDOG = os.environ.get("HEARTH_WATCHDOG")

# The handler that streams has a file of its own where a language wants that.
STREAM_HANDLERS = {"bash": "stream.handler", "go": "stream", "cpp": "stream"}


@pytest.fixture(params=runtimes.NAMES)
def language(request):
    return request.param


@pytest.fixture(params=["stand-in", "watchdog"] if WATCHDOG else ["stand-in"])
def platform(request):
    return request.param


# For cases that look at the bytes of the Runtime API itself.
only_stand_in = pytest.mark.parametrize("platform", ["stand-in"])
collect_ignore = [] if WATCHDOG else ["test_watchdog.py"]

_built = {}


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """build(name[, source]): the folder of the code, built once a session."""

    def run(name, source=None):
        source = source or runtimes.FUNCTIONS / name
        key = (name, str(source))
        if key not in _built:
            output = tmp_path_factory.mktemp(f"{name}-task")
            done = runtimes.runtime(name).build(source, output)
            assert done.returncode == 0, done.stdout + done.stderr
            _built[key] = output
        return _built[key]

    return run


@pytest.fixture
def start(build, platform, tmp_path):
    """start(name, …): a ready function; `ready=False` for one that is going to fail."""
    instances = []

    def run(name, handler=None, task=None, concurrency=1, event="http", ready=True, environment=None,
            command=None):
        runtime = runtimes.runtime(name)
        task = task or build(name)
        handler = handler or runtime.description["handler"]
        variables = {**runtime.environment(task), **(environment or {})}
        command = command or runtime.command(task)
        if platform == "watchdog":
            # Socket paths are short: the kernel allows 107 bytes.
            folder = runtimes.short_folder()
            instance = platforms.Watchdog(WATCHDOG, folder, command, variables, task, handler, concurrency, event)
            instance.cleanup = lambda: shutil.rmtree(folder, ignore_errors=True)
        else:
            instance = platforms.StandIn(command, variables, task, handler, concurrency, event)
            instance.cleanup = lambda: None
        instances.append(instance)
        return instance.wait_ready() if ready else instance

    yield run
    for instance in instances:
        instance.stop()
        instance.cleanup()
        problems = getattr(getattr(instance, "api", None), "problems", [])
        assert not problems, problems
