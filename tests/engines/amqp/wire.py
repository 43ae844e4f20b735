"""A bare AMQP client for probes that pika would not let through: frame by frame, on pamqp's codec."""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Any

from pamqp import commands, frame

HEADER = b"AMQP\x00\x00\x09\x01"
CAPABILITIES = {
    "authentication_failure_close": True,
    "basic.nack": True,
    "connection.blocked": True,
    "consumer_cancel_notify": True,
    "publisher_confirms": True,
}

Seen = tuple[int, Any]
"""(channel, pamqp frame)"""


class Wire:
    """A socket to a broker; `login` goes as far as an open connection."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._timeout = timeout
        self._rest = b""

    def login(
        self, *, tune: tuple[int, int, int] = (2047, 131072, 0), capabilities: dict[str, bool] | None = None
    ) -> Wire:
        self.raw(HEADER)
        self.expect(commands.Connection.Start)
        known = CAPABILITIES if capabilities is None else capabilities
        properties: Any = {"capabilities": known}
        self.send(0, commands.Connection.StartOk(properties, "PLAIN", "\0guest\0guest", "en_US"))
        self.expect(commands.Connection.Tune)
        self.send(0, commands.Connection.TuneOk(*tune), commands.Connection.Open("/"))
        self.expect(commands.Connection.OpenOk)
        return self

    def channel(self, number: int = 1) -> None:
        self.send(number, commands.Channel.Open())
        self.expect(commands.Channel.OpenOk)

    def send(self, channel: int, *frames: Any) -> None:
        self.raw(b"".join(frame.marshal(each, channel) for each in frames))

    def raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, timeout: float | None = None) -> Seen | None:
        """The next frame; None when the broker closed the socket. Raises TimeoutError."""
        self._socket.settimeout(self._timeout if timeout is None else timeout)
        while True:
            if len(self._rest) >= 8 and self._rest[:4] == b"AMQP":
                data, self._rest = self._rest[:8], self._rest[8:]
                return 0, data
            if len(self._rest) >= 7:
                (size,) = struct.unpack_from(">I", self._rest, 3)
                if len(self._rest) >= size + 8:
                    data, self._rest = self._rest[: size + 8], self._rest[size + 8 :]
                    _, channel, seen = frame.unmarshal(data)
                    return channel, seen
            try:
                data = self._socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._rest += data

    def expect(self, kind: type[Any]) -> Any:
        """The next frame, which must be of this kind."""
        seen = self.read()
        assert seen is not None, f"the broker closed the socket instead of sending {kind.__name__}"
        assert isinstance(seen[1], kind), f"{kind} expected, got {seen[1]!r} {dict(seen[1])}"
        return seen[1]

    def closed(self) -> tuple[int, str] | None:
        """Reads on until the broker closes the connection: its code and text, or None if it just hung up."""
        while (seen := self.read()) is not None:
            if isinstance(seen[1], commands.Connection.Close):
                return int(seen[1].reply_code or 0), seen[1].reply_text
        return None

    def names(self, quiet: float = 0.5) -> list[str]:
        """The names of all frames that come before nothing comes for `quiet` seconds."""
        names = []
        try:
            while (seen := self.read(quiet)) is not None:
                names.append(getattr(seen[1], "name", str(seen[1])))
        except TimeoutError:
            pass
        return names

    def stop_reading(self) -> None:
        """From now on nothing is read: what the broker sends piles up."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
