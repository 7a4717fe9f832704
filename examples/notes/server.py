"""An HTTP server as anybody writes one: a small REST interface for notes. It listens on $PORT and knows nothing of
Hearth."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock

notes = {}
numbers = count(1)
lock = Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"ok": True})
        elif self.path in ("/", ""):
            with lock:
                self.answer(200, list(notes.values()))
        else:
            with lock:
                note = notes.get(self.path.strip("/"))
            self.answer(200 if note else 404, note or {"error": f"there is no note {self.path}"})

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8", "replace")
        with lock:
            note = {"id": str(next(numbers)), "text": text}
            notes[note["id"]] = note
        self.answer(201, note)

    def do_DELETE(self):
        with lock:
            note = notes.pop(self.path.strip("/"), None)
        self.answer(200 if note else 404, note or {"error": f"there is no note {self.path}"})

    def answer(self, status, value):
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *arguments):
        if self.path != "/health":
            print(form % arguments, flush=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 8080))), Handler).serve_forever()
