"""What the new service would have said: asked beside the customer's request, compared, and given to nobody."""

from __future__ import annotations

import asyncio
import logging

import httpx
from prometheus_client import Counter

from gateway.upstream import Call, Unavailable, Upstream

log = logging.getLogger(__name__)

MISMATCHES = Counter("shadow_mismatch", "Reads that users answered otherwise than the monolith, or not at all")
MOST = 64
"""Comparisons at once. Nobody waits for them, so if users hangs, what is above is left out."""


class Shadow:
    def __init__(self, shop: Upstream, users: Upstream) -> None:
        self._shop = shop
        self._users = users
        self._running: set[asyncio.Task[None]] = set()

    def compare(self, call: Call, answered: httpx.Response) -> None:
        """Returns at once. Only for reads: a registration in the shadow is a second registration."""
        if len(self._running) < MOST:
            task = asyncio.create_task(self._compare(call, answered))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _compare(self, call: Call, answered: httpx.Response) -> None:
        try:
            if _same(answered, await self._users.send(call)):
                return
            # Perhaps somebody changed it between the two answers: then they agree now.
            if _same(await self._shop.send(call), await self._users.send(call)):
                return
        except Unavailable as error:
            log.warning("no answer to compare: %s", error)
        MISMATCHES.inc()
        log.warning("users answers %s otherwise", call.path, extra={"event": "shadow", "path": call.path})


def _same(one: httpx.Response, other: httpx.Response) -> bool:
    """Of an error its status says enough; the text beside it is for people."""
    if one.status_code != other.status_code:
        return False
    return one.is_error or _content(one) == _content(other)


def _content(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return answer.content
