"""A server whose every answer is known beforehand."""

import contextlib
import socket
import threading
import time


class KnownServer:
    """Answers in the order of what comes on each connection, and counts. /refuse is 429, /never has no
    answer, /cut breaks off inside the body; `stall_at`: before that request it does nothing for a while."""

    def __init__(self, stall_at=None, stall_seconds=0.0, tls=None):
        self.tls, self.open = tls, 0
        self.stall_at, self.stall_seconds, self.answered, self.connections = stall_at, stall_seconds, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with self.lock:
            self.open += 1
        try:
            self.answer(connection)
        finally:
            with self.lock:
                self.open -= 1

    def answer(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_side=True)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
            while line := reader.readline():
                length = 0
                while (header := reader.readline()) != b"\r\n":
                    if header.lower().startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                reader.read(length)
                path = line.split()[1].decode()
                with self.lock:
                    if self.answered == self.stall_at:
                        time.sleep(self.stall_seconds)
                    self.answered += 1
                if path == "/never":
                    reader.read()
                if path == "/cut":
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
                    return
                status = b"429 Too Many Requests" if path == "/refuse" else b"200 OK"
                body = str(length).encode()
                connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def close(self):
        self.listener.close()
