"""What must be true of the shop once every fault is healed and all is quiet. Pure: books in, broken promises out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from lab.chassis.events import Unreadable, parse

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Books:
    """What each party wrote down, as their HTTP answers have it; `parked` are bodies in dead-letter queues by queue,
    `waiting` messages by queue, `unsent` events by service, `promised` how many orders a visitor was told of."""

    users: Iterable[Entry]
    customers: Iterable[Entry]
    orders: Iterable[Entry]
    charges: Iterable[Entry]
    mails: Iterable[Entry]
    parked: Mapping[str, list[bytes]] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    unsent: Mapping[str, int] = field(default_factory=dict)
    promised: int = 0
    poisoned: int = 0
    sagas: Iterable[Entry] | None = None
    """What the orchestrator wrote down, where there is one."""


def broken(books: Books) -> list[str]:
    """One sentence for each promise that does not hold."""
    return [*_orders(books), *_sagas(books), *_users(books), *_messages(books)]


def _orders(books: Books) -> Iterable[str]:
    orders = {order["id"]: order for order in books.orders}
    if len(orders) < books.promised:
        yield f"visitors were told of {books.promised} orders, there are {len(orders)}"
    charges = _by_order(books.charges)
    mails = _by_order(books.mails)
    for ident in sorted((charges.keys() | mails.keys()) - orders.keys()):
        yield f"charge or mail for an order {ident} that there is not"
    for ident, order in orders.items():
        status = order["status"]
        taken = [charge for charge in charges.get(ident, []) if charge["status"] == "approved"]
        sent = [mail["template"] for mail in mails.get(ident, [])]
        if status == "pending":
            yield f"order {ident} hangs: still pending"
            continue
        if len(charges.get(ident, [])) > 1:
            yield f"order {ident} was charged {len(charges[ident])} times"
        if status == "confirmed" and [charge["amount"] for charge in taken] != [order["amount"]]:
            yield f"order {ident} is confirmed, but charged {[charge['amount'] for charge in taken]}"
        if status == "cancelled" and taken:
            yield f"order {ident} is cancelled, but the money was not given back"
        if sent != [f"order_{status}"]:
            yield f"order {ident} is {status}, but the mails are {sent}"


def _sagas(books: Books) -> Iterable[str]:
    if books.sagas is None:
        return
    orders = {order["id"]: order["status"] for order in books.orders}
    sagas = {saga["order_id"]: saga for saga in books.sagas}
    for ident in orders.keys() ^ sagas.keys():
        yield f"of order {ident} there is only the {'saga' if ident in sagas else 'order'}"
    for ident, saga in sagas.items():
        wanted = "completed" if orders.get(ident) == "confirmed" else "compensated"
        if saga["step"] != "ended":
            yield f"the saga of order {ident} has not ended: {saga['step']}"
        elif ident in orders and saga["state"] != wanted:
            yield f"order {ident} is {orders[ident]}, but its saga is {saga['state']}"


def _users(books: Books) -> Iterable[str]:
    known = {customer["id"] for customer in books.customers}
    for user in books.users:
        if user["id"] not in known:
            yield f"user {user['id']} is unknown to orders"


def _messages(books: Books) -> Iterable[str]:
    for service, count in books.unsent.items():
        if count:
            yield f"{service} has {count} events to announce"
    for queue, count in books.waiting.items():
        if count:
            yield f"{count} messages wait in {queue}"
    parked = [(queue, body) for queue, bodies in books.parked.items() for body in bodies]
    for queue, body in parked:
        with suppress(Unreadable):
            yield f"a good message is parked in {queue}: {parse(body).type}"
    # Fewer may be parked than poisoned: one that was not acknowledged is delivered again, and is clean then.
    if parked and not books.poisoned:
        yield f"nothing was poisoned, but {len(parked)} messages are parked"


def _by_order(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry["order_id"], []).append(entry)
    return found
