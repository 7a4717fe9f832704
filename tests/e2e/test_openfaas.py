"""The conversations of OpenFaaS's clients, replayed; with the real faas-cli where FAAS_CLI names one."""

import base64
import json
import os
import shutil
import subprocess

import pytest

from platform_under_test import BIN, ROOT, eventually


def deployment(name, **more):
    """A FunctionDeployment as faas-cli sends it for a template that forks a process."""
    return {"service": name, "image": "", "envProcess": "cat", "labels": {}, "annotations": {}, **more}


@pytest.fixture(scope="module")
def image(platform, tmp_path_factory):
    """A minimal image with its own files: busybox-like, made by hand as an OCI archive."""
    folder = tmp_path_factory.mktemp("image")
    return build_image(folder)


SERVER = """package main
import ("fmt"; "io"; "net/http"; "os")
func main() { http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
 b, _ := io.ReadAll(r.Body); host, _ := os.ReadFile("/etc/mark"); wd, _ := os.Getwd()
 fmt.Fprintf(w, "%s|%s|%s|%d|%s", b, host, os.Getenv("FROM_IMAGE"), os.Getuid(), wd) })
 port := os.Getenv("LISTEN_PORT"); if port == "" { port = "3000" }
 http.ListenAndServe(":" + port, nil) }
"""


