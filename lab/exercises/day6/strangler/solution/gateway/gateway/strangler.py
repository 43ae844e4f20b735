"""/users: who answers, and what has to be true before somebody else does."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import httpx

from gateway.copies import Copies, NotCopied
from gateway.gate import Gate
from gateway.route import Route
from gateway.shadow import Shadow
from gateway.upstream import Call, Unavailable, Upstream

log = logging.getLogger(__name__)

LOOK_AGAIN = 0.5
"""Seconds between two attempts to catch up, while the follower may lack something."""


class Strangler:
    """One side decides: it takes all writes. The other one follows, and may be asked to read."""

    def __init__(self, route: Route, save: Callable[[Route], Awaitable[None]], shop: Upstream, users: Upstream) -> None:
        """`save` keeps the route for whoever starts after us."""
        self.route = route
        self._save = save
        self._shop = shop
        self._users = users
        self._gate = Gate()
        self._turning = asyncio.Lock()
        self._shadow = Shadow(shop, users)
        self._copies = Copies(*self._sides(route))

    async def answer(self, call: Call) -> httpx.Response:
        """Raises Unavailable."""
        if call.method not in ("GET", "HEAD"):
            async with self._gate.passing():
                return await self._write(call)
        if not _user_id(call):
            return await self._copies.decides.send(call)  # a list: the cursors of the two sides differ
        return await self._read(self.route, call)

    async def turn(self, route: Route) -> None:
        """Let somebody else answer. Nothing has changed if it raises NotCopied.

        Most is copied while customers go on writing. What they wrote meanwhile is little, and is copied while they
        wait: from the moment in which both sides know the same, the next write is the new one's.
        """
        async with self._turning:
            if not (route.copied or self.route.new):  # nobody has to know anything: the way out that is always open
                await self._become(route, self._copies)
                return
            copies = Copies(*self._sides(self.route))
            await copies.catch_up()
            async with self._gate.closed():
                await copies.catch_up()
                await self._become(route, copies if route.new == self.route.new else copies.turned())

    async def keep_up(self) -> None:
        """For ever: what could not be copied when it was written is copied later."""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            async with self._turning:  # or it would go on copying in a direction that has just turned
                if self.route.copied and not self._copies.good:
                    try:
                        await self._copies.catch_up()
                    except NotCopied as reason:
                        log.info("cannot catch up: %s", reason)
                    except Exception:  # whatever it was, the next look must come
                        log.exception("catching up failed")

    async def _become(self, route: Route, copies: Copies) -> None:
        await self._save(route)
        self.route, self._copies = route, copies

    def _sides(self, route: Route) -> tuple[Upstream, Upstream]:
        """Who decides, and who follows."""
        return (self._users, self._shop) if route.new else (self._shop, self._users)

    async def _write(self, call: Call) -> httpx.Response:
        """Sent once, to one side: a write that may have been done is done twice by whoever sends it again."""
        try:
            answer = await self._copies.decides.send(call)
        except Unavailable:
            self._copies.doubt()  # it may have been done
            raise
        if answer.is_server_error:
            self._copies.doubt()
        elif self.route.copied and answer.is_success:
            await self._copies.copy(_user_id(call) or answer.json()["id"])
        return answer

    async def _read(self, route: Route, call: Call) -> httpx.Response:
        if route.new or (self._copies.good and random.random() * 100 < route.share):
            try:
                answer = await self._users.send(call)
                if not answer.is_server_error:
                    return answer
                failure = Unavailable(f"users answered {answer.status_code}")
            except Unavailable as error:
                failure = error
            answer = await self._shop.send(call)
            # What the follower does not know may be there all the same: a 404 from it is no answer.
            if route.new and not answer.is_success:
                raise failure
            return answer
        answer = await self._shop.send(call)
        if route.shadow:
            self._shadow.compare(call, answer)
        return answer


def _user_id(call: Call) -> str:
    """Of whom the request is; empty for the list and for a registration."""
    return unquote(call.path.partition("?")[0].removeprefix("/users").removeprefix("/"))
