"""A TCP gate between two real processes that does to a connection what networks do: it cuts the bytes
anywhere, holds them back, resets, closes one direction, or falls silent.

What happens to a connection is drawn from a seeded generator when it is accepted, so that a failure can
be run again. Bytes that pass are never changed: whoever receives other bytes than were sent has found a
fault of the programs.
"""

import asyncio
import random
import socket
import struct

CLEAN, SLICE, DELAY, RESET, HALF_CLOSE, STALL, SILENCE = range(7)
EVERYTHING = {CLEAN: 4, SLICE: 3, DELAY: 3, RESET: 2, HALF_CLOSE: 1, STALL: 1, SILENCE: 1}


def reset(writer):
    """Ends a connection the way a crashed peer does."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Gate:
    """Listens on a port (or Unix socket) of its own and connects on to the target."""

    def __init__(self, target, seed, weights=None, path=None, near_is_client=False):
        self.target, self.path, self.near_is_client = target, path, near_is_client
        self.random = random.Random(seed)
        self.weights = {CLEAN: 1} if weights is None else weights
        self.port, self.server = None, None
        self.tasks, self.counts = set(), {}

    async def start(self):
        if self.path:
            self.server = await asyncio.start_unix_server(self._accept, self.path)
        else:
            self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
            self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def stop(self):
        self.server.close()
        await self.cut()

    async def cut(self):
        """Ends every connection that passes through."""
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def calm(self):
        self.weights = {CLEAN: 1}

    async def _connect(self):
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection("127.0.0.1", self.target)

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        kinds, weights = zip(*self.weights.items())
        kind = self.random.choices(kinds, weights)[0]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        far = None
        try:
            far_reader, far = await self._connect()
            # Where the misfortune strikes: early, within a head, or somewhere in the body.
            at = self.random.choice((0, self.random.randrange(200), self.random.randrange(100_000)))
            # A client that waits for ever for an answer that is on its way has nobody but itself to end it.
            unlucky = 0 if kind == SILENCE and self.near_is_client else self.random.randrange(2)
            ways = [(reader, far), (far_reader, writer)]
            pumps = [asyncio.create_task(self._pump(*way, kind if n == unlucky or kind in (SLICE, DELAY) else CLEAN,
                                                    at, (writer, far)))
                     for n, way in enumerate(ways)]
            try:
                await asyncio.gather(*pumps)
            finally:
                for pump in pumps:
                    pump.cancel()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, far):
                if end is not None:
                    end.transport.abort()
            self.tasks.discard(task)

    async def _pump(self, reader, writer, kind, at, both):
        passed, struck = 0, False
        draw = random.Random(self.random.random())
        while True:
            data = await reader.read(1 if kind == SLICE and passed < 600 else 65536)
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            if kind in (RESET, HALF_CLOSE, STALL, SILENCE) and not struck and passed + len(data) >= at:
                struck = True
                writer.write(data[:max(0, at - passed)])
                data = data[max(0, at - passed):]
                await writer.drain()
                if kind == RESET:
                    for end in both:
                        reset(end)
                    raise ConnectionResetError
                if kind == HALF_CLOSE:
                    writer.write_eof()
                    while await reader.read(65536):  # the rest is lost
                        pass
                    return
                await asyncio.sleep(3600 if kind == SILENCE else draw.uniform(0.3, 2.5))
            passed += len(data)
            if kind == DELAY:
                await asyncio.sleep(draw.choice((0, 0.001, 0.02, 0.1)))
            while data:
                size = draw.randrange(1, 2000) if kind in (SLICE, DELAY) else len(data)
                writer.write(data[:size])
                data = data[size:]
                await writer.drain()
                if kind == SLICE:
                    await asyncio.sleep(0)
