"""Thursday's other system: the same users in two regions, and the line between them, which can be cut."""

from __future__ import annotations

from lab.locale import mark
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System

PRIMARY, OTHER = "tashkent", "samarkand"
RESIDENTS = {PRIMARY: range(1, 11), OTHER: range(11, 21)}
"""Users are written where they live, so that two regions seldom write the same one. Travellers are the exception."""
SUMMARIES = {
    PRIMARY: mark("users of the first region; where one has to have the say, it is this one"),
    OTHER: mark("the same users in the other region"),
}


def regions(prefer: str) -> System:
    return System(
        name="day4",
        services=tuple(
            Service(
                name=region,
                module="lab.day4_cache.users",
                env={"PREFER": prefer, "PRIMARY": PRIMARY, "PEER": peer},
                summary=SUMMARIES[region],
            )
            for region, peer in ((PRIMARY, OTHER), (OTHER, PRIMARY))
        ),
        engines=(Engine(name="db", kind="sql", summary=mark("one database a region")),),
        links=(
            *(Link(source=CLIENT, target=region, protocol="http") for region in RESIDENTS),
            Link(source=PRIMARY, target=OTHER, protocol="http", env="PEER_URL", wait="no"),
            Link(source=OTHER, target=PRIMARY, protocol="http", env="PEER_URL", wait="no"),
            *(Link(source=region, target="db", protocol="sql", env="DATABASE_URL") for region in RESIDENTS),
        ),
        journeys=(
            *(_look(region) for region in RESIDENTS),
            *(_rename(region) for region in RESIDENTS),
            _travel(),
        ),
        first="partition",
        panels=("regions", "flows", "endpoints", "processes", "logs", "faults", "notes"),
    )


def _look(region: str) -> Journey:
    """Anybody may be looked at anywhere."""
    everybody = "|".join(str(user) for users in RESIDENTS.values() for user in users)
    request = Request(method="GET", service=region, path=f"/users/{{choice:{everybody}}}")
    return Journey(name=f"look-{region}", weight=3, requests=(request,))


def _rename(region: str) -> Journey:
    residents = "|".join(map(str, RESIDENTS[region]))
    return Journey(name=f"rename-{region}", weight=1, requests=(_name(region, f"{{choice:{residents}}}", "Resident"),))


def _travel() -> Journey:
    """Somebody gives one name here and another one there."""
    here, there = _name(PRIMARY, "traveller-{n}", "Aziz"), _name(OTHER, "traveller-{n}", "Bobur")
    return Journey(name="travel", weight=0, requests=(here, there))


def _name(region: str, user: str, name: str) -> Request:
    return Request(method="PUT", service=region, path=f"/users/{user}", json={"name": f"{name} {{n}}"})
