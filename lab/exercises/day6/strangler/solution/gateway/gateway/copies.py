"""The same users on both sides: one decides, the other one follows.

A copy is never made of what a write has answered, but of what the deciding side says now. So copying the same user
twice, late or in another order does no harm: the last copy is of the last state.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx

from gateway.upstream import Call, Unavailable, Upstream, user_path

log = logging.getLogger(__name__)

PAGE = 100


class NotCopied(Exception):
    """The other side does not have it now; the message says why."""


class Copies:
    """Between `decides` and `follows`. `good`: whether the follower is known to know all that the other one does."""

    def __init__(self, decides: Upstream, follows: Upstream) -> None:
        self.decides = decides
        self.follows = follows
        self._one_at_a_time = asyncio.Lock()
        # A gateway that starts does not know how far the one before it came.
        self._doubts, self._settled = 1, 0

    def turned(self) -> Copies:
        """The other way round, at a moment in which both sides know the same."""
        other = Copies(self.follows, self.decides)
        other._settled = other._doubts
        return other

    @property
    def good(self) -> bool:
        return self._doubts == self._settled

    def doubt(self) -> None:
        self._doubts += 1

    async def copy(self, user_id: str) -> None:
        """After a write. The customer has been served: a follower that is away is no reason to tell him otherwise."""
        try:
            await self._same(user_id)
        except NotCopied as reason:
            self.doubt()
            log.warning("not copied: %s", reason, extra={"event": "not-copied", "user_id": user_id})

    async def catch_up(self) -> None:
        """Make good whatever differs; the first time it is the backfill. Raises NotCopied."""
        seen = self._doubts
        record, copies = await self._all(self.decides), await self._all(self.follows)
        for user_id in record.keys() | copies.keys():
            if record.get(user_id) != copies.get(user_id):
                await self._same(user_id)
        self._settled = seen

    async def _same(self, user_id: str) -> None:
        # Read and written as one step: between the two, nobody may copy a newer state that this one would undo.
        async with self._one_at_a_time:
            found = await _asked(self.decides, Call(method="GET", path=user_path(user_id)), 200, 404)
            path = user_path(user_id, "/copies")
            if found.status_code == httpx.codes.OK:
                await _asked(self.follows, Call(method="PUT", path=path, body=found.content), 200, 201, 204)
            else:
                await _asked(self.follows, Call(method="DELETE", path=path), 200, 204)

    async def _all(self, side: Upstream) -> dict[str, Any]:
        found: dict[str, Any] = {}
        cursor: str | None = ""
        while cursor is not None:
            query = str(httpx.QueryParams({"limit": PAGE} | ({"cursor": cursor} if cursor else {})))
            answer = await _asked(side, Call(method="GET", path=f"/users?{query}"), 200)
            try:
                page = answer.json()
                found |= {user["id"]: user for user in page["items"]}
                cursor = page["next_cursor"]
            except (ValueError, TypeError, KeyError) as error:
                raise NotCopied(f"{side.name} shows no page of users") from error
        return found


async def _asked(side: Upstream, call: Call, *wanted: int) -> httpx.Response:
    """Raises NotCopied."""
    try:
        answer = await side.send(call)
    except Unavailable as error:
        raise NotCopied(str(error)) from error
    if answer.status_code not in wanted:
        raise NotCopied(f"{side.name} answers {call.method} {call.path} with {answer.status_code}")
    return answer
