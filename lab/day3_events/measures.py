"""What Wednesday measures of a stretch of its runs."""

from __future__ import annotations

from collections import Counter
from typing import TypeGuard

from lab.journal.event import EngineState, FaultChange, Flow, Process
from lab.journal.window import Window, quantile

NOBODY = "-"
GONE = ("backoff", "stopping", "stopped", "failed")
SESSION = 6.0
"""Seconds after which Kafka gives up a silent consumer, as the services ask for it."""
MONEY = ("charging", "approved", "refund_due")
"""What a cancelling finds where money was, or may have been, taken."""


def failed(seen: Window) -> float:
    """Visitors who got no answer or a 5xx."""
    return sum(flow.outcome != "ok" or flow.status.startswith("5") for flow in seen.flows("client->*"))


def orders(seen: Window) -> float:
    """Orders that were taken."""
    return len(_states(seen, "pending"))


def late(seen: Window) -> float:
    """Orders that took more than two seconds to their end."""
    return sum(took > 2 for took in _took(seen).values())


def slowest(seen: Window) -> float:
    """Seconds from an order's 201 to its end, at most."""
    return max(_took(seen).values(), default=0.0)


def charges(seen: Window) -> float:
    """Requests for a charge that the provider got."""
    return len(seen.flows("payments->provider", "POST /charges*"))


def most_charges(seen: Window) -> float:
    """Requests for a charge that the provider got for one order, at most."""
    asked = Counter(flow.correlation for flow in seen.flows("payments->provider", "POST /charges*"))
    return max(asked.values(), default=0)


def charged_twice(seen: Window) -> float:
    """Orders that were paid more than once."""
    paid = Counter(line.correlation for line in seen.logs("payment", "payments*") if "approved" in line.message)
    return sum(count > 1 for count in paid.values())


def mailed_twice(seen: Window) -> float:
    """Orders whose customer got more than one mail."""
    sent = Counter(line.correlation for line in seen.logs("mail", "notifications*"))
    return sum(count > 1 for count in sent.values())


def doubled(seen: Window) -> float:
    """Orders that were paid more than once, or told of to their customer more than once."""
    return charged_twice(seen) + mailed_twice(seen)


def cancelled(seen: Window) -> float:
    """Orders that were cancelled."""
    return len(_states(seen, "cancelled"))


def pending(seen: Window) -> float:
    """Orders older than two seconds that have come to no end."""
    ended = _states(seen, "confirmed", "cancelled")
    return sum(order not in ended and t < seen.until - 2 for order, t in _states(seen, "pending").items())


def fate(seen: Window) -> str:
    """What became of most orders that did not end at once: `late`, `cancelled` (within the limit) or `lost`."""
    if pending(seen) > late(seen):
        return "lost"
    refused = {flow.correlation for flow in seen.flows("payments->provider", "POST /charges*") if flow.status == "402"}
    wronged = _states(seen, "cancelled").keys() - refused
    return "cancelled" if len(wronged) > late(seen) else "late"


def messages_per_order(seen: Window) -> float:
    """Messages that were published for an order that came to its end: the middle one of all orders."""
    sent = Counter(flow.correlation for flow in seen.flows("*->broker", role="message"))
    return quantile((sent[order] for order in _took(seen)), 0.5)


def path(seen: Window) -> str:
    """The messages of most orders that came to their end, in the order in which they were published."""
    sent: dict[str, dict[str, None]] = {}
    for flow in seen.flows("*->broker", role="message"):
        sent.setdefault(flow.correlation, {}).setdefault(flow.routing_key)
    ways = Counter(", ".join(sent[order]) for order in _took(seen) if order in sent)
    return max(ways, key=lambda way: ways[way], default=NOBODY)


def deaths(seen: Window) -> float:
    """How often the orchestrator was killed."""
    return len(_deaths(seen))


def under_way(seen: Window) -> float:
    """Sagas that were between two steps when the orchestrator was killed."""
    return sum(_interrupted(seen).values())


def between(seen: Window) -> str:
    """The same by what they waited for: `4 charging, 1 notifying`."""
    return ", ".join(f"{count} {step}" for step, count in _interrupted(seen).most_common()) or NOBODY


