"""AWS's own runtime clients, unmodified, from the registries that their users get them from. An installation is
kept outside of the checkout by version (the npm package takes minutes to build)."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PYPI_VERSION = "4.2.2"
NPM_VERSION = "3.3.0"
NPM_BUILD_PACKAGES = ["autoconf", "automake", "libtool", "cmake", "g++", "make", "python3", "nodejs", "npm"]


def _cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = pathlib.Path(base) / "hearth" / "aws-clients"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _locked(name):
    with open(_cache() / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _installed(name, install):
    """The folder of the installation; made by install(folder) where it is not there yet, and only whole."""
    target = _cache() / name
    with _locked(name):
        if not target.is_dir():
            fresh = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}.", dir=_cache()))
            try:
                done = install(fresh)
                assert done.returncode == 0, f"{name} could not be installed:\n{done.stdout}\n{done.stderr}"
                fresh.rename(target)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    return target


def python_client():
    """A folder for PYTHONPATH."""
    python = "/usr/bin/python3"
    tag = "py%d.%d" % sys.version_info[:2]
    return _installed(f"awslambdaric-{PYPI_VERSION}-{tag}", lambda folder: subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore",
         "--target", str(folder), f"awslambdaric=={PYPI_VERSION}"], capture_output=True, text=True, timeout=600))


def node_client():
    """A folder with node_modules, and the major version of Node.js that it was built with."""
    major = subprocess.run(["/usr/bin/node", "-p", "process.versions.node.split('.')[0]"], capture_output=True,
                           text=True, check=True).stdout.strip()

    def install(folder):
        missing = [tool for tool in ("autoconf", "automake", "libtoolize", "cmake", "g++", "make", "npm")
                   if shutil.which(tool) is None]
        assert not missing, f"{missing} are missing; install the Debian packages {' '.join(NPM_BUILD_PACKAGES)}"
        (folder / "package.json").write_text('{"name": "client", "private": true}\n')
        return subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-update-notifier",
                               f"aws-lambda-ric@{NPM_VERSION}"], cwd=folder, capture_output=True, text=True,
                              timeout=1200)

    return _installed(f"aws-lambda-ric-{NPM_VERSION}-node{major}", install)
