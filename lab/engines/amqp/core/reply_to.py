"""Direct reply-to: answers go straight to the client that asked, through a queue that exists in name only."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections import deque
from typing import TYPE_CHECKING

from lab.engines.amqp.core.message import Entry

if TYPE_CHECKING:
    from lab.engines.amqp.core.arguments import QueueRules
    from lab.engines.amqp.core.consumer import Consumer
    from lab.engines.amqp.core.message import Message
    from lab.engines.amqp.core.vhost import VirtualHost

PSEUDO_QUEUE = "amq.rabbitmq.reply-to"
HELD_IN_MEMORY = 1 << 24
"""Octets of replies that wait in memory for one client; beyond, their bodies wait on disk."""


def new_address() -> str:
    """A name that nobody guesses, of RabbitMQ's form: the prefix, where the client is and a key, both in base64."""
    where, key = secrets.token_bytes(12), secrets.token_bytes(16)
    return f"{PSEUDO_QUEUE}.{b64encode(where).decode()}.{b64encode(key).decode()}"


class ReplyInbox:
    """Where replies to one client are addressed. It lives while they are consumed: a reply to a client that left is
    lost, and so is what still waits when the client leaves. Replies that a client does not read wait here, as messages
    do in a queue: counted by the broker's memory, which blocks those who publish when it runs out."""

    number = 0
    deleted = False

    def __init__(self, vhost: VirtualHost, name: str, rules: QueueRules) -> None:
        self.vhost = vhost
        self.broker = vhost.broker
        self.name = name
        self.rules = rules
        self._consumer: Consumer | None = None
        self._waiting: deque[Entry] = deque()
        self._held = 0
        """Octets of the bodies that wait in memory."""

    def opened(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.vhost.inboxes[self.name] = self

    def remove_consumer(self, consumer: Consumer) -> None:
        if self._consumer is consumer:
            self._consumer = None
            del self.vhost.inboxes[self.name]
            while self._waiting:
                self.forget(self._waiting.popleft())

    def woken(self, consumer: Consumer) -> None:
        """The client reads again."""
        while self._waiting and consumer.able():
            entry = self._waiting.popleft()
            if entry.place is None:
                self._held -= entry.size
            self.broker.bring_back(entry)
            consumer.deliver(entry, entry.message)
            self.forget(entry)
        consumer.parked = bool(self._waiting)

    def forget(self, entry: Entry) -> None:
        self.broker.let_go(entry)

    def refuses(self, message: Message) -> bool:
        del message
        return False

    def next_position(self) -> int:
        return 0

    def lifetime(self, message: Message) -> float | None:
        del message
        return None

    def push(self, message: Message, stored: bool) -> None:
        consumer = self._consumer
        if consumer is None:
            return
        entry = Entry(message, 0, None, stored)
        if not self._waiting and consumer.able():
            consumer.deliver(entry, message)
            return
        self._waiting.append(entry)
        consumer.parked = True
        broker = self.broker
        broker.memory += message.size
        if self._held + entry.size > HELD_IN_MEMORY or broker.memory > broker.spill_above:
            broker.set_aside(entry)
        if entry.place is None:
            self._held += entry.size
