"""Whose turn it is: consumers of a queue by priority, round robin among equals."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.engines.amqp.core.consumer import Consumer


class Rota:
    """The consumers that may be able to take a message. One that turns out unable is parked until it is woken."""

    __slots__ = ("_levels",)

    def __init__(self) -> None:
        self._levels: list[tuple[int, deque[Consumer]]] = []

    def add(self, consumer: Consumer) -> None:
        for place, (priority, level) in enumerate(self._levels):
            if priority == consumer.priority:
                level.append(consumer)
                return
            if priority < consumer.priority:
                self._levels.insert(place, (consumer.priority, deque([consumer])))
                return
        self._levels.append((consumer.priority, deque([consumer])))

    def remove(self, consumer: Consumer) -> None:
        for place, (priority, level) in enumerate(self._levels):
            if priority == consumer.priority:
                if consumer in level:
                    level.remove(consumer)
                if not level:
                    del self._levels[place]
                return

    def next(self) -> Consumer | None:
        """The next consumer able to take a message; None if there is none at present."""
        for _, level in self._levels:
            while level:
                consumer = level[0]
                if consumer.able():
                    if len(level) > 1:
                        level.rotate(-1)
                    return consumer
                level.popleft()
                consumer.parked = True
        return None
