"""Exchanges: what is bound to them, and where a message goes from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.engines.amqp.core.routing import INDEXES
from lab.engines.amqp.core.table import Table, as_text, encode_table

if TYPE_CHECKING:
    from lab.engines.amqp.core.queue import Queue

TYPES = tuple(INDEXES)


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """From an exchange to a queue or to another exchange."""

    source: Exchange
    destination: Queue | Exchange
    routing_key: str
    arguments: Table


class Exchange:
    """A named routing rule with its bindings."""

    def __init__(
        self, name: str, kind: str, *, durable: bool, auto_delete: bool, internal: bool, arguments: Table
    ) -> None:
        self.name = name
        self.kind = kind
        self.durable = durable
        self.auto_delete = auto_delete
        self.internal = internal
        self.arguments = arguments
        self.alternate = as_text(arguments.get("alternate-exchange")) or None  # the default exchange serves as none
        self.bindings: dict[tuple[object, str, bytes], Binding] = {}
        self.incoming: dict[Binding, None] = {}
        """Bindings that end here."""
        self._index = INDEXES[kind]()

    def bind(self, binding: Binding) -> bool:
        """Adds a binding; False if there is an equal one."""
        identity = _identity(binding)
        if identity in self.bindings:
            return False
        self.bindings[identity] = binding
        self._index.add(binding)
        binding.destination.incoming[binding] = None
        return True

    def unbind(self, binding: Binding) -> Binding | None:
        """Takes a binding away and returns it; None if there is no such one."""
        found = self.bindings.pop(_identity(binding), None)
        if found is not None:
            self._index.remove(found)
            del found.destination.incoming[found]
        return found

    def matching(self, routing_key: str, headers: Callable[[], Table]) -> Iterable[Binding]:
        """The bindings a message with this key takes; `headers` is called only where the headers decide."""
        return self._index.matching(routing_key, headers)


def _identity(binding: Binding) -> tuple[object, str, bytes]:
    arguments = dict(sorted(binding.arguments.items()))
    return binding.destination, binding.routing_key, encode_table(arguments)
