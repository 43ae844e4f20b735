"""A connection to the broker for the grader's own use, past every tap. It is kept, because opening one takes pika tens
of milliseconds, and opened anew when it has gone stale."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError, ChannelClosedByBroker

from lab.grading.checking.expect import CannotTell
from lab.locale import tr

T = TypeVar("T")

HEARTBEAT = 3
"""Seconds; a frozen broker is given up after some three times as many."""
PATIENCE = 5.0
"""Seconds for connecting, and for a broker that takes no messages for the time being."""
FRESH = float(HEARTBEAT)
"""Seconds for which a connection that nobody used may be trusted."""

TROUBLE = (AMQPError, AMQPConnectorException, OSError)
"""What pika raises when the broker is away, dead or frozen."""

NOT_FOUND = 404
LOCKED = 405


class Refused(Exception):
    """The broker answered and said no. `code` is AMQP's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


class BrokerConnection:
    """One thread at a time; the others wait."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.RLock()
        self._connection: Any = None
        self._channel: Any = None
        self._used = 0.0

    def do(self, work: Callable[[BlockingChannel], T]) -> T:
        """Give the work a channel with publisher confirms.

        Raises Refused if the broker refuses, CannotTell if it is not there or does not answer.
        """
        with self._lock:
            try:
                return work(self._ready())
            except ChannelClosedByBroker as error:
                self._channel = None
                raise Refused(error.reply_code, error.reply_text) from None
            except TROUBLE as error:
                self.hang_up()
                raise CannotTell(tr("the broker does not answer the grader: {error!r}", error=error)) from error
            finally:
                self._used = time.monotonic()

    def hang_up(self) -> None:
        with self._lock:
            connection, self._connection, self._channel = self._connection, None, None
            if connection is not None:
                with suppress(*TROUBLE):
                    connection.close()

    def _ready(self) -> BlockingChannel:
        if self._connection is not None and not self._lives():
            self.hang_up()
        if self._connection is None:
            self._connection = connect(self._url)
        if self._channel is None or not self._channel.is_open:
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        channel: BlockingChannel = self._channel
        return channel

    def _lives(self) -> bool:
        if time.monotonic() - self._used > FRESH:
            return False
        try:
            self._connection.process_data_events(0)
        except TROUBLE:
            return False
        return bool(self._connection.is_open)


def connect(url: str) -> Any:
    """A pika.BlockingConnection whose waits all have an end."""
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # what goes wrong is told by who asked
    parameters = pika.URLParameters(url)
    parameters.heartbeat = HEARTBEAT
    parameters.blocked_connection_timeout = PATIENCE
    parameters.socket_timeout = PATIENCE
    parameters.stack_timeout = PATIENCE
    parameters.connection_attempts = 1
    parameters.client_properties = {"connection_name": "grader"}
    return pika.BlockingConnection(parameters)
