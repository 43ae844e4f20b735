"""What a stub can be told to do with a request.

A deed calls `rest` where it only adds something: `will(status(503))` and then `will(delay(0.4))` make a stub that fails
slowly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from lab.neighbours.stub.request import Reply, Seen, problem, says
from lab.neighbours.stub.waiting_room import WaitingRoom

Rest = Callable[[], Awaitable[Reply | None]]
"""Does what would be done without this deed: the next older rule, or the stub's own work."""


class Deed(Protocol):
    """Returns the answer to a request, or None to reset the connection. It runs in the stubs' event loop."""

    async def __call__(self, seen: Seen, rest: Rest, /) -> Reply | None: ...


def status(code: int, headers: Mapping[str, str] | None = None, json: Any = None) -> Deed:
    """Answer with this status and do nothing; without `json` the body is a problem."""
    reply = problem(code, headers=headers) if json is None else says(json, code, headers)
    return _always(reply)


def answer(json: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Deed:
    """Answer with this JSON and do nothing."""
    return _always(says(json, status, headers))


def garbage(body: bytes = b"<html><body><h1>It works!</h1></body></html>", type: str = "application/json") -> Deed:
    """Answer 200 with a body that is not what was agreed, and do nothing."""
    return _always(Reply(200, body, type))


def reset() -> Deed:
    """Do nothing and reset the connection."""
    return _always(None)


async def _lost(_: Seen, rest: Rest) -> Reply | None:
    await rest()
    return None


def lost() -> Deed:
    """Do the work, and reset the connection in place of the answer."""
    return _lost


def delay(seconds: float) -> Deed:
    """Wait, and then do as usual."""

    async def late(_: Seen, rest: Rest) -> Reply | None:
        await asyncio.sleep(seconds)
        return await rest()

    return late


def drip(seconds_per_byte: float) -> Deed:
    """Do as usual, and let the answer's body go out byte by byte."""

    async def slowly(_: Seen, rest: Rest) -> Reply | None:
        reply = await rest()
        return reply and replace(reply, pace=seconds_per_byte)

    return slowly


async def _cut(_: Seen, rest: Rest) -> Reply | None:
    reply = await rest()
    return reply and replace(reply, cut=True)


def cut() -> Deed:
    """Do as usual, and end the connection in the middle of the answer's body."""
    return _cut


class Hang:
    """Neither works nor answers; the connection is reset after `seconds`, or when the stub is healed."""

    def __init__(self, seconds: float | None = None) -> None:
        self._room = WaitingRoom()
        self._seconds = seconds

    async def __call__(self, _: Seen, __: Rest) -> Reply | None:
        await self._room.wait(self._seconds)
        return None

    def release(self) -> None:
        """End the hang for those who are in it."""
        self._room.let_go()


class Hold:
    """Keeps requests waiting before their work until `release`."""

    def __init__(self) -> None:
        self._room = WaitingRoom()

    async def __call__(self, _: Seen, rest: Rest) -> Reply | None:
        await self._room.wait()
        return await rest()

    @property
    def held(self) -> int:
        """How many requests are held at this moment. A caller that has left does not count."""
        return self._room.inside

    @property
    def arrived(self) -> int:
        """How many requests were ever held."""
        return self._room.entered

    def release(self) -> None:
        """Let those who are held go on as usual, and hold nobody from now on."""
        self._room.let_go(for_good=True)


def hang(seconds: float | None = None) -> Hang:
    """Do nothing and do not answer."""
    return Hang(seconds)


def _always(reply: Reply | None) -> Deed:
    async def deed(_: Seen, __: Rest) -> Reply | None:
        return reply

    return deed
