"""What Saturday measures of a stretch of its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from lab.journal.budget import budget
from lab.journal.event import Flow, Log
from lab.journal.invariants import invariants
from lab.journal.window import Window, quantile
from lab.locale import tr

LONG_AGO = 3.0
"""Seconds within which an order that somebody pays is paid, and its mail sent, where nothing is in the way."""
SLOW = 40.0
"""Milliseconds that a read of the database takes at least."""
USER = "GET /users/*"


def requests(seen: Window) -> float:
    """Requests of visitors."""
    return len(_visitors(seen))


def failed(seen: Window) -> float:
    """Visitors' requests without an answer, or with a 5xx."""
    return len(_failed(_visitors(seen)))


def failed_users(seen: Window) -> float:
    """Those of them that asked for users."""
    return len(_failed(_about(seen, "client->gateway", "users")))


def failed_others(seen: Window) -> float:
    return failed(seen) - failed_users(seen)


def registered(seen: Window) -> float:
    """Users who were told 201."""
    return _told_201(seen, "POST /users")


def ordered(seen: Window) -> float:
    """Orders that were told 201."""
    return _told_201(seen, "POST /orders")


def lost(seen: Window) -> float:
    """Times that a registered user or a placed order was unknown to who answered: nobody removes any, so each is one
    too many."""
    unknown = sum(
        flow.status == "404" for part in ("users", "orders") for flow in _about(seen, "client->gateway", part)
    )
    return unknown + sum(flow.status == "422" for flow in seen.flows("client->gateway", "POST /orders"))


def doubled(seen: Window) -> float:
    """Orders that were paid twice, or whose customer got two mails."""
    paid = Counter(str(line.data.get("id")) for line in _states(seen, "order", "paid"))
    sent = Counter(line.data["id"] for line in _mails(seen))
    return sum(count > 1 for count in (*paid.values(), *sent.values()))


def unpaid(seen: Window) -> float:
    """Payments that were asked for a while ago, and of which nobody has decided anything."""
    decided = {line.correlation for line in _states(seen, "payment", "approved", "declined")}
    asked = {line.correlation for line in seen.logs("paying", "orders") if line.t < seen.until - LONG_AGO}
    return len(asked - decided)


def by_legacy(seen: Window) -> float:
    """Requests about users that the gateway passed on to the monolith."""
    return len(_about(seen, "gateway->legacy", "users"))


def by_new(seen: Window) -> float:
    """Requests about users that the gateway passed on to the new service."""
    return len(_about(seen, "gateway->users", "users"))


def orders_by_legacy(seen: Window) -> float:
    """Requests about orders that the gateway passed on to the monolith."""
    return len(_about(seen, "gateway->legacy", "orders"))


def orders_by_new(seen: Window) -> float:
    """Requests about orders that the gateway passed on to the new service."""
    return len(_about(seen, "gateway->orders", "orders"))


def instead(seen: Window) -> float:
    """Requests that the monolith answered because the new service was not there."""
    return sum(line.data.get("instead") is True for line in seen.logs("routed", "gateway"))


def compared(seen: Window) -> float:
    """Answers of the monolith that were held against those of a new service."""
    return len(seen.logs("shadow", "gateway"))


def different(seen: Window) -> float:
    """Those that were not the same."""
    return sum(not line.data["same"] for line in seen.logs("shadow", "gateway"))


def copied(seen: Window) -> float:
    """Users and orders that a new service found missing, other or gone when it looked through the monolith's."""
    return sum(int(line.data["mended"]) for line in seen.logs("sweep"))


def noticed(seen: Window) -> str:
    """Whether a visitor saw an error, or missed somebody or something: `yes` or `no`."""
    return "yes" if failed(seen) or lost(seen) else "no"


def harmed(seen: Window) -> str:
    """Whose requests fail: `nobody`, those about `users`, or `all`."""
    if failed_others(seen) > failed_users(seen) / 2:
        return "all"
    return "users" if failed_users(seen) else "nobody"


def readers(seen: Window) -> str:
    """What those got who looked at a user: all `answers`, or some `errors`."""
    return "errors" if _failed(seen.flows("client->gateway", USER)) else "answers"


def order(seen: Window) -> str:
    """The beginning of the id of the first order that was placed and paid in one go."""
    first = _checkouts(seen)[:1]
    return str(first[0].data["id"])[:8] if first else "-"


def answer_ms(seen: Window) -> float:
    """Milliseconds after which that customer had the answer."""
    return sum(flow.ms or 0.0 for flow in _bought(seen))


def paid_ms(seen: Window) -> float:
    """Milliseconds after which the order was paid."""
    return _after(seen, _states(seen, "order", "paid"))


def mailed_ms(seen: Window) -> float:
    """Milliseconds after which the mail about it was out."""
    return _after(seen, _mails(seen))


def done_first(seen: Window) -> str:
    """Whether all was done when the customer had the answer, the mail, too: `yes` or `no`."""
    return "yes" if 0 < mailed_ms(seen) <= answer_ms(seen) else "no"


def hands(seen: Window) -> float:
    """Services, stubs and engines that had a part in that order."""
    about = {flow.correlation for flow in _bought(seen)}
    ends = {end for flow in seen.flows() if flow.correlation in about for end in (flow.source, flow.target)}
    return len(ends - {"client"})


