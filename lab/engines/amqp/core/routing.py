"""How each type of exchange finds the bindings that a message takes: by lookup, whatever the number of bindings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from lab.engines.amqp.core.table import Field, Table, as_text

if TYPE_CHECKING:
    from lab.engines.amqp.core.exchange import Binding

Headers = Callable[[], Table]
"""Reads a message's headers; called only where they decide."""


class Index(Protocol):
    """The bindings of one exchange."""

    def add(self, binding: Binding) -> None: ...

    def remove(self, binding: Binding) -> None:
        """One that was added."""

    def matching(self, routing_key: str, headers: Headers) -> Iterable[Binding]: ...


class Everyone:
    """A fanout exchange's."""

    def __init__(self) -> None:
        self._bound: dict[Binding, None] = {}

    def add(self, binding: Binding) -> None:
        self._bound[binding] = None

    def remove(self, binding: Binding) -> None:
        del self._bound[binding]

    def matching(self, routing_key: str, headers: Headers) -> Iterable[Binding]:
        del routing_key, headers
        return self._bound


class Keys:
    """A direct exchange's: by the very key."""

    def __init__(self) -> None:
        self._by_key: dict[str, dict[Binding, None]] = {}

    def add(self, binding: Binding) -> None:
        self._by_key.setdefault(binding.routing_key, {})[binding] = None

    def remove(self, binding: Binding) -> None:
        bound = self._by_key[binding.routing_key]
        del bound[binding]
        if not bound:
            del self._by_key[binding.routing_key]

    def matching(self, routing_key: str, headers: Headers) -> Iterable[Binding]:
        del headers
        return self._by_key.get(routing_key, ())


class _Word:
    """A node in the tree of patterns."""

    __slots__ = ("bound", "next")

    def __init__(self) -> None:
        self.bound: dict[Binding, None] = {}
        """Bindings whose pattern ends here."""
        self.next: dict[str, _Word] = {}


class Topics:
    """A topic exchange's: a tree of the patterns' words, `*` for one word and `#` for any number of them."""

    def __init__(self) -> None:
        self._root = _Word()

    def add(self, binding: Binding) -> None:
        node = self._root
        for word in _words(binding.routing_key):
            node = node.next.setdefault(word, _Word())
        node.bound[binding] = None

    def remove(self, binding: Binding) -> None:
        node = self._root
        path = []
        for word in _words(binding.routing_key):
            path.append((node, word))
            node = node.next[word]
        del node.bound[binding]
        for parent, word in reversed(path):
            node = parent.next[word]
            if node.bound or node.next:
                break
            del parent.next[word]

    def matching(self, routing_key: str, headers: Headers) -> Iterable[Binding]:
        del headers
        words = _words(routing_key)
        end = len(words)
        found: dict[Binding, None] = {}
        todo = [(self._root, 0)]
        skipped: set[tuple[_Word, int]] = set()
        """Places that a `#` has led to: another one need not lead there again."""
        while todo:
            node, at = todo.pop()
            if at == end:
                found.update(node.bound)
            else:
                todo += [(node.next[word], at + 1) for word in {words[at], "*"} if word in node.next]
            if (after := node.next.get("#")) is not None:
                for place in range(at, end + 1):
                    if (after, place) in skipped:
                        break  # and so to all further ones
                    skipped.add((after, place))
                    todo.append((after, place))
        return found


class HeaderRules:
    """A headers exchange's: by one pair that a binding asks for, or by each where any one will do."""

    def __init__(self) -> None:
        self._always: dict[Binding, None] = {}
        """What asks for nothing."""
        self._by_pair: dict[object, dict[Binding, None]] = {}
        self._pairs: dict[Binding, list[object]] = {}
        """Where each binding stands."""

    def add(self, binding: Binding) -> None:
        wanted, any_of = _rule(binding.arguments)
        if not wanted and not any_of:
            self._always[binding] = None
            return
        pairs: list[object] = [_pair(name, field) for name, field in wanted]
        if not any_of:
            pairs = [min(pairs, key=lambda pair: len(self._by_pair.get(pair, ())))]
        self._pairs[binding] = pairs
        for pair in pairs:
            self._by_pair.setdefault(pair, {})[binding] = None

    def remove(self, binding: Binding) -> None:
        self._always.pop(binding, None)
        for pair in self._pairs.pop(binding, ()):
            bound = self._by_pair[pair]
            bound.pop(binding, None)
            if not bound:
                del self._by_pair[pair]

    def matching(self, routing_key: str, headers: Headers) -> Iterable[Binding]:
        del routing_key
        present = headers()
        found = dict(self._always)
        for binding in self._candidates(present):
            if binding not in found and headers_match(binding.arguments, present):
                found[binding] = None
        return found

    def _candidates(self, present: Table) -> Iterator[Binding]:
        for name, field in present.items():
            yield from self._by_pair.get((name,), ())
            if (pair := _pair(name, field)) != (name,):
                yield from self._by_pair.get(pair, ())


INDEXES: dict[str, Callable[[], Index]] = {
    "direct": Keys,
    "fanout": Everyone,
    "topic": Topics,
    "headers": HeaderRules,
}
"""By the type of the exchange."""


def _words(key: str) -> list[str]:
    """A topic key or pattern cut at its dots; the empty one has no word."""
    return key.split(".") if key else []


def headers_match(arguments: Table, headers: Table) -> bool:
    """A headers binding's rule: `x-match` all (the default) or any; void asks only for the key's presence."""
    wanted, any_of = _rule(arguments)
    hits = (_header_equal(field, headers.get(name)) for name, field in wanted)
    return any(hits) if any_of else all(hits)


def _rule(arguments: Table) -> tuple[list[tuple[str, Field]], bool]:
    """(what a binding asks for, whether any one of it will do)"""
    mode = as_text(arguments.get("x-match")) or "all"
    with_x = mode.endswith("-with-x")
    names = [name for name in arguments if name != "x-match" and (with_x or not name.startswith("x-"))]
    wanted = [(name, arguments[name]) for name in names]
    return wanted, mode.startswith("any")


def _pair(name: str, field: Field) -> tuple[object, ...]:
    """Equal for headers that equal each other, if not only for them."""
    value = field.value
    if field.tag == "V" or isinstance(value, dict | list):
        return (name,)
    # A number is a number, whole or not; a truth value is none.
    kind = float if isinstance(value, int) and not isinstance(value, bool) else type(value)
    return name, kind, value


def _header_equal(wanted: Field, present: Field | None) -> bool:
    if present is None:
        return False
    if wanted.tag == "V":
        return True
    one, other = wanted.value, present.value
    comparable = type(one) is type(other) or {type(one), type(other)} == {int, float}
    return bool(comparable and one == other)
