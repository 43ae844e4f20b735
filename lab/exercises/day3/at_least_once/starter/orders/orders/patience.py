"""An end to pika's waits. You need not touch this file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pika
from pika.exceptions import AMQPError, ConnectionWrongStateError


class TooLate(AMQPError):
    """The broker has not answered in time: whether it has done what it was asked to do, nobody knows."""


@contextmanager
def in_time(connection: pika.BlockingConnection, seconds: float) -> Iterator[None]:
    """Break off what is done inside with TooLate after so many seconds. pika itself waits for a confirm for ever, and
    only its inner event loop can end that. Use it on the thread that owns the connection; if that has ended, it
    raises ConnectionWrongStateError."""
    if not connection.is_open:
        raise ConnectionWrongStateError("the connection has ended")
    loop = connection._impl.ioloop
    alarm = loop.call_later(seconds, _too_late)
    try:
        yield
    finally:
        loop.remove_timeout(alarm)


def _too_late() -> None:
    raise TooLate("no answer from the broker in time")
