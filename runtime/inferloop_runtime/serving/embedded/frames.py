"""Messages between the processes of one engine: JSON objects with their length before them, on private sockets."""

import asyncio
import select
import socket
import struct
from typing import Any

import orjson

_LENGTH = struct.Struct("<I")


def encode_frame(message: object) -> bytes:
    """Return one message as it goes over the wire."""
    body = orjson.dumps(message)
    return _LENGTH.pack(len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """Read one message; raises asyncio.IncompleteReadError or ConnectionError when the other side is gone."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return orjson.loads(await reader.readexactly(length))


class FrameSocket:
    """The worker's side of a channel: blocking, for one thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def send(self, message: object) -> None:
        """Send one message; raises OSError when the other side is gone."""
        self._connection.sendall(encode_frame(message))

    def receive(self) -> Any:
        """Wait for one message, without using the processor; raises EOFError when the other side is gone."""
        while (message := self._take()) is None:
            self._fill()
        return message

    def receive_ready(self) -> list[Any]:
        """Return the messages that have already arrived, without waiting."""
        messages = []
        while True:
            while (message := self._take()) is not None:
                messages.append(message)
            if not select.select([self._connection], [], [], 0)[0]:
                return messages
            self._fill()

    def _fill(self) -> None:
        received = self._connection.recv(1 << 16)
        if not received:
            raise EOFError("the other side of the channel is gone")
        self._buffer += received

    def _take(self) -> Any:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        message = orjson.loads(bytes(self._buffer[_LENGTH.size : end]))
        del self._buffer[:end]
        return message
