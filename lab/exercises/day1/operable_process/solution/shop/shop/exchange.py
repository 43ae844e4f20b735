"""Around every request: it gets an id, gives it back in its answer, and leaves a line in the log."""

from __future__ import annotations

import logging
import time
from typing import cast
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.chassis import problems
from shop.logs import request_id

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
QUIET = ("/healthz", "/readyz")
"""Asked every second by whoever watches: not worth a line."""


class Exchange:
    """Plain ASGI. What a handler logs in a thread has the id, too: the thread begins with a copy of the context."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ident = Headers(scope=scope).get(HEADER) or f"gen-{uuid4()}"
        request_id.set(ident)
        began = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = ident
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            log.exception("unforeseen error")
            if status:
                raise  # half an answer is out already: all that is left is to break off
            await problems.unforeseen()(scope, receive, send_with_id)
        finally:
            if scope["path"] not in QUIET:
                ms = round((time.perf_counter() - began) * 1000, 1)
                path = cast(str, scope["path"])
                log.info("%s %s %d", scope["method"], path, status, extra={"fields": {"status": status, "ms": ms}})
