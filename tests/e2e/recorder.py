"""A function in `http` mode that records, byte by byte, what reaches it, and answers what it is told to.

It shares no code with Hearth: it reads heads up to the empty line and bodies by their length or chunk
by chunk, and keeps whatever it cannot read as garbage, which fails the test that caused it.
"""

import base64
import json
import urllib.parse

SOURCE = r'''
import base64, json, os, socket, threading, time, urllib.parse

log, lock, connections = [], threading.Lock(), 0

class Gone(Exception):
    pass

class Reader:
    def __init__(self, peer):
        self.peer, self.data = peer, b""

    def more(self):
        data = self.peer.recv(65536)
        if not data:
            raise Gone
        self.data += data

    def until(self, mark):
        while mark not in self.data:
            self.more()
        out, self.data = self.data.split(mark, 1)
        return out

    def exactly(self, n):
        while len(self.data) < n:
            self.more()
        out, self.data = self.data[:n], self.data[n:]
        return out

def body_of(reader, fields):
    codings = [v for k, v in fields if k == "transfer-encoding"]
    lengths = [v for k, v in fields if k == "content-length"]
    if codings:
        body, trailer = b"", []
        while True:
            size = int(reader.until(b"\r\n"), 16)
            if size == 0:
                break
            body += reader.exactly(size)
            assert reader.exactly(2) == b"\r\n"
        while line := reader.until(b"\r\n"):
            trailer.append(line.decode("latin-1"))
        return body, trailer
    return reader.exactly(int(lengths[0]) if lengths else 0), []

def serve(peer):
    global connections
    with lock:
        connections += 1
        number = connections
    reader = Reader(peer)
    entry = None
    try:
        while True:
            while not reader.data:
                reader.more()
            entry = {"connection": number, "complete": False, "line": "", "fields": [], "body": "", "trailer": []}
            head = reader.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            entry["line"] = head[0]
            if "/__log" not in head[0]:
                with lock:
                    log.append(entry)
            entry["fields"] = [[k.lower(), v.strip()] for k, v in (l.split(":", 1) for l in head[1:])]
            method, target, version = head[0].split(" ")
            assert version == "HTTP/1.1", head[0]
            fields = [tuple(f) for f in entry["fields"]]
            if any(k == "expect" for k, _ in fields):
                peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            body, entry["trailer"] = body_of(reader, fields)
            entry["body"] = body.decode("latin-1")
            entry["complete"] = True
            path, _, query = target.partition("?")
            query = urllib.parse.parse_qs(query)
            if path == "/__log":
                with lock:
                    text = json.dumps(log).encode()
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
            elif path == "/raw":
                for part in query["part"]:
                    peer.sendall(base64.urlsafe_b64decode(part))
                    time.sleep(float(query.get("pause", ["0"])[0]))
                if "close" in query:
                    return
            else:
                text = b"" if method == "HEAD" else target.encode("latin-1")
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(target), text))
    except (Gone, OSError):
        pass
    except Exception as error:
        with lock:
            log.append({"connection": number, "garbage": repr(error), "line": entry and entry["line"]})
    finally:
        peer.close()

listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=128)
while True:
    peer, _ = listener.accept()
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
'''


class Recorder:
    """The deployed function, seen from a test."""

    def __init__(self, platform, name="recorder"):
        self.platform, self.name = platform, name
        platform.deploy({"apiVersion": "hearth.dev/v1", "kind": "Function", "metadata": {"name": name},
                         "spec": {"command": ["/usr/bin/python3", "/var/task/server.py"], "mode": "http",
                                  "source": {"files": {"server.py": SOURCE}},
                                  "scaling": {"min": 1, "max": 1}}})
        assert self.platform.request("GET", f"/function/{name}/up").status == 200

    def log(self):
        return self.platform.request("GET", f"/function/{self.name}/__log").json()

    def of(self, mark):
        """What was recorded of the requests whose target holds `mark`, and anything unreadable."""
        return [entry for entry in self.log() if "garbage" in entry or mark in entry["line"]]

    def raw_path(self, *parts, pause=0.0, close=False):
        """The path of an answer made of these bytes, written one after the other."""
        query = [("part", base64.urlsafe_b64encode(part).decode()) for part in parts]
        query += [("pause", str(pause))] + ([("close", "1")] if close else [])
        return f"/function/{self.name}/raw?" + urllib.parse.urlencode(query)


def fields_of(entry, name):
    return [value for key, value in entry["fields"] if key == name]


def dumps(entries):
    return json.dumps(entries, indent=1)
