"""Load shedding: beyond what can be done in time, say no early and cheaply."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from lab.chassis import problems
from lab.day5_resilience.calls import metrics

log = logging.getLogger(__name__)

OPERATIONS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Never refused: who watches must see an overload, not mistake it for a death."""


class Shedding:
    """Answers 503 with Retry-After at once while `most` requests are under way.

    It stands before everything else and takes no thread. A queue in its place would fill up in an overload, and then
    every answer, though right, comes after its visitor has left.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPERATIONS:
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._most:
            metrics.SHED.inc()
            log.warning("too many requests under way", extra={"event": "shed", "under_way": self._under_way})
            refusal = problems.answer(503, "busy", "Too many requests are under way; come again in a second.")
            refusal.headers["Retry-After"] = "1"
            await refusal(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
