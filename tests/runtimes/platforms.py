"""Where a runtime process runs in a test: under the stand-in, or under the real watchdog. Both are driven by
HTTP requests and give HTTP answers, so one table of cases serves both."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from mapping import Answer, answer_of, event_of
from runtime_api import RuntimeApi
from runtimes import base_environment, lambda_environment

START_TIMEOUT = 30.0


class Logs:
    """The output of a process, line by line, complete once the process has ended."""

    def __init__(self, stream):
        self._lines = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            with self._changed:
                self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()

    def text(self):
        with self._changed:
            return "\n".join(self._lines)

    def wait_for(self, text, timeout=10.0):
        end = time.monotonic() + timeout
        with self._changed:
            while not any(text in line for line in self._lines):
                if not self._changed.wait(end - time.monotonic()):
                    return False
        return True


class Process:
    """A process in a group of its own."""

    def __init__(self, command, environment, folder):
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.logs = Logs(self.process.stdout)

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)


class StandIn:
    """The Runtime API of runtime_api.py; HTTP by mapping.py. A process that dies is started again, as the
    watchdog does it."""

    name = "stand-in"

    def __init__(self, command, environment, task, handler, concurrency=1, event="http"):
        self.api = RuntimeApi()
        self._raw = event == "raw"
        self._command = command
        self._task = task
        self._environment = {**base_environment(), **environment,
                             **lambda_environment(self.api.address, handler, task, concurrency)}
        self._stopping = False
        self.restarts = -1
        self.process = None
        self.output = []
        self._start()
        threading.Thread(target=self._supervise, daemon=True).start()

    def _start(self):
        self.process = Process(self._command, self._environment, self._task)
        self.output.append(self.process.logs)
        self.restarts += 1

    def _supervise(self):
        while not self._stopping:
            self.process.process.wait()
            if self._stopping or self.api.init_failed.is_set() or not self.api.ready.is_set():
                return
            self.api.crash_all("exited")
            self._start()

    def wait_ready(self):
        end = time.monotonic() + START_TIMEOUT
        while not self.api.ready.wait(0.02):
            if self.process.process.poll() is not None or time.monotonic() > end:
                raise AssertionError("not ready:\n" + self.log_text())
        return self

    def wait_failed(self):
        """The init error as the runtime reported it."""
        assert self.api.init_failed.wait(START_TIMEOUT), "no init error:\n" + self.log_text()
        self.process.process.wait(10)
        return self.api.init_error

    def request(self, method="GET", target="/", headers=(), body=b""):
        event = body if self._raw else event_of(method, target, list(headers), body)
        return answer_of(self.api.invoke(event), self._raw)

    def log_text(self):
        return "\n".join(logs.text() for logs in self.output)

    def wait_for_log(self, text):
        return any(logs.wait_for(text) for logs in self.output)

    def stop(self):
        self._stopping = True
        self.process.stop()
        self.api.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Watchdog:
    """The real one, on Unix sockets in a folder of the test's own."""

    name = "watchdog"

    def __init__(self, binary, folder, command, environment, task, handler, concurrency=1, event="http"):
        self._folder = pathlib.Path(folder)
        self._data = self._folder / "data.sock"
        self._control = self._folder / "control.sock"
        settings = {
            "HEARTH_MODE": "native",
            "HEARTH_LISTEN": f"unix:{self._data}",
            "HEARTH_CONTROL": f"unix:{self._control}",
            "HEARTH_RUNTIME_API": "127.0.0.1:0",
            "HEARTH_FUNCTION": "tested",
            "HEARTH_HANDLER": handler,
            "HEARTH_CONCURRENCY": str(concurrency),
            "HEARTH_EVENT": event,
            "HEARTH_TIMEOUT": "20s",
            "HEARTH_MEMORY_MB": "256",
            "HEARTH_DRAIN_QUIET": "20ms",
            "LAMBDA_TASK_ROOT": str(task),
        }
        self.process = Process([str(binary), "--", *command],
                               {**base_environment(), **environment, **settings}, task)

    def wait_ready(self):
        end = time.monotonic() + START_TIMEOUT
        while True:
            state = self.status().get("state")
            if state == "ready":
                return self
            if state == "failed" or self.process.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"not ready ({state}):\n" + self.log_text())
            time.sleep(0.02)

    def wait_failed(self):
        """A replica whose function never was ready ends, and says why in its log."""
        assert self.process.process.wait(START_TIMEOUT) != 0, self.log_text()
        assert self.wait_for_log("init error: "), self.log_text()
        return self.log_text()

    def wait_listening(self):
        end = time.monotonic() + START_TIMEOUT
        while not self._data.exists():
            assert time.monotonic() < end, "no socket:\n" + self.log_text()
            time.sleep(0.005)
        return self

    def status(self):
        connection = _UnixConnection(self._control)
        try:
            connection.request("GET", "/status")
            answer = connection.getresponse()
            return json.loads(answer.read())
        except (FileNotFoundError, ConnectionRefusedError):
            return {}
        finally:
            connection.close()

    @property
    def restarts(self):
        return self.status()["restarts"]

    def request(self, method="GET", target="/", headers=(), body=b""):
        connection = _UnixConnection(self._data)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if body or method in ("POST", "PUT"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            return self._answer(connection)
        finally:
            connection.close()

    @staticmethod
    def _answer(connection):
        answer = connection.getresponse()
        cut_off = False
        try:
            body = answer.read()
        except http.client.IncompleteRead as error:
            body, cut_off = error.partial, True
        headers, cookies = {}, []
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                cookies.append(value)
            else:
                headers[name.lower()] = value
        return Answer(answer.status, headers, cookies, body, cut_off)

    def log_text(self):
        return self.process.logs.text()

    def wait_for_log(self, text):
        return self.process.logs.wait_for(text)

    def stop(self):
        self.process.process.send_signal(signal.SIGTERM)
        try:
            self.process.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        self.process.stop()
