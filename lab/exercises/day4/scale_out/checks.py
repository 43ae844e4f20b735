"""Checks of 4.1: one instance with more places, more instances with the same, and what they must share for that."""

from __future__ import annotations

import json
import math
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from lab.grading import (
    Answer,
    Balanced,
    Http,
    Reply,
    Rest,
    Seen,
    Stub,
    behaviour,
    delay,
    eventually,
    expect,
    hold,
    measured,
    sample_twice,
    stays,
    tr,
    within,
)
from lab.grading.checking.fixtures import New, SystemUnderTest

ROWS = "GET /rows/jobs/*"
SMALL, LARGE = 4, 12
"""Values of MAX_INFLIGHT."""
MORE = 6
"""So many more requests than places."""
CROWD = 18
"""Clients that keep asking: more than the largest number of places."""
GAIN = 1.8
"""How much more must be done with three times the places; three is the most."""
PACES = (0.2, 0.8)
"""Seconds that the origin takes in the first sample and in the second one, in which a busy machine matters less."""
WINDOW = 5
"""A sample lasts so many times as long."""
CARTS = 10
TOGETHER = 4
"""Items that each instance adds to one cart at the same moment."""
LIMIT, EDGE = 10, 1
"""Requests that the limit lets in, and so many more at the edge of a window."""
BURST = 30
SHORT_LIMIT, SHORT_WINDOW = 5, 2
BACK = 10.0
"""Seconds after which a window of 2 s must be over."""
SHARE = 0.95
QUICK = 0.05
ASKING = 6
END = 10.0
GRACEFUL = (0, 143, -15)


def work(http: Http | Balanced, kind: str, new: New) -> Answer:
    """A job that nobody has asked for before."""
    return http.get(f"/jobs/{new.id(kind)}", timeout=30.0)


def done(answers: Sequence[Answer], when: str, code: str) -> None:
    """Each was answered with the origin's row."""
    for one in answers:
        ident = one.path.rpartition("/")[2]
        expect(
            one.status == 200
            and isinstance(one.json, dict)
            and one.json.get("id") == ident
            and one.json.get("minutes") == minutes(ident),
            tr("{when}, GET {path} answers 200 with its id and the minutes of the origin", when=when, path=one.path),
            got=f"{one}: {one.text[:200]}",
            code="invented" if one.status == 200 else code,
            about=[one],
        )


@contextmanager
def under_way(calls: Sequence[Callable[[], Answer]], release: Callable[[], object]) -> Iterator[list[Future[Answer]]]:
    """Make all calls at the same time, and go on. At the end, whatever comes, those that wait are released."""
    pool = ThreadPoolExecutor(len(calls))
    try:
        yield [pool.submit(call) for call in calls]
    finally:
        release()
        pool.shutdown(wait=False)


@contextmanager
def load(call: Callable[[], Answer], clients: int) -> Iterator[list[Answer]]:
    """So many clients that ask again as soon as they have their answer."""
    over = threading.Event()
    answers: list[Answer] = []

    def ask() -> None:
        while not over.is_set():
            answers.append(call())

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join(30.0)


def minutes(job: str) -> int:
    """Each job has its own."""
    return zlib.crc32(job.encode()) % 90 + 1


async def row(seen: Seen, _: Rest) -> Reply:
    return Reply(200, json.dumps({"minutes": minutes(seen.path.rpartition("/")[2])}).encode())


def rows(origin: Stub) -> None:
    origin.will(row, on=ROWS)


def has_places(origin: Stub, http: Http | Balanced, places: int, who: str, new: New, codes: tuple[str, str]) -> None:
    """Of more requests exactly so many are at the origin at the same time, and then all are answered."""
    rows(origin)
    origin.forget()
    held = origin.will(hold(), on=ROWS)
    count = places + MORE
    what = tr(
        "{who}: of {count} requests GET /jobs at the same moment {places} are at the origin",
        who=who,
        count=count,
        places=places,
    )
    with under_way([partial(work, http, "place", new)] * count, held.release) as flying:
        eventually(
            lambda: held.held >= places,
            what,
            within=10.0,
            code=codes[0],
            got=lambda: tr("{held} there", held=held.held),
        )
        stays(lambda: held.held == places, 0.3)
        expect(held.held <= places, what, got=tr("{held} there", held=held.held), code=codes[1])
        held.release()
        answers = [one.result() for one in flying]
    done(answers, tr("when the origin has answered"), "turned-away")
    asked = origin.count(ROWS)
    expect(
        asked == count,
        tr("{count} requests GET /jobs ask the origin {count} times", count=count),
        got=tr("{count} times", count=asked),
        code="asked-otherwise",
    )


