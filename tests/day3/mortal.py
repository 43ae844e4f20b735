"""The orchestrator as a program that kills itself (SIGKILL) at a moment of its work, counted from when it is told to
begin (SIGUSR1): the crash test of every place between two of its steps.

A moment is where a crash could part two things that belong together: before and after each commit that changes
something, before and after a message is handed to the broker, and before what was handled is acknowledged.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Pool, event

from lab.chassis import outbox, relay
from lab.chassis.publisher import Publisher
from lab.chassis.retry import Retrying
from lab.chassis.serve import run
from lab.day3_events.orchestrator.app import Settings, create_app

LEASE = 0.3
"""Seconds, in place of five: what was taken from the outbox and not published is taken again after that."""


class Moments:
    """Counts them, and dies at the one with the number `fatal`."""

    def __init__(self, fatal: int, told: Path) -> None:
        self._fatal = fatal
        self._told = told
        self._seen = 0
        self._counting = False
        self._lock = threading.Lock()

    def begin(self, *_: object) -> None:
        self._counting = True

    def pass_by(self, name: str) -> None:
        if not self._counting:
            return
        with self._lock:
            self._seen += 1
            if self._seen == self._fatal:
                self._told.write_text(name)
                os.kill(os.getpid(), signal.SIGKILL)


def main(env: Mapping[str, str], fatal: int, told: Path, log: Path) -> None:
    """Be the orchestrator with these variables, until moment `fatal`; which that was is written to `told`."""
    os.environ.update(env)
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    moments = Moments(fatal, told)
    signal.signal(signal.SIGUSR1, moments.begin)
    outbox.LEASE = LEASE
    relay._TIDY = 3600.0  # its statements are no step of a saga
    _around_commits(moments)
    _around(Publisher, "publish", moments, before="before publishing", after="after publishing")
    _around(Retrying, "__call__", moments, after="before the ack")
    run(Settings, create_app, service_name="orchestrator")
    sys.exit(0)


def _around_commits(moments: Moments) -> None:
    changes = ("INSERT", "UPDATE", "DELETE")

    def executed(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith(changes):
            connection.info["changed"] = True

    def commits(connection: Any) -> None:
        if connection.info.get("changed"):
            moments.pass_by("before a commit")

    def returned(_connection: Any, record: Any) -> None:
        if record.info.pop("changed", False):
            moments.pass_by("after a commit")

    event.listen(Engine, "before_cursor_execute", executed)
    event.listen(Engine, "commit", commits)
    event.listen(Pool, "checkin", returned)


def _around(owner: type, name: str, moments: Moments, *, before: str = "", after: str = "") -> None:
    inner: Callable[..., Any] = getattr(owner, name)

    def outer(self: Any, *args: Any) -> Any:
        if before:
            moments.pass_by(before)
        result = inner(self, *args)
        moments.pass_by(after)
        return result

    setattr(owner, name, outer)
