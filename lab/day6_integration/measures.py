"""What Saturday measures of a stretch of its runs."""

from __future__ import annotations

from collections.abc import Sequence

from lab.journal.event import Flow
from lab.journal.window import Window

USERS = ("/users", "/users/*")


def requests(seen: Window) -> float:
    """Requests of visitors."""
    return len(_visitors(seen))


def failed(seen: Window) -> float:
    """Visitors' requests without an answer, or with a 5xx."""
    return len(_failed(_visitors(seen)))


def failed_users(seen: Window) -> float:
    """Those of them that asked for users."""
    return len(_failed(_about_users(seen, "client->gateway")))


def failed_others(seen: Window) -> float:
    return failed(seen) - failed_users(seen)


def registered(seen: Window) -> float:
    """Users who were told 201."""
    return sum(flow.status == "201" for flow in seen.flows("client->gateway", "POST /users"))


def lost(seen: Window) -> float:
    """Times that a registered user was unknown to who answered: nobody is removed, so each is one too many."""
    unknown = seen.flows("client->gateway", "GET /users/*"), seen.flows("client->gateway", "PATCH /users/*")
    refused = seen.flows("client->gateway", "POST /orders")
    return sum(flow.status == "404" for flows in unknown for flow in flows) + sum(
        flow.status == "422" for flow in refused
    )


def by_legacy(seen: Window) -> float:
    """Requests about users that the gateway passed on to the monolith."""
    return len(_about_users(seen, "gateway->legacy"))


def by_new(seen: Window) -> float:
    """Requests about users that the gateway passed on to the new service."""
    return len(_about_users(seen, "gateway->users"))


def orders_by_legacy(seen: Window) -> float:
    """Requests about orders that the monolith answered."""
    return len(seen.flows("gateway->legacy", "* /orders*"))


def compared(seen: Window) -> float:
    """Answers of the monolith that were held against those of the new service."""
    return len(seen.logs("shadow", "gateway"))


def different(seen: Window) -> float:
    """Those that were not the same."""
    return sum(not line.data["same"] for line in seen.logs("shadow", "gateway"))


def copied(seen: Window) -> float:
    """Users that the new service found missing, other or gone when it looked through the monolith's."""
    return sum(int(line.data["mended"]) for line in seen.logs("sweep", "users"))


def share_new(seen: Window) -> float:
    """Percent of what was asked about users that the new service answered."""
    new, legacy = by_new(seen), by_legacy(seen)
    return 100 * new / (new + legacy) if new + legacy else 0.0


def noticed(seen: Window) -> str:
    """Whether a visitor saw an error, or missed somebody: `yes` or `no`."""
    return "yes" if failed(seen) or lost(seen) else "no"


def harmed(seen: Window) -> str:
    """Whose requests fail: `nobody`, those about `users`, or `all`."""
    if failed_others(seen) > failed_users(seen) / 2:
        return "all"
    return "users" if failed_users(seen) else "nobody"


def _visitors(seen: Window) -> Sequence[Flow]:
    """What visitors asked for; who switches a route is none."""
    return [flow for flow in seen.flows("client->gateway") if " /routes" not in flow.op]


def _about_users(seen: Window, link: str) -> Sequence[Flow]:
    return [flow for path in USERS for flow in seen.flows(link, f"* {path}")]


def _failed(flows: Sequence[Flow]) -> Sequence[Flow]:
    return [flow for flow in flows if flow.outcome != "ok" or flow.status.startswith("5")]
