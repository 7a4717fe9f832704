"""A gateway and a watchdog on their own, as real processes without a controller, with whatever the test
puts between them. The gateway learns its routes from a route cache that is written here."""

import http.client
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import zlib

from platform_under_test import BIN, eventually, free_port


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value) if value else b""


def message(field, value):
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def route(name, addresses, capacity=0, timeout_ms=4000, idle_ms=4000, wait_ms=4000, has_watchdog=True):
    """proto/hearth/v1/fleet.proto: a FunctionRoute with one revision."""
    replicas = b"".join(message(3, message(1, f"r-1-{n}") + message(2, address) + number(4, capacity))
                        for n, address in enumerate(addresses))
    policy = number(1, timeout_ms) + number(2, idle_ms) + number(7, wait_ms) + number(11, int(has_watchdog))
    return (message(1, "default") + message(2, name) +
            message(3, message(1, "r-1") + number(2, 10000) + replicas) + message(4, policy) + number(6, 1))


def route_cache(*routes):
    body = b"".join(message(2, r) for r in routes)
    return b"hearth routes 1\n" + struct.pack("<I", zlib.crc32(body)) + body


class Program:
    """One process, and what the kernel says of it."""

    def __init__(self, arguments, env, log):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(arguments, env={"PATH": os.environ["PATH"], **env}, stdout=out, stderr=out)

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        """Resident bytes that are its own."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) * 1024


class Hops:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-hops-"))
        self.programs = []
        self.port, self.admin_port = free_port(), free_port()

    def gateway(self, *routes, arguments=(), threads=2):
        cache = self.folder / "routes"
        if routes:
            cache.write_bytes(route_cache(*routes))
        program = Program([BIN / "hearth-gateway", f"--listen=127.0.0.1:{self.port}",
                           f"--admin-listen=127.0.0.1:{self.admin_port}", f"--threads={threads}",
                           "--access-log=off", *([f"--route-cache={cache}"] if routes else []), *arguments],
                          {}, self.folder / "gateway.log")
        self.programs.append(program)
        eventually(lambda: self.admin("/readyz") is not None, "the gateway has routes")
        return program

    def watchdog(self, upstream_port, name="watchdog"):
        port = free_port()
        program = Program([BIN / "hearth-watchdog"],
                          {"HEARTH_MODE": "http", "HEARTH_LISTEN": f"127.0.0.1:{port}", "HEARTH_TIMEOUT": "4s",
                           "HEARTH_STREAM_IDLE_TIMEOUT": "4s", "upstream_url": f"http://127.0.0.1:{upstream_port}"},
                          self.folder / f"{name}.log")
        self.programs.append(program)
        return program, port

    def admin(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
            return body if response.status == 200 else None
        finally:
            connection.close()

    def functions(self):
        return {f["name"]: f for f in json.loads(self.admin("/debug/functions"))["functions"]}

    def idle(self):
        """No slot is held and nobody waits."""
        return all(f["in_flight"] == 0 and f["queued"] == 0 for f in self.functions().values())

    def logs(self):
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}"
                         for path in sorted(self.folder.glob("*.log")))

    def close(self):
        for program in self.programs:
            program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
