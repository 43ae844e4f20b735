"""What Wednesday measures of a stretch of its runs."""

from __future__ import annotations

from collections import Counter

from lab.journal.window import Window, quantile


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