def unfinished(seen: Window) -> float:
    """Sagas older than two seconds that have not ended."""
    since: dict[str, tuple[str, float]] = {}
    for line in seen.logs("saga"):
        since[str(line.data["id"])] = str(line.data["step"]), line.t
    return sum(step != "ended" and t < seen.until - 2 for step, t in since.values())


def orphaned(seen: Window) -> float:
    """Seconds from the end of an instance of payments until the group shared its partitions out anew."""
    ended = [event.t for event in seen.events if _payments(event) and event.state in GONE]
    if not ended:
        return 0.0
    given = [flow.t for flow in seen.flows("payments->broker", "assign payments/shop.events/*") if flow.t > ended[0]]
    return (given[0] if given else seen.until) - ended[0]


def handover(seen: Window) -> str:
    """Whether a new owner was found in less than a session timeout: `shorter` or `longer`."""
    return "shorter" if orphaned(seen) < SESSION else "longer"


def owners(seen: Window) -> str:
    """Who has which partitions of the events at last: `payments-1: 0 2, payments-2: 1 3`."""
    last: dict[str, str] = {}
    for event in seen.events:
        if _payments(event) and event.state in GONE:
            last.pop(event.source, None)
        elif isinstance(event, Flow) and event.op == "sync payments":
            last[event.source] = event.detail
    told = []
    for name, detail in sorted(last.items()):
        mine = [part.partition("/")[2] for part in detail.split(", ") if part.startswith("shop.events/")]
        told.append(f"{name}: {' '.join(mine) or NOBODY}")
    return ", ".join(told) or NOBODY


def redelivered(seen: Window) -> float:
    """Records that payments was given again."""
    return sum(flow.redelivered for flow in seen.flows("payments->broker", role="delivery"))


def most_lag(seen: Window) -> float:
    """Records that payments had not dealt with, at most."""
    return max((_lag(event) for event in seen.events if isinstance(event, EngineState)), default=0)


def changed(seen: Window) -> float:
    """Orders that their customers cancelled."""
    return sum(flow.status == "200" for flow in seen.flows("client->orders", "POST /orders/*/cancel"))


def overtaken(seen: Window) -> float:
    """Cancellings that payments dealt with before the charge that they cancel was decided."""
    return sum(line.data["found"] in ("void", "charging") for line in seen.logs("cancelling", "payments*"))


def kept(seen: Window) -> float:
    """Cancelled orders whose money was, or may have been, taken and not given back."""
    due = {line.data["id"] for line in seen.logs("cancelling", "payments*") if line.data["found"] in MONEY}
    back = {line.data["id"] for line in seen.logs("payment", "payments*") if line.message.endswith("refunded")}
    return len(due - back)


def _deaths(seen: Window) -> list[float]:
    return [
        event.t
        for event in seen.events
        if isinstance(event, FaultChange)
        and (event.fault, event.change, event.target) == ("kill", "hit", "orchestrator")
    ]


def _interrupted(seen: Window) -> Counter[str]:
    """At each death: how many sagas were in which step."""
    found: Counter[str] = Counter()
    steps: dict[str, str] = {}
    deaths = _deaths(seen)
    for line in seen.logs("saga"):
        while deaths and deaths[0] < line.t:
            found.update(step for step in steps.values() if step != "ended")
            deaths.pop(0)
        steps[str(line.data["id"])] = str(line.data["step"])
    return found


def _payments(event: object) -> TypeGuard[Process]:
    return isinstance(event, Process) and event.source.startswith("payments")


def _lag(state: EngineState) -> int:
    return sum(queue.ready for name, queue in state.queues.items() if name.startswith("payments/shop.events/"))


def _states(seen: Window, *states: str) -> dict[str, float]:
    """When an order came into one of these states, by its correlation id."""
    found: dict[str, float] = {}
    for line in seen.logs("state", "orders*"):
        if line.data.get("state") in states:
            found.setdefault(line.correlation, line.t)
    return found


def _took(seen: Window) -> dict[str, float]:
    """Seconds that orders took which came to their end."""
    began = _states(seen, "pending")
    return {
        order: ended - began[order]
        for order, ended in _states(seen, "confirmed", "cancelled").items()
        if order in began
    }