def build_server(target):
    """A static HTTP server that tells what it sees of its image."""
    source = target.parent / "server.go"
    source.write_text(SERVER)
    go = shutil.which("go") or "/usr/local/go/bin/go"
    subprocess.run([go, "build", "-o", str(target), str(source)], check=True,
                   env={**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off"})
    source.unlink()


class Images:
    """Buildah with a store of the test's own: no engine, nothing left behind."""

    def __init__(self, folder):
        self.folder = folder
        self.store = ["buildah", "--root", str(folder / "storage"), "--runroot", str(folder / "run")]
        self.env = {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}

    def run(self, *args):
        done = subprocess.run([*self.store, *map(str, args)], env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def build(self, name, context, dockerfile, *args):
        self.run("bud", "-f", dockerfile, "-t", name, *args, context)

    def export(self, name):
        archive = self.folder / f"{name}.tar"
        self.run("push", name, f"docker-archive:{archive}:{name}:1")
        return archive


def build_image(folder):
    context = folder / "context"
    context.mkdir()
    build_server(context / "server")
    (context / "mark").write_text("inside")
    (context / "Dockerfile").write_text(
        "FROM scratch\nCOPY server /server\nCOPY mark /etc/mark\nENV FROM_IMAGE=yes LISTEN_PORT=8080\n"
        "WORKDIR /srv\nUSER 1234:1234\nEXPOSE 8080\nENTRYPOINT [\"/server\"]\n")
    images = Images(folder)
    images.build("hearth-test", context, context / "Dockerfile")
    return images.export("hearth-test")


def test_image_from_our_own_dockerfiles(platform, tmp_path):
    """A function image with our watchdog in it, configured as OpenFaaS images are."""
    docker = ROOT / "deploy" / "docker"
    images = Images(tmp_path)
    images.build("hearth-watchdog", BIN, docker / "watchdog.Dockerfile")
    context = tmp_path / "context"
    context.mkdir()
    build_server(context / "server")
    images.build("with-watchdog", context, docker / "function.Dockerfile", "--build-arg", "WATCHDOG=hearth-watchdog")
    platform.deploy({"apiVersion": "hearth.dev/v1", "kind": "Function", "metadata": {"name": "with-watchdog"},
                     "spec": {"image": f"docker-archive:{images.export('with-watchdog')}"}})
    response = platform.invoke("with-watchdog", b"hi")
    assert response.status == 200 and response.text.startswith("hi|"), response
    assert response.text.split("|")[3] == "10001" and response.headers["X-Duration-Seconds"]


def test_image_function_with_its_own_root(platform, image):
    platform.deploy({"apiVersion": "hearth.dev/v1", "kind": "Function", "metadata": {"name": "own-root"},
                     "spec": {"image": f"docker-archive:{image}", "mode": "http", "port": 8080}})
    body, mark, env, uid, folder = platform.invoke("own-root", b"hi").text.split("|")
    assert (body, mark, env, folder) == ("hi", "inside", "yes", "/srv")
    assert uid != "0"


def test_missing_image_is_said(platform):
    result = platform.deploy({"apiVersion": "hearth.dev/v1", "kind": "Function", "metadata": {"name": "no-image"},
                              "spec": {"image": "docker-archive:/nowhere/image.tar"}}, check=False)
    assert result.code == 1 and "/nowhere/image.tar" in result.err


def test_info(platform):
    info = platform.api("GET", "/system/info").json()
    assert info["provider"]["version"]["release"] and info["version"]["release"] and info["arch"]


def test_deploy_upsert_list_describe_scale_delete(platform, image):
    name = "of-echo"
    body = deployment(name, image=f"docker-archive:{image}", envProcess="", namespace="openfaas-fn",
                      labels={"com.openfaas.scale.min": "1"}, limits={"memory": "128Mi"})
    assert platform.api("PUT", "/system/functions", body).status == 404, "unknown: the client then POSTs"
    assert platform.api("POST", "/system/functions", body).status == 202
    assert platform.api("PUT", "/system/functions", body).status == 202
    status = platform.api("GET", f"/system/function/{name}?namespace=openfaas-fn&usage=1").json()
    assert status["name"] == name and status["limits"] == {"memory": "128Mi"}
    assert status["labels"]["com.openfaas.scale.min"] == "1" and isinstance(status["annotations"], dict)
    eventually(lambda: platform.api("GET", f"/system/function/{name}").json()["availableReplicas"] == 1, "a replica")
    assert platform.invoke(f"{name}.openfaas-fn", b"hi").text.startswith("hi|")
    listed = platform.api("GET", "/system/functions?namespace=openfaas-fn").json()
    assert any(f["name"] == name for f in listed)
    scaled = platform.api("POST", f"/system/scale-function/{name}", {"serviceName": name, "replicas": 2})
    assert scaled.status == 202
    assert platform.api("GET", f"/system/function/{name}").json()["replicas"] == 2
    eventually(lambda: platform.api("GET", f"/system/function/{name}").json()["availableReplicas"] == 2, "two")
    eventually(lambda: platform.api("GET", f"/system/function/{name}").json()["invocationCount"] >= 1, "a count")
    assert platform.api("DELETE", "/system/functions", {"functionName": name}).status == 202
    assert platform.api("GET", f"/system/function/{name}").status == 404
    assert platform.api("DELETE", "/system/functions", {"functionName": name}).status == 404


def test_secrets(platform):
    secret = {"name": "of-secret", "namespace": "openfaas-fn", "rawValue": base64.b64encode(b"\x00raw").decode()}
    assert platform.api("POST", "/system/secrets", secret).status in (200, 202)
    assert platform.api("POST", "/system/secrets", secret).status == 409
    listed = platform.api("GET", "/system/secrets?namespace=openfaas-fn").json()
    mine = next(s for s in listed if s["name"] == "of-secret")
    assert "namespace" in mine and "value" not in mine and "rawValue" not in mine
    assert platform.api("PUT", "/system/secrets", {**secret, "value": "n"}).status in (200, 202)
    assert platform.api("DELETE", "/system/secrets", secret).status in (200, 202)
    assert platform.api("DELETE", "/system/secrets", secret).status == 404


def test_namespaces(platform):
    assert "default" in platform.api("GET", "/system/namespaces").json()
    body = {"name": "of-team", "labels": {"openfaas": "1"}, "annotations": {"openfaas": "1"}}
    assert platform.api("POST", "/system/namespace/", body).status in (200, 201, 202)
    assert platform.api("GET", "/system/namespace/of-team").json()["name"] == "of-team"
    assert platform.api("DELETE", "/system/namespace/of-team", body).status in (200, 202)
    assert platform.api("GET", "/system/namespace/of-team").status == 404


def test_logs_end_and_are_ndjson(platform, image):
    manifest = {"apiVersion": "hearth.dev/v1", "kind": "Function", "metadata": {"name": "of-logs"},
                "spec": {"runtime": "bash", "source": {"inline": "handler() { echo of-line >&2; cat; }\n"}}}
    platform.deploy(manifest)
    platform.invoke("of-logs", b"x")

    def lines():
        response = platform.api("GET", "/system/logs?name=of-logs&follow=false&tail=-1")
        assert response.status == 200 and response.headers["Content-Type"].startswith("application/x-ndjson")
        return [m for m in map(json.loads, response.text.splitlines()) if "of-line" in m["text"]]

    line = eventually(lines, "the line")[0]
    assert line["name"] == "of-logs" and line["instance"] and line["timestamp"]


def test_health_and_metrics_names(platform):
    assert platform.request("GET", "/healthz").status == 200
    text = platform.metrics()
    for name in ("gateway_function_invocation_total", "gateway_functions_seconds_bucket", "gateway_service_count"):
        assert name in text, name


def test_real_faas_cli(platform, tmp_path, image):
    cli = os.environ.get("FAAS_CLI")
    if not cli:
        pytest.skip("FAAS_CLI is not given: no path to a real faas-cli")
    env = {**platform.environment(), "OPENFAAS_URL": platform.url, "OPENFAAS_CONFIG": str(tmp_path)}
    user, password = platform.credentials().split(":", 1)

    def faas(*args, stdin=None):
        run = subprocess.run([cli, *args], env=env, input=stdin, capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, (args, run.stdout, run.stderr)
        return run.stdout

    faas("login", "--username", user, "--password-stdin", stdin=password)
    faas("version", "--warn-update=false")
    faas("deploy", "--name", "real-cli", "--image", f"docker-archive:{image}")
    eventually(lambda: "Ready" in faas("describe", "real-cli"), "ready")
    assert "real-cli" in faas("list")
    assert faas("invoke", "real-cli", stdin="hi").startswith("hi|")
    faas("secret", "create", "real-secret", "--from-literal", "v")
    assert "real-secret" in faas("secret", "list")
    faas("secret", "remove", "real-secret")
    faas("logs", "real-cli", "--tail=false")
    faas("remove", "real-cli")
