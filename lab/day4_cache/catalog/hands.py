"""How many requests a process works on at a time; the others wait for their turn, in the order in which they came."""

from __future__ import annotations

from asyncio import Semaphore

from starlette.types import ASGIApp, Receive, Scope, Send

WORK = "/products"


class Hands:
    """Around the whole app, for FastAPI sends each request through its threads more than once: a limit on those would
    let requests that have begun wait behind those that have not. Whoever asks about health needs no hands."""

    def __init__(self, app: ASGIApp, workers: int) -> None:
        self._app = app
        self._free = Semaphore(workers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(WORK):
            async with self._free:
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)
