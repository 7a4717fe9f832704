"""build.sh of every runtime: what goes into the bundle, dependencies, clear errors, the same bytes each time."""

import hashlib
import os
import subprocess

import pytest

import runtimes


def tree(folder):
    """Every file with its mode and digest."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            found[str(path.relative_to(folder))] = (
                path.stat().st_mode & 0o111, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def instantiate_template(name, folder):
    """What `hearth new` does."""
    template = runtimes.ROOT / "runtimes" / name / "template"
    for path in template.rglob("*"):
        if path.is_file():
            target = folder / str(path.relative_to(template)).replace("{{name}}", "greeter")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text().replace("{{name}}", "greeter"))
    return folder


def test_template_builds_and_greets(start, language, tmp_path):
    source = instantiate_template(language, tmp_path / "source")
    output = tmp_path / "out"
    done = runtimes.runtime(language).build(source, output)
    assert done.returncode == 0, done.stderr
    instance = start(language, task=output)
    assert instance.request("GET", "/").body == b"Hello, world!\n"
    assert instance.request("GET", "/?name=Ada").body == b"Hello, Ada!\n"


def test_same_input_gives_the_same_bytes(language, tmp_path):
    runtime = runtimes.runtime(language)
    for output in ("one", "two"):
        done = runtime.build(runtimes.FUNCTIONS / language, tmp_path / output)
        assert done.returncode == 0, done.stderr
    first, second = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert first
    assert first == second


def test_assets_come_along(language, tmp_path):
    source = instantiate_template(language, tmp_path / "source")
    write(source, {"data/words.txt": "one\ntwo\n", ".git/HEAD": "ref"})
    done = runtimes.runtime(language).build(source, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/data/words.txt").read_text() == "one\ntwo\n"
    assert not (tmp_path / "out/.git").exists()


MISTAKES = {
    "bash": ("handler.sh", "handler() {\n  echo 'open\n}\n", ["handler.sh", "line"]),
    "python3": ("handler.py", "def handler(event, context):\n    return (1\n", ["handler.py:2", "never closed"]),
    "node": ("handler.js", "exports.handler = async () => {\n", ["handler.js", "SyntaxError"]),
    "go": ("main.go", "package main\n\nfunc main() { undefinedName() }\n", ["main.go:3", "undefinedName"]),
    "cpp": ("main.cc", "int main() { return undefined_name; }\n", ["main.cc:1", "undefined_name"]),
}


def test_source_that_does_not_build(language, tmp_path):
    file, text, wanted = MISTAKES[language]
    source = write(tmp_path / "source", {file: text})
    done = runtimes.runtime(language).build(source, tmp_path / "out")
    assert done.returncode != 0
    for part in wanted + ["error: "]:
        assert part in done.stderr, done.stderr
    assert str(tmp_path / "out") not in done.stderr




@pytest.mark.parametrize("name, package", [("cpp", "cmake"), ("node", "npm")])
def test_missing_tool_names_its_package(name, package, tmp_path):
    """A PATH that has everything but the tool."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in ("/usr/bin", "/bin"):
        for tool in os.listdir(folder):
            if tool not in ("cmake", "npm") and not (tools / tool).exists():
                (tools / tool).symlink_to(os.path.join(folder, tool))
    source = instantiate_template(name, tmp_path / "source")
    if name == "node":
        write(source, {"package.json": '{"name": "x", "dependencies": {"left-pad": "1.3.0"}}'})
    done = subprocess.run([str(runtimes.ROOT / "runtimes" / name / "build.sh"), str(source), str(tmp_path / "out")],
                          capture_output=True, text=True, env={"PATH": str(tools), "HOME": str(tmp_path)})
    assert done.returncode != 0
    assert f"install the Debian package {package}" in done.stderr


def test_python_requirements(start, tmp_path):
    source = write(tmp_path / "source", {
        "requirements.txt": "# a comment\nmarkdown==3.4.4\n",
        "handler.py": "import markdown\ndef handler(event, context):\n    return markdown.markdown('*x*')\n",
    })
    runtime = runtimes.runtime("python3")
    for output in ("one", "two"):
        done = runtime.build(source, tmp_path / output)
        assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert start("python3", task=tmp_path / "one").request("GET", "/").body == b"<p><em>x</em></p>"


