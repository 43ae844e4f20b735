"""Asking users through the broker: a question into their queue, and an answer straight back to who asked.

It is a call all the same, with all that belongs to one: a limit on the wait, and no answer as one of its outcomes.
What the broker changes is that nobody needs to know where users are, or how many of them.

Each message names the visitor's request in `correlation_id`, as all of them do in this shop. One request may ask more
than once, so an answer says in a header which `message_id` it answers.
"""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import suppress
from functools import partial
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from lab.chassis.connection import backoff, parameters
from lab.chassis.ids import correlation_id, new_id, traceparent
from lab.day2_microservices.orders.directory import Unavailable, tells_of

QUEUE = "users.questions"
REPLY_TO = "amq.rabbitmq.reply-to"
"""Answers come over the channel that asked: no queue has to be declared, and none is left over."""

log = logging.getLogger(__name__)

Answer = Future[bytes]


class BrokerDirectory:
    """One thread owns the connection; those who ask hand it their question and wait for a future."""

    def __init__(self, url: str, name: str, timeout: float) -> None:
        self._parameters = parameters(url, f"{name} questions")
        self._timeout = timeout
        self._waiting: dict[str, Answer] = {}
        self._open: tuple[pika.BlockingConnection, BlockingChannel] | None = None
        self._failures = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="questions", daemon=True)
        self._thread.start()

    def knows(self, user_id: str) -> bool:
        question, answer = new_id(), Answer()
        self._waiting[question] = answer
        try:
            self._hand_over(question, json.dumps({"user_id": user_id}).encode())
            heard = json.loads(answer.result(self._timeout))
        except NoAnswer:
            raise Unavailable(f"no answer within {self._timeout:g} s") from None
        except ValueError as error:
            raise Unavailable(f"an answer that cannot be read: {error}") from error
        finally:
            self._waiting.pop(question, None)
        if isinstance(heard, dict) and heard.get("status") == 404:
            return False
        if isinstance(heard, dict) and tells_of(heard.get("user"), user_id):
            return True
        raise Unavailable("users answered, and not what was agreed")

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(2)

    def _hand_over(self, question: str, body: bytes) -> None:
        if (open_ := self._open) is None:
            raise Unavailable("no connection to the broker")
        properties = pika.BasicProperties(
            content_type="application/json",
            reply_to=REPLY_TO,
            message_id=question,
            correlation_id=correlation_id() or question,
            headers={"traceparent": trace} if (trace := traceparent()) else None,
            expiration=str(round(self._timeout * 1000)),  # then nobody waits any more: it needs no answer
        )
        connection, channel = open_
        try:
            connection.add_callback_threadsafe(partial(_publish, channel, body, properties))
        except AMQPError as error:
            raise Unavailable("the connection to the broker is gone") from error

    # -- the owner's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._live_once()
            except (AMQPError, OSError) as error:
                if self._failures == 0:
                    log.warning("users cannot be asked: %r", error, extra={"event": "broker", "state": "lost"})
            except Exception:
                log.exception("asking broke down")
            self._failures += 1
            self._stopping.wait(backoff(self._failures))

    def _live_once(self) -> None:
        connection = pika.BlockingConnection(self._parameters)
        try:
            channel = connection.channel()
            channel.add_on_return_callback(self._returned)
            channel.basic_consume(REPLY_TO, self._answered, auto_ack=True)
            self._open, self._failures = (connection, channel), 0
            log.info("users can be asked", extra={"event": "broker", "state": "connected"})
            while channel.is_open and not self._stopping.is_set():
                connection.process_data_events(time_limit=0.2)
        finally:
            self._open = None
            for answer in list(self._waiting.values()):
                _settle(answer, Unavailable("the connection to the broker was lost"))
            with suppress(AMQPError, OSError):
                connection.close()

    def _answered(self, _channel: Any, _method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        """An answer that comes too late finds nobody who waits."""
        if answer := self._waiting.get(str((properties.headers or {}).get("in-reply-to"))):
            _settle(answer, body)

    def _returned(self, _channel: Any, _method: Any, properties: pika.BasicProperties, _body: bytes) -> None:
        """The broker has no such queue: no instance of users listens."""
        if answer := self._waiting.get(properties.message_id or ""):
            _settle(answer, Unavailable("nobody listens for questions"))


def _publish(channel: BlockingChannel, body: bytes, properties: pika.BasicProperties) -> None:
    if channel.is_open:
        channel.basic_publish("", QUEUE, body, properties, mandatory=True)


def _settle(answer: Answer, result: bytes | Unavailable) -> None:
    """Who asked may have given up, or have been answered, in this very moment."""
    if answer.done():
        return
    if isinstance(result, Unavailable):
        answer.set_exception(result)
    else:
        answer.set_result(result)
