"""Serving an app until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import uvicorn
from fastapi import FastAPI

from lab.chassis import logs
from lab.chassis.settings import ServiceSettings, SettingsError, read

S = TypeVar("S", bound=ServiceSettings)

log = logging.getLogger(__name__)

GRACE = 3
"""Seconds that requests under way get to finish after SIGTERM; a supervisor usually kills after five or ten."""


def run(kind: type[S], create_app: Callable[[S], FastAPI], *, service_name: str) -> None:
    """The whole of a service's `main`: settings, logs, app, server. Ends with exit code 0 on SIGTERM, 2 if a variable
    of the environment is missing or wrong."""
    try:
        settings = read(kind, service_name=service_name)
        logs.configure(settings.service_name)
        app = create_app(settings)
    except SettingsError as error:
        sys.stderr.write(f"{service_name} cannot start: {error}\n")
        sys.exit(2)
    serve(app, settings)


def serve(app: FastAPI, settings: ServiceSettings) -> None:
    """Answer on HOST:PORT until SIGTERM or SIGINT, then finish what is under way and return."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="asyncio",  # over uvloop, httpx raises AttributeError, none of its own, for a connection cut at once
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=30,
        backlog=512,
        server_header=False,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    server = _Server(config)
    server.run()
    if not server.started:
        sys.exit(1)
    log.info("stopped", extra={"event": "stopped"})


class _Server(uvicorn.Server):
    """uvicorn raises the signal again after a clean stop, so the process would end with -15. A service that was asked
    to stop and did so has succeeded: exit code 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
