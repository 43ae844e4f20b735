"""What becomes of a message that a queue gives up: its next address, its `x-death` record, the rule against cycles."""

from __future__ import annotations

from lab.engines.amqp.core.message import Message, address_of
from lab.engines.amqp.core.properties import with_changes
from lab.engines.amqp.core.table import Field, Table, as_text, is_integer, text, texts

MOST = 2**63 - 1
"""The highest count that an `x-death` entry holds."""


def dead_lettered(message: Message, queue: str, reason: str, exchange: str, key: str | None, time: int) -> Message:
    """The message as it is published to the dead letter exchange. `time` is seconds since 1970."""
    headers = message.headers
    routing_keys = [message.routing_key, *_listed(headers, "CC")]
    deaths = _grouped(_deaths(headers))
    entry = next((each for each in deaths if _is(each, queue, reason)), None)
    if entry is None:
        entry = {
            "count": Field("l", 1),
            "reason": text(reason),
            "queue": text(queue),
            "time": Field("T", time),
            "exchange": text(message.exchange),
            "routing-keys": texts(routing_keys),
        }
        if message.properties.expiration is not None:
            entry["original-expiration"] = Field("S", message.properties.expiration)
    else:
        deaths.remove(entry)
        entry = {**entry, "count": Field("l", min(_count(entry) + 1, MOST))}
    changed = dict(headers)
    changed["x-death"] = Field("A", [Field("F", each) for each in (entry, *deaths)])
    if "x-first-death-reason" not in headers:
        changed["x-first-death-exchange"] = text(message.exchange)
        changed["x-first-death-queue"] = text(queue)
        changed["x-first-death-reason"] = text(reason)
    if key is not None:
        # A new key is a new address: copies under the old ones would otherwise go on.
        changed.pop("CC", None)
    header = with_changes(message.header, headers=changed, drop_expiration=True)
    return Message(address_of(exchange, message.routing_key if key is None else key), header, message.body)


def goes_round(headers: Table, queue: str) -> bool:
    """Whether a dead-lettered message with these headers comes back to a queue it died in, with no rejection on the
    way: a cycle that nobody would ever break."""
    deaths = _deaths(headers)
    for place, death in enumerate(deaths):
        if as_text(death.get("queue")) == queue:
            return all(as_text(each.get("reason")) != "rejected" for each in deaths[: place + 1])
    return False


def _deaths(headers: Table) -> list[Table]:
    field = headers.get("x-death")
    if field is None or field.tag != "A":
        return []
    return [each.value for each in field.value if each.tag == "F"]


def _grouped(deaths: list[Table]) -> list[Table]:
    """One entry for each queue and reason, the first of several; one without a count counts them."""
    groups: dict[tuple[str | None, str | None], list[Table]] = {}
    for death in deaths:
        groups.setdefault((as_text(death.get("queue")), as_text(death.get("reason"))), []).append(death)
    return [{"count": Field("l", len(group)), **group[0]} for group in groups.values()]


def _count(death: Table) -> int:
    """How often, by an entry that a publisher may have made up."""
    field = death.get("count")
    return max(0, int(field.value)) if field is not None and is_integer(field) else 0


def _is(death: Table, queue: str, reason: str) -> bool:
    return as_text(death.get("queue")) == queue and as_text(death.get("reason")) == reason


def _listed(headers: Table, name: str) -> list[str]:
    field = headers.get(name)
    if field is None or field.tag != "A":
        return []
    return [value for each in field.value if (value := as_text(each)) is not None]
