"""Exchanges: what is bound to them, and where a message goes from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.engines.amqp.core.table import Field, Table, as_text, encode_table

if TYPE_CHECKING:
    from lab.engines.amqp.core.queue import Queue

TYPES = ("direct", "fanout", "topic", "headers")


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
        self._by_key: dict[str, dict[Binding, None]] = {}

    def bind(self, binding: Binding) -> bool:
        """Adds a binding; False if there is an equal one."""
        identity = _identity(binding)
        if identity in self.bindings:
            return False
        self.bindings[identity] = binding
        self._by_key.setdefault(binding.routing_key, {})[binding] = None
        binding.destination.incoming[binding] = None
        return True

    def unbind(self, binding: Binding) -> Binding | None:
        """Takes a binding away and returns it; None if there is no such one."""
        found = self.bindings.pop(_identity(binding), None)
        if found is not None:
            same_key = self._by_key[found.routing_key]
            del same_key[found]
            del found.destination.incoming[found]
            if not same_key:
                del self._by_key[found.routing_key]
        return found

    def matching(self, routing_key: str, headers: Callable[[], Table]) -> Iterable[Binding]:
        """The bindings a message with this key takes; `headers` is called only where the headers decide."""
        if self.kind == "direct":
            return self._by_key.get(routing_key, ())
        if self.kind == "fanout":
            return self.bindings.values()
        if self.kind == "topic":
            words = split_words(routing_key)
            return [
                binding
                for pattern, bound in self._by_key.items()
                if topic_matches(split_words(pattern), words)
                for binding in bound
            ]
        present = headers()
        return [binding for binding in self.bindings.values() if headers_match(binding.arguments, present)]


def split_words(key: str) -> list[str]:
    """A topic key or pattern cut at its dots; the empty one has no word."""
    return key.split(".") if key else []


def topic_matches(pattern: list[str], words: list[str]) -> bool:
    """Whether a topic pattern takes a key, both cut into words: `*` is one word, `#` any number of words."""
    if "#" not in pattern:
        return len(pattern) == len(words) and all(
            mine in ("*", word) for mine, word in zip(pattern, words, strict=True)
        )
    reached = {0}
    for mine in pattern:
        if mine == "#":
            reached = set(range(min(reached), len(words) + 1))
        else:
            reached = {place + 1 for place in reached if place < len(words) and mine in ("*", words[place])}
        if not reached:
            return False
    return len(words) in reached


def headers_match(arguments: Table, headers: Table) -> bool:
    """A headers binding's rule: `x-match` all (the default) or any; void asks only for the key's presence."""
    mode = as_text(arguments.get("x-match")) or "all"
    with_x = mode.endswith("-with-x")
    wanted = [(name, field) for name, field in arguments.items() if with_x or not name.startswith("x-")]
    wanted = [(name, field) for name, field in wanted if name != "x-match"]
    hits = (_header_equal(field, headers.get(name)) for name, field in wanted)
    return any(hits) if mode.startswith("any") else all(hits)


def _header_equal(wanted: Field, present: Field | None) -> bool:
    if present is None:
        return False
    if wanted.tag == "V":
        return True
    one, other = wanted.value, present.value
    # A number is a number, whole or not; a truth value is none.
    comparable = type(one) is type(other) or {type(one), type(other)} == {int, float}
    return bool(comparable and one == other)


def _identity(binding: Binding) -> tuple[object, str, bytes]:
    arguments = dict(sorted(binding.arguments.items()))
    return binding.destination, binding.routing_key, encode_table(arguments)
