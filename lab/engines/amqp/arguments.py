"""The `x-` arguments of queues and exchanges: checked, compared and turned into plain values, with RabbitMQ's texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.engines.amqp.errors import ChannelFailure, ConnectionFailure, precondition
from lab.engines.amqp.table import TYPE_NAMES, Field, Table, as_text, is_integer, same

LONGEST_TTL = 4294967295
OVERFLOWS = ("drop-head", "reject-publish", "reject-publish-dlx")
EQUIVALENT = (
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-mode",
    "x-single-active-consumer",
    "x-queue-type",
    "x-quorum-initial-group-size",
    "x-max-age",
    "x-stream-max-segment-size-bytes",
    "x-initial-cluster-size",
    "x-delivery-limit",
)
"""The arguments in which a second declaration must agree with the first."""


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


def queue_rules(name: str, vhost: str, arguments: Table, *, durable: bool, exclusive: bool) -> QueueRules:
    """Raises ChannelFailure 406 naming the argument that is wrong; ConnectionFailure 540 for streams."""

    def invalid(argument: str, why: str) -> ChannelFailure:
        return precondition(f"invalid arg '{argument}' for queue '{name}' in vhost '{vhost}': {why}")

    def number(argument: str, low: int = 0, high: int | None = None) -> int | None:
        field = arguments.get(argument)
        if field is None:
            return None
        if not is_integer(field):
            raise invalid(argument, f"{{unacceptable_type,{TYPE_NAMES[field.tag]}}}")
        value = int(field.value)
        if value < 0 or (value == 0 and low == 1):
            raise invalid(argument, "{value_zero,0}" if value == 0 else f"{{value_negative,{value}}}")
        if high is not None and value > high:
            raise invalid(argument, f"{{value_too_big,{value}}}" if high == LONGEST_TTL else _over(value, high))
        return value

    def word(argument: str) -> str | None:
        field = arguments.get(argument)
        if field is None:
            return None
        value = as_text(field)
        if value is None:
            raise invalid(argument, f"{{unacceptable_type,{TYPE_NAMES[field.tag]}}}")
        return value

    kind = word("x-queue-type") or "classic"
    if kind == "stream":
        raise ConnectionFailure(540, "stream queues are not kept by this broker; declare a classic or quorum queue")
    if kind not in ("classic", "quorum"):
        raise invalid("x-queue-type", "unsupported queue type")
    if kind == "quorum":
        if not durable:
            raise invalid("durable", "false")
        if exclusive:
            raise invalid("exclusive", "true")
    expires = number("x-expires", low=1, high=LONGEST_TTL)
    ttl = number("x-message-ttl", high=LONGEST_TTL)
    exchange = word("x-dead-letter-exchange")
    key = word("x-dead-letter-routing-key")
    if key is not None and exchange is None:
        raise invalid("x-dead-letter-routing-key", "routing_key_but_no_dlx_defined")
    overflow = word("x-overflow")
    if overflow is not None and overflow not in OVERFLOWS:
        raise invalid("x-overflow", f'{{invalid_overflow,<<"{overflow}">>}}')
    single = arguments.get("x-single-active-consumer")
    if single is not None and single.tag != "t":
        raise invalid("x-single-active-consumer", f"{{unacceptable_type,{TYPE_NAMES[single.tag]}}}")
    return QueueRules(
        ttl=None if ttl is None else ttl / 1000,
        expires=None if expires is None else expires / 1000,
        max_length=number("x-max-length"),
        max_bytes=number("x-max-length-bytes"),
        overflow=overflow or "drop-head",
        dead_letter_exchange=exchange,
        dead_letter_key=key,
        max_priority=number("x-max-priority", high=255),
        single_active=bool(single and single.value),
        quorum=kind == "quorum",
        delivery_limit=number("x-delivery-limit"),
    )


def expiration_seconds(raw: bytes) -> float:
    """A message's expiration property. Raises ChannelFailure 406 for anything but a number of milliseconds."""
    try:
        if not raw.isdigit():
            raise ValueError
        value = int(raw)
    except ValueError:
        shown = raw.decode("utf-8", "replace")
        raise precondition(f"invalid expiration '{shown}': {_why_no_number(shown)}") from None
    if value > LONGEST_TTL:
        raise precondition(f"invalid expiration '{value}': {{value_too_big,{value}}}")
    return value / 1000


def require_same(kind: str, name: str, vhost: str, argument: str, received: object, current: object) -> None:
    """Raises ChannelFailure 406 when a redeclaration differs in a flag or a type."""
    if received != current:
        raise precondition(
            f"inequivalent arg '{argument}' for {kind} '{name}' in vhost '{vhost}': "
            f"received '{_plain(received)}' but current is '{_plain(current)}'"
        )


def require_same_arguments(
    kind: str, name: str, vhost: str, received: Table, current: Table, names: tuple[str, ...] = EQUIVALENT
) -> None:
    """Raises ChannelFailure 406 naming the first argument in which a redeclaration differs."""
    for argument in names:
        new, old = received.get(argument), current.get(argument)
        if same(new, old):
            continue
        raise precondition(
            f"inequivalent arg '{argument}' for {kind} '{name}' in vhost '{vhost}': "
            f"received {_described(new)} but current is {_described(old)}"
        )


def _described(field: Field | None) -> str:
    if field is None:
        return "none"
    shown = field.value.decode("utf-8", "replace") if isinstance(field.value, bytes) else _plain(field.value)
    return f"the value '{shown}' of type '{TYPE_NAMES[field.tag]}'"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _over(value: int, high: int) -> str:
    return f"{{max_value_exceeded,{value},{high}}}"


def _why_no_number(shown: str) -> str:
    leftover: Callable[[str], str] = lambda rest: f'{{leftover_string,"{rest}"}}'  # noqa: E731
    digits = len(shown) - len(shown.lstrip("0123456789"))
    if shown.startswith("-") and shown[1:].isdigit():
        return f"{{value_negative,{shown}}}"
    return leftover(shown[digits:]) if digits else "no_integer"
