"""Raw sockets and a WebSocket client: for what an HTTP library would not send."""

import base64
import os
import socket
import struct


class Raw:
    """One connection, written and read as bytes."""

    def __init__(self, platform, timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", platform.port), timeout)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(self.buffer)
            self.buffer += data
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        return int(lines[0].split()[1]), headers

    def read_exactly(self, n):
        while len(self.buffer) < n:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(self.buffer)
            self.buffer += data
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def read_response(self):
        status, headers = self.read_head()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                line = b""
                while not line.endswith(b"\r\n"):
                    line += self.read_exactly(1)
                size = int(line.split(b";")[0], 16)
                body += self.read_exactly(size)
                self.read_exactly(2)
                if size == 0:
                    return status, headers, body
        return status, headers, self.read_exactly(int(headers.get("content-length", 0)))

    def read_to_end(self):
        while True:
            data = self.socket.recv(65536)
            if not data:
                return self.buffer
            self.buffer += data


class WebSocket(Raw):
    def __init__(self, platform, path, timeout=30):
        super().__init__(platform, timeout)
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.status, self.headers = self.read_head()

    def send_text(self, text):
        payload, mask = text.encode(), os.urandom(4)
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
        self.send(b"\x81" + length + mask + masked)

    def read_frame(self):
        first, second = self.read_exactly(2)
        size = second & 0x7f
        if size == 126:
            size, = struct.unpack("!H", self.read_exactly(2))
        elif size == 127:
            size, = struct.unpack("!Q", self.read_exactly(8))
        return first & 0x0f, self.read_exactly(size)
