"""An exchange's rules, asked without a broker, and beside the plainest way to say them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.engines.amqp.core.exchange import Binding, Exchange
from lab.engines.amqp.core.routing import headers_match
from lab.engines.amqp.core.table import Field, Table, text

WORDS = st.lists(st.sampled_from(["a", "b", "", "*", "#"]), max_size=5)
FIELDS = st.sampled_from(
    [Field("I", 1), Field("d", 1.0), Field("t", True), text("1"), Field("V", None), Field("A", [text("1")])]
)
TABLES = st.dictionaries(st.sampled_from(["k", "l", "x-k"]), FIELDS, max_size=3)
MODES = st.sampled_from([None, "all", "any", "all-with-x", "any-with-x"])


def exchange(kind: str, name: str = "x") -> Exchange:
    return Exchange(name, kind, durable=False, auto_delete=False, internal=False, arguments={})


def bound(kind: str, rules: list[tuple[str, Table]], gone: int) -> tuple[Exchange, list[Binding]]:
    """An exchange with a binding for each (key, arguments); the first `gone` were taken away again."""
    source = exchange(kind)
    bindings = [Binding(source, exchange("fanout", str(at)), *rule) for at, rule in enumerate(rules)]
    for binding in bindings:
        source.bind(binding)
    for binding in bindings[:gone]:
        source.unbind(binding)
    return source, bindings[gone:]


def takes(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(takes(pattern[1:], words[at:]) for at in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and takes(pattern[1:], words[1:])


def cut(words: list[str]) -> list[str]:
    """As a key of these words is read: the empty key has no word."""
    return words if words != [""] else []


@given(patterns=st.lists(WORDS, max_size=8), key=WORDS, gone=st.integers(0, 3))
def test_topics_against_their_definition(patterns: list[list[str]], key: list[str], gone: int) -> None:
    source, left = bound("topic", [(".".join(words), {}) for words in patterns], gone)
    found = list(source.matching(".".join(key), dict))
    expected = [each for each, words in zip(left, patterns[gone:], strict=True) if takes(cut(words), cut(key))]
    assert set(found) == set(expected)
    assert len(found) == len(expected), "nothing is found twice"


@given(rules=st.lists(st.tuples(TABLES, MODES), max_size=8), headers=TABLES, gone=st.integers(0, 3))
def test_headers_against_their_definition(rules: list[tuple[Table, str | None]], headers: Table, gone: int) -> None:
    tables = [table if mode is None else {**table, "x-match": text(mode)} for table, mode in rules]
    source, left = bound("headers", [("", table) for table in tables], gone)
    found = list(source.matching("", lambda: headers))
    assert set(found) == {each for each in left if headers_match(each.arguments, headers)}
    assert len(found) == len(set(found))


@pytest.mark.parametrize("kind", ["direct", "topic", "headers"])
def test_a_route_is_looked_up_and_not_searched(kind: str) -> None:
    """Of 10,000 bindings it looks at those that may take the message."""
    rules = [(f"order.{at}.created", {"type": text("order"), "id": Field("I", at)}) for at in range(10_000)]
    source, left = bound(kind, rules, 0)
    found: list[Binding] = []

    def search() -> None:
        found.extend(source.matching("order.77.created", lambda: {"type": text("order"), "id": Field("I", 77)}))

    assert lines_run(search) < 200
    assert found == [left[77]]


def lines_run(call: Callable[[], None]) -> int:
    """How many lines of Python a call runs."""
    lines = 0

    def count(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        call()
    finally:
        sys.settrace(before)
    return lines


def test_a_whole_number_equals_its_fraction() -> None:
    """As on RabbitMQ; pika knows no fractions, so the rule itself is asked."""
    assert headers_match({"a": Field("d", 1.0)}, {"a": Field("I", 1)})
    assert not headers_match({"a": Field("d", 1.0)}, {"a": Field("t", True)})
