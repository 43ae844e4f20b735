"""Answering questions that come through the broker: who asked is told over the channel that the question names.

All instances of users share one queue, and the broker gives each question to one of them. The queue goes with the last
instance: then a question comes back to who asked at once, where it would wait for nobody otherwise.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from pydantic import BaseModel

from lab.chassis.connection import backoff, parameters
from lab.chassis.ids import correlated

QUEUE = "users.questions"

log = logging.getLogger(__name__)


class Answering:
    """A thread with a connection of its own. An answer is one look into the database, so it needs no workers."""

    def __init__(self, url: str, name: str, find: Callable[[str], BaseModel | None]) -> None:
        self._parameters = parameters(url, f"{name} answers")
        self._find = find
        self._listening = threading.Event()
        self._failures = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="answers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(2)

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self._listening.is_set() else "not listening for questions: no connection to the broker"

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._live_once()
            except (AMQPError, OSError) as error:
                if self._failures == 0:
                    log.warning("not listening: %r", error, extra={"event": "broker", "state": "lost"})
            except Exception:
                log.exception("answering broke down")
            self._failures += 1
            self._stopping.wait(backoff(self._failures))

    def _live_once(self) -> None:
        connection = pika.BlockingConnection(self._parameters)
        try:
            channel = connection.channel()
            channel.queue_declare(QUEUE, durable=True, auto_delete=True)
            channel.basic_qos(prefetch_count=10)
            tag = channel.basic_consume(QUEUE, self._asked)
            self._failures = 0
            self._listening.set()
            log.info("listening for questions", extra={"event": "broker", "state": "connected"})
            while channel.is_open and channel.consumer_tags and not self._stopping.is_set():
                connection.process_data_events(time_limit=0.2)
            if channel.is_open and channel.consumer_tags:
                channel.basic_cancel(tag)
        finally:
            self._listening.clear()
            with suppress(AMQPError, OSError):
                connection.close()

    def _asked(self, channel: BlockingChannel, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        with correlated(properties.correlation_id or "", str((properties.headers or {}).get("traceparent", ""))):
            if properties.reply_to:
                reply = pika.BasicProperties(
                    content_type="application/json",
                    correlation_id=properties.correlation_id,
                    headers={"in-reply-to": properties.message_id or ""},
                )
                channel.basic_publish("", properties.reply_to, json.dumps(self._answer(body)).encode(), reply)
            channel.basic_ack(method.delivery_tag)

    def _answer(self, body: bytes) -> dict[str, Any]:
        """As over HTTP: 200 with the user, 404, 400 for what cannot be read, 500 if it went wrong here."""
        try:
            user = self._find(str(json.loads(body)["user_id"]))
        except (ValueError, KeyError, TypeError):
            return {"status": 400}
        except Exception:
            log.exception("a question could not be answered")
            return {"status": 500}
        return {"status": 200, "user": user.model_dump()} if user else {"status": 404}
