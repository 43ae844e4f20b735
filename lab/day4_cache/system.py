"""Thursday's system: a catalog with a cache before a slow origin; most visitors want the same few products."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lab.day4_cache.regions import regions
from lab.locale import mark, tr
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System
from lab.system.refusal import NotInstalled

PRODUCTS = range(2, 61)
"""Those that visitors browse. Product 1 is on the front page: it is looked at when a scenario says so."""
GHOSTS = range(9001, 9004)
"""Ids that no product has, and that a link somewhere leads to."""
NUMBERS = {"one": 1, "three": 3, "eight": 8, "twenty": 20, "forty": 40}
SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin"
"""Where such programs are, though not on the PATH of everybody."""
SWITCHES = {"single-flight": "SINGLE_FLIGHT", "jitter": "JITTER", "negative": "NEG_TTL_S"}


def system(*, shape: str, prefer: str, **cached: Any) -> System:
    return regions(prefer) if shape == "regions" else cache(**cached)


def cache(
    *,
    strategy: str,
    invalidate: str,
    redis_client: str,
    replicas: str,
    workers: str,
    pool: str,
    balancer: str,
    without: tuple[str, ...],
) -> System:
    env = {
        "STRATEGY": "cache-aside-hasty" if invalidate == "before" else strategy,
        "WORKERS": str(NUMBERS[workers]),
        "ORIGIN_POOL": str(NUMBERS[pool]),
        **{SWITCHES[word]: "0" for word in without},
        **({"REDIS_TIMEOUT_MS": "0"} if redis_client == "default" else {}),
    }
    catalog = Service(
        name="catalog",
        module="lab.day4_cache.catalog",
        env=env,
        replicas=NUMBERS[replicas],
        summary=mark("products, from the cache where it can"),
    )
    before = () if balancer == "own" else (_balancer(balancer),)
    return System(
        name="day4",
        services=(
            *before,
            catalog,
            Service(
                name="origin",
                module="lab.day4_cache.origin",
                summary=mark("the origin: right, and slow, for each read looks through all sales"),
            ),
        ),
        engines=(
            Engine(name="redis", kind="redis", summary=mark("copies of products, each with a TTL")),
            Engine(name="db", kind="sql", summary=mark("one database a service")),
        ),
        links=(
            *_entrance(catalog, before),
            Link(source="catalog", target="redis", protocol="redis", wait="started"),
            Link(source="catalog", target="origin", protocol="http"),
            Link(source="origin", target="db", protocol="sql", env="DATABASE_URL"),
        ),
        journeys=tuple(_entered_at(before[0].name if before else "catalog")),
    )


def _balancer(kind: str) -> Service:
    """Somebody else's balancer. Raises NotInstalled."""
    program = shutil.which(kind, path=f"{os.environ.get('PATH', '')}{os.pathsep}{SYSTEM_FOLDERS}")
    if program is None:
        raise NotInstalled(
            tr("{kind} is not installed", kind=kind),
            tr("Install it (apt install {kind}, brew install {kind}), or take --balancer own.", kind=kind),
            "lab run day4 --balancer own",
        )
    return Service(
        name="balancer",
        module="lab.day4_cache.balancer",
        exec=True,
        env={"BALANCER": kind, "BALANCER_PROGRAM": program},
        ready="tcp",
        summary=mark("a balancer as it is found in production, with its own configuration"),
    )


def _entrance(catalog: Service, before: Sequence[Service]) -> Iterator[Link]:
    """How visitors reach the catalog: through the lab's own balancer, which is in the tap, or through another one,
    which has a link to each instance."""
    if not before:
        yield Link(source=CLIENT, target=catalog.name, protocol="http")
    for balancer in before:
        yield Link(source=CLIENT, target=balancer.name, protocol="http")
        for instance in catalog.instances:
            yield Link(source=balancer.name, target=instance, protocol="http")


def _entered_at(service: str) -> Iterator[Journey]:
    """What visitors do. They know one service: the catalog, or the balancer that stands for it."""
    yield _journey("browse", 16, "GET", _one_of(_popular()), service)
    yield _journey("ghost", 2, "GET", _one_of(map(str, GHOSTS)), service, accepts=(404,))
    yield _journey("reprice", 1, "PUT", _one_of(_popular()), service)
    yield _journey("look", 0, "GET", "1", service)
    yield _check(service)
    yield _journey("sale", 0, "PUT", _one_of(map(str, PRODUCTS)), service)


def _journey(
    name: str, weight: float, method: str, product: str, service: str, accepts: tuple[int, ...] = ()
) -> Journey:
    new = {"name": "Product, edition {n}", "price": "{int:1000:90000}"} if method == "PUT" else None
    request = Request(method=method, service=service, path=f"/products/{product}", json=new, accepts=accepts)
    return Journey(name=name, weight=weight, requests=(request,))


def _check(service: str) -> Journey:
    """Somebody changes the price on the front page, and looks whether that is seen."""
    change, look = _journey("", 0, "PUT", "1", service), _journey("", 0, "GET", "1", service)
    return Journey(name="check", weight=0, requests=(*change.requests, *look.requests * 4))


def _popular() -> list[str]:
    """Each product as often as it is wanted: the second half as often as the first, the third a third of that ..."""
    return [str(product) for rank, product in enumerate(PRODUCTS, 1) for _ in range(60 // rank)]


def _one_of(products: Iterable[str]) -> str:
    return f"{{choice:{'|'.join(products)}}}"