def test_python_requirement_that_does_not_exist(tmp_path):
    source = write(tmp_path / "source", {
        "requirements.txt": "markdown==0.0.0.1\n", "handler.py": "def handler(event, context):\n    pass\n"})
    done = runtimes.runtime("python3").build(source, tmp_path / "out")
    assert done.returncode != 0
    assert "markdown==0.0.0.1" in done.stderr
    assert "error: pip could not install requirements.txt" in done.stderr


def test_python_files_are_compiled_in_advance(tmp_path, build):
    assert list(build("python3").glob("__pycache__/handler.*.pyc"))


def test_node_dependencies(start, tmp_path):
    source = write(tmp_path / "source", {
        "package.json": '{"name": "x", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}',
        "handler.js": "const ms = require('ms');\nexports.handler = async () => ms('2 days');\n",
    })
    runtime = runtimes.runtime("node")
    done = runtime.build(source, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert start("node", task=tmp_path / "out").request("GET", "/").body == b"172800000"


def test_node_package_of_modules(start, tmp_path):
    source = write(tmp_path / "source", {
        "package.json": '{"name": "x", "version": "1.0.0", "type": "module"}',
        "handler.js": "import path from 'node:path';\nexport const handler = async () => path.basename('/a/esm');\n",
    })
    done = runtimes.runtime("node").build(source, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert start("node", task=tmp_path / "out").request("GET", "/").body == b"esm"


def test_go_dependencies(start, tmp_path):
    source = write(tmp_path / "source", {
        "go.mod": "module example.org/greeter\n\ngo 1.18\n\nrequire rsc.io/quote v1.5.2\n",
        "main.go": """package main

import (
	"context"

	"hearth"
	"rsc.io/quote"
)

func main() {
	hearth.Start(func(ctx context.Context, event hearth.Event) (string, error) { return quote.Glass(), nil })
}
""",
    })
    done = runtimes.runtime("go").build(source, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert b"glass" in start("go", task=tmp_path / "out").request("GET", "/").body


def test_cpp_project_of_its_own(start, tmp_path):
    source = write(tmp_path / "source", {
        "CMakeLists.txt": """cmake_minimum_required(VERSION 3.18)
project(greeter CXX)
find_package(hearth REQUIRED)
add_library(words STATIC words/words.cc)
add_executable(bootstrap src/main.cc)
target_include_directories(bootstrap PRIVATE words)
target_link_libraries(bootstrap PRIVATE words hearth::hearth)
""",
        "words/words.h": "#pragma once\nconst char* Word();\n",
        "words/words.cc": '#include "words.h"\nconst char* Word() { return "own project"; }\n',
        "src/main.cc": """#include <hearth.h>
#include "words.h"
int main() {
  return hearth::Run([](const hearth::Event&, const hearth::Context&) { return std::string(Word()); });
}
""",
    })
    done = runtimes.runtime("cpp").build(source, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert start("cpp", task=tmp_path / "out").request("GET", "/").body == b"own project"


def test_cpp_project_without_a_bootstrap(tmp_path):
    source = write(tmp_path / "source", {
        "CMakeLists.txt": "cmake_minimum_required(VERSION 3.18)\nproject(x CXX)\nadd_executable(other main.cc)\n",
        "main.cc": "int main() {}\n"})
    done = runtimes.runtime("cpp").build(source, tmp_path / "out")
    assert done.returncode != 0
    assert "bootstrap" in done.stderr


def test_compiled_functions_are_static(build):
    for name in ("go", "cpp"):
        done = subprocess.run(["file", "-b", str(build(name) / "bootstrap")], capture_output=True, text=True)
        assert "statically linked" in done.stdout


def test_runtime_yaml_says_what_there_is(language):
    runtime = runtimes.runtime(language)
    description = runtime.description
    assert description["name"] == language
    assert (runtime.folder / "template" / description["file"]).is_file()
    version = subprocess.run(description["version"], capture_output=True, text=True)
    assert version.returncode == 0 and version.stdout.strip()
    assert os.access(runtime.folder / "build.sh", os.X_OK)
