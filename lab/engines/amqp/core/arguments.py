"""The `x-` arguments of queues and exchanges: checked, compared and turned into plain values, with RabbitMQ's texts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.engines.amqp.core.errors import ChannelFailure, ConnectionFailure, precondition
from lab.engines.amqp.core.table import TYPE_NAMES, Field, Table, as_text, is_integer, same

OVERFLOWS = ("drop-head", "reject-publish", "reject-publish-dlx")
LOCATORS = ("client-local", "balanced", "random", "least-leaders")
HIGHEST_PRIORITY = 255
LONGEST_TIME = 10 * 365 * 86_400_000
"""Milliseconds of the longest time to live or to lie unused."""

_NUMBER = re.compile(rb"[+-]?[0-9]+")
_COMMON = frozenset(
    {
        "x-dead-letter-exchange",
        "x-dead-letter-routing-key",
        "x-expires",
        "x-max-length",
        "x-max-length-bytes",
        "x-message-ttl",
        "x-overflow",
        "x-queue-type",
        "x-single-active-consumer",
    }
)
_TYPES = {
    "classic": _COMMON | {"x-max-priority", "x-queue-master-locator", "x-queue-mode", "x-queue-version"},
    "quorum": _COMMON
    | {
        "x-dead-letter-strategy",
        "x-delivery-limit",
        "x-max-in-memory-bytes",
        "x-max-in-memory-length",
        "x-queue-leader-locator",
        "x-quorum-initial-group-size",
    },
}
_KNOWN = frozenset().union(*_TYPES.values(), {"x-max-age", "x-stream-max-segment-size-bytes", "x-initial-cluster-size"})
"""The arguments that mean something for some type of queue; any other is accepted and ignored."""


@dataclass(frozen=True, slots=True)
class QueueRules:
    """A queue's arguments as plain values. Times are seconds; None is no limit."""

    ttl: float | None = None
    expires: float | None = None
    max_length: int | None = None
    max_bytes: int | None = None
    overflow: str = "drop-head"
    dead_letter_exchange: str | None = None
    dead_letter_key: str | None = None
    max_priority: int | None = None
    single_active: bool = False
    quorum: bool = False
    delivery_limit: int | None = None


def queue_rules(
    name: str, vhost: str, arguments: Table, *, durable: bool, exclusive: bool, auto_delete: bool
) -> QueueRules:
    """Raises ChannelFailure 406 naming the argument that is wrong; ConnectionFailure 540 for streams."""
    place = f"queue '{name}' in vhost '{vhost}'"

    def invalid(argument: str, why: str) -> ChannelFailure:
        return precondition(f"invalid arg '{argument}' for {place}: {why}")

    def number(argument: str, *, low: int = 0, high: int | None = None) -> int | None:
        field = arguments.get(argument)
        if field is None:
            return None
        if not is_integer(field):
            raise invalid(argument, f'"expected integer, got {TYPE_NAMES[field.tag]}"')
        if field.value < 0:
            raise invalid(argument, f"{{value_negative,{field.value}}}")
        if field.value < low:
            raise invalid(argument, f"{{value_zero,{field.value}}}")
        if high is not None and field.value > high:
            raise invalid(argument, f"{{value_too_large,{field.value}}}")
        return int(field.value)

    def word(argument: str, *, typed: str = "") -> str | None:
        field = arguments.get(argument)
        if field is None:
            return None
        value = as_text(field)
        if value is None:
            raise invalid(argument, typed or f"{{unacceptable_type,{TYPE_NAMES[field.tag]}}}")
        return value

    def one_of(argument: str, what: str, allowed: tuple[str, ...]) -> str | None:
        value = word(argument)
        if value is not None and value not in allowed:
            raise invalid(argument, f"\"unsupported {what} '{value}'\"")
        return value

    kind = one_of("x-queue-type", "queue type", ("classic", "quorum", "stream")) or "classic"
    if kind == "stream":
        raise ConnectionFailure(540, "this broker keeps no streams; declare a classic or a quorum queue")
    for argument in arguments:
        if argument in _KNOWN and argument not in _TYPES[kind]:
            raise precondition(f"invalid arg '{argument}' for {place} of queue type rabbit_{kind}_queue")
    if kind == "quorum":
        for wrong, what in ((exclusive, "exclusive-owner"), (auto_delete, "auto-delete"), (not durable, "non-durable")):
            if wrong:
                raise precondition(f"invalid property '{what}' for {place}")
    exchange = arguments.get("x-dead-letter-exchange")
    if exchange is not None and as_text(exchange) is None:
        raise precondition(f"invalid type '{TYPE_NAMES[exchange.tag]}' for arg 'x-dead-letter-exchange' in {place}")
    key = word("x-dead-letter-routing-key")
    if key is not None and exchange is None:
        raise invalid("x-dead-letter-routing-key", "routing_key_but_no_dlx_defined")
    overflow = word("x-overflow")
    if overflow is not None and overflow not in OVERFLOWS:
        raise invalid("x-overflow", "invalid_overflow")
    single = arguments.get("x-single-active-consumer")
    if single is not None and single.tag != "t":
        raise invalid("x-single-active-consumer", f"{{unacceptable_type,{TYPE_NAMES[single.tag]}}}")
    one_of("x-queue-mode", "queue mode", ("default", "lazy"))
    version = number("x-queue-version")
    if version not in (None, 1, 2):
        raise invalid("x-queue-version", f"\"unsupported queue version '{version}'\"")
    priority = number("x-max-priority")
    if priority is not None and priority > HIGHEST_PRIORITY:
        raise invalid("x-max-priority", f"{{max_value_exceeded,{priority}}}")
    strategy = word("x-dead-letter-strategy")
    if strategy is not None and strategy not in ("at-most-once", "at-least-once"):
        raise invalid("x-dead-letter-strategy", "invalid_dlx_strategy")
    number("x-quorum-initial-group-size", low=1)
    locator = word("x-queue-leader-locator")
    if locator is not None and locator not in LOCATORS:
        raise invalid("x-queue-leader-locator", "invalid_queue_locator_arg")
    limit = arguments.get("x-delivery-limit")
    ttl = number("x-message-ttl", high=LONGEST_TIME)
    expires = number("x-expires", low=1, high=LONGEST_TIME)
    return QueueRules(
        ttl=None if ttl is None else ttl / 1000,
        expires=None if expires is None else expires / 1000,
        max_length=number("x-max-length"),
        max_bytes=number("x-max-length-bytes"),
        overflow=overflow or "drop-head",
        dead_letter_exchange=as_text(exchange),
        dead_letter_key=key,
        max_priority=priority,
        single_active=bool(single and single.value),
        quorum=kind == "quorum",
        delivery_limit=None if limit is None or not is_integer(limit) or limit.value < 0 else int(limit.value),
    )


