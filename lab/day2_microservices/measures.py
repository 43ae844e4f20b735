"""What Tuesday measures of a stretch of its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lab.journal.event import Flow, Log
from lab.journal.window import Window, quantile
from lab.system.links import ends

SERVICES = ("gateway", "orders", "users")
QUESTION = "orders->broker"
"""The link that carries questions to users where they go through the broker."""
SLOW = 500.0
"""Milliseconds from which a service looks slow to those who ask it."""


def requests(seen: Window) -> float:
    """Requests of visitors."""
    return len(seen.flows("client->*"))


def failed(seen: Window) -> float:
    """Visitors' requests without an answer, or with a 5xx."""
    return len(_failed(seen.flows("client->*")))


def unreadable(seen: Window) -> float:
    """Visitors' requests with a 502: an answer of a neighbour was not what was agreed."""
    return sum(flow.status == "502" for flow in seen.flows("client->*"))


def slowest(seen: Window) -> float:
    """Seconds that a visitor waited for an answer, at most."""
    return max((flow.ms or 0.0 for flow in seen.flows("client->*")), default=0.0) / 1000


def p99(seen: Window) -> float:
    """Milliseconds that 99 of 100 requests took at most."""
    return quantile((flow.ms for flow in seen.flows("client->*")), 0.99)


def calls_per_order(seen: Window) -> float:
    """Questions over the network, by whatever transport, that placing an order takes: the middle one of all orders."""
    inside = Counter(
        flow.correlation
        for flow in seen.flows()
        if (flow.role == "call" and set(ends(flow.link)) <= set(SERVICES))
        or (flow.role == "message" and flow.link == QUESTION)
    )
    return quantile((inside[flow.correlation] for flow in _placed(seen)), 0.5)


def order_ms(seen: Window) -> float:
    """Milliseconds that half of the orders took at most."""
    return quantile((flow.ms for flow in _placed(seen)), 0.5)


def looks(seen: Window) -> str:
    """Who gives no answer to most who ask, and so looks dead: `nobody`, `users`, or `all` (gateway or orders, too)."""
    dead = [name for name in SERVICES if _silent(seen, name) > 0.5]
    return "all" if set(dead) - {"users"} else "users" if dead else "nobody"


def slow_orders(seen: Window) -> float:
    """Percent of the calls to orders that were answered, but late."""
    return _slow(seen, "orders")


def slow_gateway(seen: Window) -> float:
    return _slow(seen, "gateway")


def silent_users(seen: Window) -> float:
    """Percent of the calls to users that got no answer."""
    return 100 * _silent(seen, "users")


def reads(seen: Window) -> float:
    """Requests of visitors that look at an order."""
    return len(_reads(seen))


def failed_reads(seen: Window) -> float:
    return len(_failed(_reads(seen)))


def refused(seen: Window) -> float:
    """Orders that were refused with a 503."""
    return sum(flow.status == "503" for flow in seen.flows("client->*", "POST /orders"))


def pages(seen: Window) -> float:
    """Pages of a user that visitors asked for."""
    return len(seen.flows("client->*", "GET /pages/users/*"))


def failed_pages(seen: Window) -> float:
    return len(_failed(seen.flows("client->*", "GET /pages/*")))


def degraded(seen: Window) -> float:
    """Pages that were shown without one of their parts."""
    return len(seen.logs("degraded", "gateway*"))


def harmed(seen: Window) -> str:
    """What fails: `nothing`, only what `needs` users, or `all`."""
    if _share(_failed(_reads(seen)), _reads(seen)) > 0.1:
        return "all"
    return "needs" if refused(seen) else "nothing"


def up_users(seen: Window) -> float:
    """Percent of what orders asked users that was answered."""
    return 100 * _heard(seen)


def up_orders(seen: Window) -> float:
    """Percent of the orders that could be placed."""
    return 100 * _up(seen.flows("client->*", "POST /orders"))