def gain(origin: Stub, one: Http | Balanced, many: Http | Balanced, new: New) -> float:
    """How much more work reaches the origin from `many` than from `one`. Both are under load at the same time, so
    whatever slows one down slows down the other."""
    paces = iter(PACES)

    def sample() -> float:
        pace = next(paces)
        origin.heal()
        rows(origin)
        origin.will(delay(pace), on=ROWS)
        with load(partial(work, one, "one", new), CROWD), load(partial(work, many, "many", new), CROWD):
            within(10.0, lambda: origin.in_flight >= LARGE)
            origin.forget()
            stays(lambda: True, WINDOW * pace)
            counts = [origin.count(f"GET /rows/jobs/{kind}-*") for kind in ("one", "many")]
        return counts[1] / max(1, counts[0])

    found = sample_twice(sample, lambda found: found >= GAIN)
    origin.heal()
    return found


@behaviour("C1", start=False)
def check_scaled_up(http: Http, new: New, system: SystemUnderTest, stub: Mapping[str, Stub]) -> None:
    origin = stub["origin"]
    system.start("orders-1", env={"MAX_INFLIGHT": SMALL})
    system.start("orders-2", env={"MAX_INFLIGHT": LARGE})
    small, large = http["orders-1"], http["orders-2"]
    for instance, places in ((small, SMALL), (large, LARGE)):
        who = tr("an instance with MAX_INFLIGHT={places}", places=places)
        has_places(origin, instance, places, who, new, ("too-few-at-once", "too-many-at-once"))
    up = gain(origin, small, large, new)
    measured("up", round(up, 1))
    expect(
        up >= GAIN,
        tr(
            "with MAX_INFLIGHT={large} at least {gain} times as much work is done as with {small}",
            large=LARGE,
            small=SMALL,
            gain=GAIN,
        ),
        got=tr("{gain:.1f} times as much", gain=up),
        code="no-gain",
    )


@behaviour("C2")
def check_scaled_out(http: Http, new: New, system: SystemUnderTest, stub: Mapping[str, Stub]) -> None:
    origin = stub["origin"]
    *three, alone = system.scale("orders", 4)
    many = Balanced([http[name] for name in three])
    who = tr("three instances with MAX_INFLIGHT={places}", places=SMALL)
    has_places(origin, many, len(three) * SMALL, who, new, ("places-shared", "too-many-at-once"))
    out = gain(origin, http[alone], many, new)
    measured("out", round(out, 1))
    expect(
        out >= GAIN,
        tr("three instances do at least {gain} times as much work as one", gain=GAIN),
        got=tr("{gain:.1f} times as much", gain=out),
        code="no-gain",
    )


def put(http: Http, cart: str, sku: str) -> Answer:
    return http.post(f"/carts/{cart}/items", json={"sku": sku, "qty": 2})


def was_put(one: Answer) -> dict[str, Any]:
    expect(
        one.status == 201
        and isinstance(one.json, dict)
        and bool(one.json.get("id"))
        and one.sent.items() <= one.json.items(),
        tr("POST {path} answers 201 with the item and its id", path=one.path),
        got=f"{one}: {one.text[:200]}",
        code="not-put",
        about=[one],
    )
    return dict(one.json)


def shows(http: Http, cart: str, items: Sequence[dict[str, Any]], when: str, code: str) -> None:
    """The cart has these items, and no others."""
    read = http.get(f"/carts/{cart}")
    found = read.json.get("items") if read.status == 200 and isinstance(read.json, dict) else None
    kept = [{name: item.get(name) for name in ("id", "sku", "qty")} for item in found or [] if isinstance(item, dict)]
    wanted = [{name: item[name] for name in ("id", "sku", "qty")} for item in items]
    expect(
        sorted(kept, key=str) == sorted(wanted, key=str),
        tr("{when}, GET /carts/{cart} shows {count} items, with their ids", when=when, cart=cart, count=len(items)),
        got=f"{read}: {read.text[:300]}",
        code=code,
        about=[read],
    )