def check_alternate(name: str, vhost: str, arguments: Table) -> None:
    """Raises ChannelFailure 406 for an alternate exchange that is not named by a string."""
    field = arguments.get("alternate-exchange")
    if field is not None and as_text(field) is None:
        raise precondition(
            f"invalid type '{TYPE_NAMES[field.tag]}' for arg 'alternate-exchange' in exchange '{name}' "
            f"in vhost '{vhost}'"
        )


def check_x_match(arguments: Table) -> None:
    """Raises ChannelFailure 406 for a headers binding with an `x-match` that means nothing."""
    field = arguments.get("x-match")
    if field is None:
        return
    mode = as_text(field)
    if mode is None:
        raise precondition(
            f"Invalid x-match field type {TYPE_NAMES[field.tag]} (value {field.value}); expected longstr"
        )
    if mode not in ("all", "any", "all-with-x", "any-with-x"):
        raise precondition(f'Invalid x-match field value <<"{mode}">>; expected all, any, all-with-x, or any-with-x')


def consumer_priority(queue: str, vhost: str, arguments: Table, *, quorum: bool) -> int:
    """Raises ChannelFailure 406 for an argument of another type than it should have, or that only streams take."""
    place = f"queue '{queue}' in vhost '{vhost}'"
    if "x-stream-offset" in arguments:
        kind = "quorum" if quorum else "classic"
        raise precondition(f"invalid arg 'x-stream-offset' for {place} of queue type rabbit_{kind}_queue")
    failover = arguments.get("x-cancel-on-ha-failover")
    if failover is not None and failover.tag != "t":
        raise precondition(
            f"invalid arg 'x-cancel-on-ha-failover' for {place}: {{unacceptable_type,{TYPE_NAMES[failover.tag]}}}"
        )
    field = arguments.get("x-priority")
    if field is None:
        return 0
    if not is_integer(field):
        raise precondition(f"invalid arg 'x-priority' for {place}: \"expected integer, got {TYPE_NAMES[field.tag]}\"")
    return int(field.value)


def check_expiration(raw: bytes) -> None:
    """Raises ChannelFailure 406 for an expiration property that is no number of milliseconds, or too large."""
    number = _NUMBER.match(raw)
    if number is None:
        why = "no_integer"
    elif number.end() < len(raw):
        why = f'{{leftover_string,"{raw[number.end() :].decode("utf-8", "replace")}"}}'
    elif (value := int(number[0])) < 0:
        why = f"{{value_negative,{value}}}"
    elif value > LONGEST_TIME:
        why = f"{{value_too_large,{value}}}"
    else:
        return
    shown = raw.decode("utf-8", "replace")
    raise precondition(f"invalid expiration '{shown}': {why}")


def require_same(kind: str, name: str, vhost: str, argument: str, received: object, current: object) -> None:
    """Raises ChannelFailure 406 when a redeclaration differs in a flag or a type."""
    if received != current:
        raise _inequivalent(kind, name, vhost, argument, f"'{_plain(received)}'", f"'{_plain(current)}'")


def require_same_arguments(
    kind: str, name: str, vhost: str, received: Table, current: Table, names: frozenset[str] = _KNOWN
) -> None:
    """Raises ChannelFailure 406 naming the first argument in which a redeclaration differs."""
    for argument in sorted(names):
        new, old = received.get(argument), current.get(argument)
        if same(new, old) or (argument == "x-queue-type" and {as_text(new), as_text(old)} == {None, "classic"}):
            continue
        if new is not None and old is not None and _sort(new) == _sort(old):
            raise _inequivalent(kind, name, vhost, argument, f"'{_shown(new)}'", f"'{_shown(old)}'")
        raise _inequivalent(kind, name, vhost, argument, _described(new), _described(old))


def _inequivalent(kind: str, name: str, vhost: str, argument: str, received: str, current: str) -> ChannelFailure:
    return precondition(
        f"inequivalent arg '{argument}' for {kind} '{name}' in vhost '{vhost}': "
        f"received {received} but current is {current}"
    )


def _described(field: Field | None) -> str:
    if field is None:
        return "none"
    return f"the value '{_shown(field)}' of type '{TYPE_NAMES[field.tag]}'"


def _sort(field: Field) -> str:
    return "integer" if is_integer(field) else field.tag


def _shown(field: Field) -> str:
    return field.value.decode("utf-8", "replace") if isinstance(field.value, bytes) else _plain(field.value)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
