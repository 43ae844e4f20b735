"""What Monday measures of a stretch of its runs. Where both shapes run, each measure is there for either alone, too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from lab.journal.event import Flow, Process
from lab.journal.window import Window, quantile
from lab.system.inside import FACE, inside

DOWN = ("stopping", "backoff", "stopped")


def requests(seen: Window) -> float:
    """Requests of visitors."""
    return len(seen.flows("client->*"))


def failed(seen: Window) -> float:
    """Visitors' requests without an answer, or with a 5xx."""
    return sum(flow.outcome != "ok" or flow.status.startswith("5") for flow in seen.flows("client->*"))


def p50(seen: Window) -> float:
    """Milliseconds that half of the requests took at most, the report left out."""
    return quantile((flow.ms for flow in _others(seen)), 0.5)


def p99(seen: Window) -> float:
    """Milliseconds that 99 of 100 requests took at most, the report left out."""
    return quantile((flow.ms for flow in _others(seen)), 0.99)


def slower(seen: Window) -> float:
    """How many times as long as otherwise half of the requests took while a report was made, the report left out."""
    spans = [(flow.t - (flow.ms or 0.0) / 1000, flow.t) for flow in seen.flows("client->*", "GET /report")]
    during, quiet = list[float](), list[float]()
    for flow in _others(seen):
        within = any(began <= flow.t <= ended for began, ended in spans)
        (during if within else quiet).append(flow.ms or 0.0)
    usual = quantile(quiet, 0.5)
    return quantile(during, 0.5) / usual if usual else 0.0


def report(seen: Window) -> float:
    """Seconds that the slowest report took."""
    return max((flow.ms or 0.0 for flow in seen.flows("client->*", "GET /report")), default=0.0) / 1000


def gap(seen: Window) -> float:
    """Seconds from a stop of the shop until it was ready again, at most."""
    longest, since = 0.0, dict[str, float]()
    for event in seen.events:
        if isinstance(event, Process) and event.source != "mail":
            if event.state in DOWN:
                since.setdefault(event.source, event.t)
            elif event.state == "ready" and event.source in since:
                longest = max(longest, event.t - since.pop(event.source))
    return longest


def registered(seen: Window) -> float:
    """Users who were told 201."""
    return len(_registered(seen))


def unmailed(seen: Window) -> float:
    """Users who were told 201, and whose welcome mail the mail server never got."""
    mailed = {flow.correlation for flow in seen.flows("*->mail", "POST /notify*") if flow.status == "202"}
    return len(_registered(seen) - mailed)


def paid(seen: Window) -> float:
    """Payments that were told 200."""
    return len(seen.logs("payment"))


def lost_debits(seen: Window) -> float:
    """Debits that left no trace in a wallet: so many payments went through for which nobody paid."""
    wallets: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in seen.logs("payment"):
        wallets[str(line.data.get("user"))].append((int(line.data["amount"]), int(line.data["balance"])))
    return sum(map(_lost, wallets.values()))


def calls_per_payment(seen: Window) -> float:
    """Calls over the network that belong to a payment."""
    paid = [flow.correlation for flow in seen.flows("client->*", "POST /orders/*/pay")]
    calls = {flow.correlation for flow in seen.flows("*->mail")}
    return sum(correlation in calls for correlation in paid)


def radius(seen: Window) -> str:
    """What became of the others while a report was made: `untouched`, `slower` or `failing`."""
    if failed(seen) > requests(seen) / 2:
        return "failing"
    return "slower" if slower(seen) >= 1.5 else "untouched"


def noticed(seen: Window) -> str:
    """Whether a visitor saw an error: `yes` or `no`."""
    return "yes" if failed(seen) else "no"


def mail(seen: Window) -> str:
    """Whether each new user's mail was sent in the end, or `lost`."""
    return "lost" if unmailed(seen) else "sent"


def p50_monolith(seen: Window) -> float:
    return p50(_of(seen, "monolith"))


def p50_modular(seen: Window) -> float:
    return p50(_of(seen, "modular"))


def slower_monolith(seen: Window) -> float:
    return slower(_of(seen, "monolith"))


def slower_modular(seen: Window) -> float:
    return slower(_of(seen, "modular"))


def faster(seen: Window) -> str:
    """Which shape answers in less than two thirds of the other's time, or `same`."""
    one, other = p50_monolith(seen), p50_modular(seen)
    if one * 1.5 < other:
        return "monolith"
    return "modular" if other * 1.5 < one else "same"


def entangled_monolith(_: Window) -> float:
    """Functions that see the tables of users and those of orders."""
    return inside(f"{__package__}.monolith").entangled


def walls_modular(_: Window) -> str:
    """Which module imports which, and whether only its face."""
    found = inside(f"{__package__}.modular").imports
    return ", ".join(f"{one}→{other}{'' if how == FACE else ' (!)'}" for (one, other), how in found.items())


def gap_monolith(seen: Window) -> float:
    return gap(_of(seen, "monolith"))


def gap_modular(seen: Window) -> float:
    return gap(_of(seen, "modular"))


def _of(seen: Window, shop: str) -> Window:
    """The window with the requests of one shop only."""
    return replace(seen, events=tuple(event for event in seen.events if shop in (event.source, event.target)))


def _others(seen: Window) -> list[Flow]:
    return [flow for flow in seen.flows("client->*") if flow.op != "GET /report"]


def _registered(seen: Window) -> set[str]:
    return {flow.correlation for flow in seen.flows("client->*", "POST /users") if flow.status == "201"}


def _lost(payments: Sequence[tuple[int, int]]) -> int:
    """Of (amount, balance after) of one wallet: how many debits are missing from its lowest balance."""
    began = max(balance + amount for amount, balance in payments)
    should = began - sum(amount for amount, _ in payments)
    missing = min(balance for _, balance in payments) - should
    each = min(amount for amount, _ in payments)
    return round(missing / each) if missing > 0 else 0
