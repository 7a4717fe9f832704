#!/bin/bash
# Two people in the room: one says something, the other hears it.
set -euo pipefail
python3 - "${HEARTH_URL:-http://127.0.0.1:8080}" <<'EOF'
import base64, json, os, socket, sys
from urllib.parse import urlsplit

where = urlsplit(sys.argv[1])


class Person:
    def __init__(self, name):
        self.socket = socket.create_connection((where.hostname, where.port or 80), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /function/chat/?name={name} HTTP/1.1\r\nHost: {where.netloc}\r\n"
                             "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                             f"Sec-WebSocket-Key: {key}\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        status = self.file.readline()
        assert b" 101 " in status, status
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def say(self, text):
        data, mask = text.encode(), os.urandom(4)
        self.socket.sendall(bytes([0x81, 0x80 | len(data)]) + mask
                            + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def hear(self, wanted):
        while True:
            head = self.file.read(2)
            assert len(head) == 2, "the connection is closed"
            length = head[1] & 127
            if length == 126:
                length = int.from_bytes(self.file.read(2), "big")
            message = json.loads(self.file.read(length))
            if message["text"] == wanted:
                return message


ada, bob = Person("Ada"), Person("Bob")
ada.hear("Bob is here")
ada.say("good evening")
message = bob.hear("good evening")
print(f"Bob hears {message['from']}: {message['text']}")
assert message["from"] == "Ada"
EOF
