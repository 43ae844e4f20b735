"""Whose turn it is: consumers of a queue by priority, round robin among equals."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.engines.amqp.core.consumer import Consumer


class Rota:
    """The consumers that may be able to take a message. One that turns out unable is parked until it is woken."""

    __slots__ = ("_levels",)

    def __init__(self) -> None:
        self._levels: list[tuple[int, OrderedDict[Consumer, None]]] = []

    def add(self, consumer: Consumer) -> None:
        for place, (priority, level) in enumerate(self._levels):
            if priority == consumer.priority:
                level[consumer] = None
                return
            if priority < consumer.priority:
                self._levels.insert(place, (consumer.priority, OrderedDict({consumer: None})))
                return
        self._levels.append((consumer.priority, OrderedDict({consumer: None})))

    def remove(self, consumer: Consumer) -> None:
        for place, (priority, level) in enumerate(self._levels):
            if priority == consumer.priority:
                level.pop(consumer, None)
                if not level:
                    del self._levels[place]
                return

    def next(self) -> Consumer | None:
        """The next consumer able to take a message; None if there is none at present."""
        for _, level in self._levels:
            while level:
                consumer = next(iter(level))
                if consumer.able():
                    if len(level) > 1:
                        level.move_to_end(consumer)
                    return consumer
                del level[consumer]
                consumer.parked = True
        return None
