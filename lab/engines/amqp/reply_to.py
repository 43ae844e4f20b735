"""Direct reply-to: answers go straight to the channel that asked, through a queue that exists in name only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.engines.amqp.message import Entry

if TYPE_CHECKING:
    from lab.engines.amqp.arguments import QueueRules
    from lab.engines.amqp.consumer import Consumer
    from lab.engines.amqp.message import Message
    from lab.engines.amqp.vhost import VirtualHost

PSEUDO_QUEUE = "amq.rabbitmq.reply-to"


class ReplyInbox:
    """Where replies to one channel are addressed; it holds nothing, so a reply to a client that left is lost."""

    number = 0

    def __init__(self, vhost: VirtualHost, name: str, rules: QueueRules) -> None:
        self.vhost = vhost
        self.name = name
        self.rules = rules
        self._consumer: Consumer | None = None

    def opened(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.vhost.inboxes[self.name] = self

    def remove_consumer(self, consumer: Consumer) -> None:
        if self._consumer is consumer:
            self._consumer = None
            del self.vhost.inboxes[self.name]

    def woken(self, consumer: Consumer) -> None:
        """It never parks a consumer, so it never waits for one."""

    def refuses(self, message: Message) -> bool:
        del message
        return False

    def next_position(self) -> int:
        return 0

    def lifetime(self, message: Message) -> float | None:
        del message
        return None

    def push(self, message: Message, stored: bool) -> None:
        if self._consumer is not None:
            self._consumer.deliver(Entry(message, 0, None, stored), message)