def product(seen: Window) -> float:
    """Percent of the orders that could be placed if each service failed by itself: the product of what orders does
    without users, and of users as orders sees it."""
    return 100 * _up(_reads(seen)) * _heard(seen)


def calls_per_page(seen: Window) -> float:
    """Calls that the gateway makes for a page of orders: the middle one of all pages."""
    calls = Counter(flow.correlation for flow in seen.flows("gateway->*"))
    return quantile((calls[page.correlation] for page in _overviews(seen)), 0.5)


def page_ms(seen: Window) -> float:
    """Milliseconds that half of the pages of orders took at most."""
    return quantile((page.ms for page in _overviews(seen)), 0.5)


def noticed(seen: Window) -> str:
    """Whether a visitor saw an error: `yes` or `no`."""
    return "yes" if failed(seen) else "no"


def by_version_1(seen: Window) -> float:
    """Answers of instances of users that ran version 1."""
    return _answers(seen)["1"]


def by_version_2(seen: Window) -> float:
    return _answers(seen)["2"]


def breaks(seen: Window) -> str:
    """Whom a new version of users breaks: `nobody`, those that show `pages`, or `both` (orders, too)."""
    orders = _up(seen.flows("client->*", "POST /orders")) < 0.9
    broken = unreadable(seen) > 0
    return "both" if orders and broken else "orders" if orders else "pages" if broken else "nobody"


def _answers(seen: Window) -> Counter[str]:
    """How many answers users gave, by the version of the instance that gave them. Who has not told otherwise yet, by a
    start within this stretch, runs version 1."""
    version, found = dict[str, str](), Counter[str]()
    for event in seen.events:
        if isinstance(event, Flow):
            if ends(event.link)[1] == "users" and event.outcome != "lost":
                found[version.get(event.target, "1")] += 1
            elif event.link == "users->broker" and event.role == "message":
                found[version.get(event.source, "1")] += 1
        elif isinstance(event, Log) and event.event == "version":
            version[event.source] = str(event.data["version"])
    return found


def _overviews(seen: Window) -> Sequence[Flow]:
    return [flow for flow in seen.flows("client->*", "GET /pages/orders") if flow.status == "200"]


def _placed(seen: Window) -> Sequence[Flow]:
    return [flow for flow in seen.flows("client->*", "POST /orders") if flow.status == "201"]


def _reads(seen: Window) -> Sequence[Flow]:
    return seen.flows("client->*", "GET /orders/*")


def _failed(flows: Sequence[Flow]) -> Sequence[Flow]:
    return [flow for flow in flows if flow.outcome != "ok" or flow.status.startswith("5")]


def _heard(seen: Window) -> float:
    """The share of what orders asked users, to place an order or to fill a wallet, that was answered."""
    asked = [*seen.flows("gateway->orders", "POST /orders"), *seen.flows("gateway->orders", "POST /wallets/*")]
    return 1 - len(seen.logs("unanswered", "orders*")) / len(asked) if asked else 1.0


def _up(flows: Sequence[Flow]) -> float:
    return 1 - _share(_failed(flows), flows)


def _calls(seen: Window, service: str) -> Sequence[Flow]:
    """What the service was asked for directly, on any of its endpoints."""
    return [flow for flow in seen.flows() if flow.role == "call" and ends(flow.link)[1] == service]


def _silent(seen: Window, service: str) -> float:
    """The share of what the service was asked that got no answer, questions through the broker among it."""
    calls = _calls(seen, service)
    lost = sum(flow.outcome == "lost" for flow in calls)
    if service == "users" and (questions := seen.flows(QUESTION, role="message")):
        return (lost + len(seen.logs("unanswered", "orders*"))) / (len(calls) + len(questions))
    return lost / len(calls) if calls else 0.0


def _slow(seen: Window, service: str) -> float:
    calls = _calls(seen, service)
    return 100 * _share([flow for flow in calls if flow.outcome != "lost" and (flow.ms or 0.0) >= SLOW], calls)


def _share(some: Sequence[Flow], of: Sequence[Flow]) -> float:
    return len(some) / len(of) if of else 0.0
