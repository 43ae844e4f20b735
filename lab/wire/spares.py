"""Connections to instances that nobody uses just now: one that is open already answers sooner than a new one."""

from __future__ import annotations

import asyncio
import select

from lab.wire.session import Address

MOST = 32
"""Connections kept of each instance."""


class Spares:
    """Those of one tap, by the instance and where it listens."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, Address], list[asyncio.Transport]] = {}

    def put(self, name: str, address: Address, transport: asyncio.Transport) -> None:
        """Keep a connection on which nothing is under way."""
        kept = self._of.setdefault((name, address), [])
        if len(kept) >= MOST:
            transport.abort()
            return
        transport.set_protocol(_Spare(kept, transport))
        kept.append(transport)

    def take(self, name: str, address: Address) -> asyncio.Transport | None:
        """A connection to the instance that is still good; whoever takes it sets its protocol."""
        kept = self._of.get((name, address), [])
        while kept:
            transport = kept.pop()
            if not transport.is_closing() and _silent(transport):
                return transport
            transport.abort()
        return None

    def drop(self, name: str) -> None:
        """Keep none to this instance any more."""
        for key in [key for key in self._of if key[0] == name]:
            for transport in self._of.pop(key):
                transport.abort()

    def close(self) -> None:
        for name in {name for name, _ in self._of}:
            self.drop(name)


class _Spare(asyncio.Protocol):
    """Whatever happens to a connection that nobody uses, it is no good any more."""

    def __init__(self, kept: list[asyncio.Transport], transport: asyncio.Transport) -> None:
        self._kept = kept
        self._transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - nobody asked for it
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - its end is all that matters
        if self._transport in self._kept:
            self._kept.remove(self._transport)


def _silent(transport: asyncio.Transport) -> bool:
    """Whether nothing came on it since, nor its end: the loop may not have told yet."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return not poll.poll(0)
