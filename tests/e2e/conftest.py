import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from platform_under_test import Platform  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="run the long variants")


@pytest.fixture(scope="session")
def full(request):
    return request.config.getoption("--full")


def _platform(tmp, *args):
    platform = Platform(tmp, args)
    try:
        yield platform.start()
    finally:
        platform.kill()
        shutil.rmtree(tmp, ignore_errors=True)


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    """One platform shared by the tests that do not harm it; each uses function names of its own."""
    yield from _platform(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def fresh(tmp_path):
    """A platform of the test's own: to be killed, filled up and restarted."""
    yield from _platform(tmp_path / "home")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for name in ("platform", "fresh"):
            if name in item.funcargs:
                lines = item.funcargs[name].output[-40:]
                report.sections.append(("output of serve", "\n".join(lines)))