def checkouts(seen: Window) -> float:
    """Orders that were placed and paid in one go."""
    return len(_checkouts(seen))


def confirmed(seen: Window) -> float:
    """Those of them that are paid, and of which notifications has told the customer."""
    mailed = {line.data["id"] for line in _mails(seen)}
    return sum(line.data["id"] in mailed for line in _checkouts(seen))


def slowest(seen: Window) -> float:
    """Seconds from placing such an order to the mail about it, at most."""
    mailed = {line.data["id"]: line.t for line in _mails(seen)}
    return max(
        (mailed[line.data["id"]] - line.t for line in _checkouts(seen) if line.data["id"] in mailed), default=0.0
    )


def fans(seen: Window) -> float:
    """Visitors who wanted to see the one user whom most wanted to see."""
    return len(_fans(seen))


def p50(seen: Window) -> float:
    """Milliseconds that half of them waited at most."""
    return quantile((flow.ms for flow in _fans(seen)), 0.5)


def pages(seen: Window) -> str:
    """What visitors saw of the loss of a cache: some requests `failed`, the page came `slower` than from a cache, or
    the `same` as ever."""
    if failed(seen):
        return "failed"
    return "slower" if p50(seen) > SLOW else "same"


def database_reads(seen: Window) -> float:
    """Users that were read from the database."""
    return len(seen.logs("database-read", "users"))


def star_reads(seen: Window) -> float:
    """How often the database was read for the one user for whom it was read most."""
    wanted = Counter(line.data["id"] for line in seen.logs("database-read", "users"))
    return max(wanted.values(), default=0)


def faults(seen: Window) -> float:
    """Faults that there were."""
    return len(budget(seen.events).faults)


def noticed_faults(seen: Window) -> float:
    """Those of them that visitors noticed: a request failed meanwhile, or took too long."""
    return sum(spent.bad > 0 for spent in budget(seen.events).faults)


def bad(seen: Window) -> float:
    """Visitors' requests that failed or took too long."""
    return budget(seen.events).bad


def spent(seen: Window) -> float:
    """Percent of the error budget that is spent."""
    found = budget(seen.events)
    return round(found.percent(found.bad))


def overspent(seen: Window) -> str:
    """Whether more of the error budget is spent than there is: `yes` or `no`."""
    return "yes" if spent(seen) > 100 else "no"


def costliest(seen: Window) -> str:
    """The fault that visitors had most of: by failures first, for what is slow may be the machine."""
    worst = max(budget(seen.events).faults, key=lambda one: (one.failed, one.slow), default=None)
    return worst.text if worst and worst.bad else "-"


def broken(seen: Window) -> float:
    """Invariants that were broken."""
    return sum(not verdict.holds for verdict in invariants(seen.events).verdicts())


def broke(seen: Window) -> str:
    """Which invariants those are."""
    return ", ".join(tr(verdict.name) for verdict in invariants(seen.events).verdicts() if not verdict.holds) or "-"


def owed(seen: Window) -> float:
    """Payments and mails that are still to come."""
    return sum(verdict.owed for verdict in invariants(seen.events).verdicts())


def _visitors(seen: Window) -> Sequence[Flow]:
    """What visitors asked for; who switches a route is none."""
    return [flow for flow in seen.flows("client->gateway") if " /routes" not in flow.op]


def _about(seen: Window, link: str, part: str) -> Sequence[Flow]:
    """Requests about a part; that a copy is to be renewed is none."""
    return [flow for path in (f"/{part}", f"/{part}/*") for flow in seen.flows(link, f"* {path}")]


def _failed(flows: Iterable[Flow]) -> Sequence[Flow]:
    return [flow for flow in flows if flow.outcome != "ok" or flow.status.startswith("5")]


def _told_201(seen: Window, op: str) -> int:
    return sum(flow.status == "201" for flow in seen.flows("client->gateway", op))


def _states(seen: Window, entity: str, *states: str) -> Sequence[Log]:
    return [
        line for line in seen.logs("state") if line.data.get("entity") == entity and line.data.get("state") in states
    ]


def _mails(seen: Window) -> Sequence[Log]:
    return [line for line in seen.logs("mail", "notifications") if line.data["template"] != "welcome"]


def _fans(seen: Window) -> Sequence[Flow]:
    looked = seen.flows("client->gateway", USER)
    wanted = Counter(flow.op for flow in looked).most_common(1)
    return [flow for flow in looked if wanted and flow.op == wanted[0][0]]


def _checkouts(seen: Window) -> Sequence[Log]:
    """Orders that were to be paid at once."""
    return [line for line in seen.logs("paying", "orders") if line.data.get("at_once")]


def _bought(seen: Window) -> Sequence[Flow]:
    """The request of the first of these, as its customer sent it."""
    about = {line.correlation for line in _checkouts(seen)[:1]}
    return [flow for flow in seen.flows("client->gateway", "POST /orders") if flow.correlation in about]


def _after(seen: Window, lines: Iterable[Log]) -> float:
    """Milliseconds from the first checkout's request to that of these lines which is about its order."""
    ids = {line.data["id"] for line in _checkouts(seen)[:1]}
    began = [flow.t - (flow.ms or 0.0) / 1000 for flow in _bought(seen)]
    return next((1000 * (line.t - began[0]) for line in lines if began and line.data["id"] in ids), 0.0)