@behaviour("C3")
def check_carts_of_nobody(http: Http, new: New, system: SystemUnderTest) -> None:
    names = system.scale("orders", 3)
    replicas = [http[name] for name in names]
    unknown = http.get(f"/carts/{new.id('nothing')}")
    expect(
        unknown.status == 404 and unknown.code == "unknown_cart",
        tr("GET {path}, of a cart into which nothing was put, answers 404 unknown_cart", path=unknown.path),
        got=f"{unknown}: {unknown.text[:200]}",
        code="no-404",
        about=[unknown],
    )
    kept: dict[str, list[dict[str, Any]]] = {}
    for number in range(CARTS):
        first, *others = replicas[number % 3 :] + replicas[: number % 3]
        cart = new.id("cart")
        kept[cart] = []
        for when in (tr("after a POST to another instance"), tr("after a second POST to another instance")):
            kept[cart].append(was_put(put(first, cart, new.id("sku"))))
            for other in others:
                shows(other, cart, kept[cart], when, "not-shared")
    cart = new.id("cart")
    calls = [partial(put, replica, cart, new.id("sku")) for _ in range(TOGETHER) for replica in replicas]
    items = [was_put(one) for one in http.at_once(calls)]
    expect(
        len({str(item["id"]) for item in items}) == len(items),
        tr(
            "{count} items, put into one cart through three instances at the same moment, have {count} ids",
            count=len(items),
        ),
        got=", ".join(sorted(str(item["id"]) for item in items)),
        code="same-ids",
    )
    for replica in replicas:
        shows(replica, cart, items, tr("after {count} POSTs at the same moment", count=len(items)), "lost-items")
    for name in names:
        system.kill(name)
    system.scale("orders", 3)
    shows(replicas[0], cart, items, tr("after all instances were killed and started"), "forgotten")


def ask(http: Http, user: str) -> Answer:
    return http.get("/limited", headers={"X-User": user})


def let_in(answers: Sequence[Answer]) -> int:
    """How many; each of the others is a 429."""
    for one in answers:
        expect(
            one.status == 200 or (one.status == 429 and one.code == "rate_limited"),
            tr("GET /limited answers 200, or 429 rate_limited"),
            got=f"{one}: {one.text[:200]}",
            code="neither",
            about=[one],
        )
    return sum(one.status == 200 for one in answers)


def says_when(answers: Sequence[Answer], window: int) -> None:
    """Each that is not let in says when to come back."""
    for one in answers:
        after = one.headers.get("retry-after", "")
        expect(
            one.status == 200 or (after.isdecimal() and 1 <= int(after) <= window),
            tr("a 429 has a Retry-After between 1 and {window}, the seconds of the window", window=window),
            got=after or tr("no Retry-After"),
            code="no-retry-after",
            about=[one],
        )


def limit_holds(http: Http, new: New, replicas: Sequence[Http], who: str, limit: int, window: int) -> str:
    """Of a burst as many are let in as the limit says; the user who asked. Twice, if need be: a burst may fall on the
    edge of two windows."""
    users: list[str] = []
    answers: list[Answer] = []

    def sample() -> tuple[int, int]:
        users.append(new.id("user"))
        began = time.monotonic()
        calls = [partial(ask, replicas[number % len(replicas)], users[-1]) for number in range(BURST)]
        answers[:] = http.at_once(calls)
        # A limit that refills lets in some more while the burst lasts.
        return let_in(answers), limit + EDGE + math.ceil((time.monotonic() - began) * limit / window)

    found, most = sample_twice(sample, lambda sample: limit <= sample[0] <= sample[1])
    expect(
        limit <= found <= most,
        tr(
            "{who}: of {count} requests of one user at the same moment {limit} are let in",
            who=who,
            count=BURST,
            limit=limit,
        ),
        got=tr("{count} were let in", count=found),
        code="too-many" if found > limit else "too-few",
    )
    says_when(answers, window)
    return users[-1]


@behaviour("C4")
def check_one_limit_for_all(http: Http, new: New, system: SystemUnderTest) -> None:
    replicas = [http[name] for name in system.scale("orders", 3)]
    limit_holds(http, new, replicas, tr("over three instances"), LIMIT, 10)
    limit_holds(http, new, replicas[:1], tr("all to one of three instances"), LIMIT, 10)
    other = ask(replicas[1], new.id("user"))
    expect(
        other.status == 200,
        tr("a user who has not asked yet is let in, however often others did"),
        got=other,
        code="one-for-all",
        about=[other],
    )


@behaviour("C4", start=False)
def check_the_limit_has_an_end(http: Http, new: New, system: SystemUnderTest) -> None:
    for name in ("orders-1", "orders-2"):
        system.start(name, env={"RATE_LIMIT": SHORT_LIMIT, "RATE_WINDOW_S": SHORT_WINDOW})
    replicas = [http["orders-1"], http["orders-2"]]
    who = tr("with RATE_LIMIT={limit} and RATE_WINDOW_S={window}", limit=SHORT_LIMIT, window=SHORT_WINDOW)
    user = limit_holds(http, new, replicas, who, SHORT_LIMIT, SHORT_WINDOW)
    last: list[Answer] = []

    def back() -> bool:
        last[:] = [ask(replicas[0], user)]
        return last[0].status == 200

    eventually(
        back,
        tr("{who}, a user who keeps asking is let in again when the window is over", who=who),
        within=BACK,
        code="blocked-for-ever",
        got=lambda: last[0],
    )


def all_wait(answers: list[Answer]) -> bool:
    """Nobody gets an answer any more: all clients have come to the instance that has no place left."""
    before = len(answers)
    return stays(lambda: len(answers) == before, 0.3)


@behaviour("C5")
def check_one_of_three_is_killed(http: Http, new: New, system: SystemUnderTest, stub: Mapping[str, Stub]) -> None:
    origin = stub["origin"]
    names = system.scale("orders", 3)
    victim, *others = names
    many = Balanced([http[name] for name in names])
    cart = new.id("cart")
    item = was_put(put(http[victim], cart, new.id("sku")))
    rows(origin)
    origin.will(delay(QUICK), on=ROWS)
    held = origin.will(hold(), on="GET /rows/jobs/busy-*")
    with under_way([partial(work, http[victim], "busy", new)] * SMALL, held.release):
        held.wait(SMALL)
        with load(partial(work, many, "load", new), ASKING) as answers:
            within(10.0, lambda: len(answers) >= ASKING)
            within(10.0, lambda: all_wait(answers))
            before = len(answers)
            system.kill(victim)
            within(30.0, lambda: len(answers) >= before + 8 * ASKING)
    counted = list(answers)
    share = sum(one.status == 200 for one in counted) / max(1, len(counted))
    measured("three", round(100 * share))
    expect(
        share >= SHARE,
        tr(
            "one of three instances is killed: with a balancer that asks the next one, at least 95 % of {count} "
            "requests are answered with 200",
            count=len(counted),
        ),
        got=tr("{share:.1%}", share=share),
        code="down-together",
        about=[one for one in counted if one.status != 200][:1],
    )
    for name in others:
        shows(http[name], cart, [item], tr("when the instance that took it is dead"), "gone-with-it")
    origin.heal()
    system.start(victim)
    who = tr("an instance that was killed at work and started again")
    has_places(origin, http[victim], SMALL, who, new, ("places-lost", "too-many-at-once"))
    for name in others:
        system.kill(name)
    system.kill(victim)
    alone = [work(http[victim], "alone", new) for _ in range(5)]
    measured("one", round(100 * sum(one.status == 200 for one in alone) / len(alone)))


@behaviour("C6")
def check_a_rolling_restart(http: Http, new: New, system: SystemUnderTest, stub: Mapping[str, Stub]) -> None:
    origin = stub["origin"]
    names = system.scale("orders", 3)
    rows(origin)
    origin.will(delay(QUICK), on=ROWS)
    with load(partial(work, Balanced([http[name] for name in names]), "load", new), ASKING) as answers:
        for name in names:
            restarted(http, new, system, origin, name)
    done(list(answers), tr("while the instances are restarted one after the other"), "failed-requests")


def restarted(http: Http, new: New, system: SystemUnderTest, origin: Stub, name: str) -> None:
    held = origin.will(hold(), on="GET /rows/jobs/busy-*")
    with under_way([partial(work, http[name], "busy", new)] * 2, held.release) as flying:
        held.wait(2)
        system.terminate(name)
        stays(lambda: not any(one.done() for one in flying), 0.5)
        held.release()
        begun = [one.result() for one in flying]
    done(begun, tr("begun before SIGTERM"), "cut-off")
    code = system.wait_exit(name, within=END)
    expect(
        code is not None,
        tr("{name} ends within {seconds:g} s of SIGTERM, once its requests are finished", name=name, seconds=END),
        got=tr("it lives on"),
        code="lives-on",
    )
    expect(
        code in GRACEFUL,
        tr("{name} ends with exit code 0 or 143 after SIGTERM", name=name),
        got=tr("exit code {code}", code=code),
        code="ends-badly",
    )
    system.start(name)
