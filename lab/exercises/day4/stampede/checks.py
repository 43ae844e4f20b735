"""Checks of 4.5: crowds before a key that has no copy, and what they cost the origin. Two instances, one Redis.

Loads are slowed down at the origin and counted there. A crowd that comes to a busy machine may come in pieces, and the
pieces may miss a copy that lived shortly: where a count depends on that, a fresh sample decides.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from lab.grading import (
    Answer,
    Deed,
    Http,
    Reply,
    Rest,
    Seen,
    Stub,
    behaviour,
    delay,
    eventually,
    expect,
    hang,
    hold,
    measured,
    reset,
    sample_twice,
    status,
    tr,
    within,
)
from lab.grading.checking.fixtures import FaultBox, New, SystemUnderTest

LINK = "catalog->redis"
READS = "GET /rows/products/*"
INSTANCES = ("catalog-1", "catalog-2")
MOST = len(INSTANCES) + 2
"""Loads that one crowd may cost: one in each instance, and two to spare."""
CROWD = 60
WAITING = 40
FEW = 20
SLOW = 0.6
"""Seconds of a read at the origin, so that a crowd is there before the first load is over, on a busy machine too."""
TAKES = 0.3
RELOAD = 0.5
"""Seconds of a reload that nobody should wait for."""
PATIENCE = 5.0
"""Seconds after which everybody must have an answer."""
SOON = 1.0
BESIDE = 3.0
"""Seconds in which other products are answered while one is held back."""
HELD = 12_000
"""Milliseconds that a load may last which is held back, so that nobody gives it up before the check has looked."""
LOCK = 1000
STEADY = 4.0
READERS = 10
"""Steady readers of each instance."""
WAITERS = 1 / 3
"""The share of the readers during a reload that may wait for it."""


def start_both(system: SystemUnderTest, env: Mapping[str, object] | None = None) -> None:
    for name in INSTANCES:
        system.start(name, env or {})


def put_on_sale(stub: Mapping[str, Stub], new: New, rng: random.Random) -> dict[str, Any]:
    """A row at the origin that the catalog has never heard of."""
    row = {"id": new.id("p"), "name": new.id("Tea"), "price": rng.randint(1, 900) * 100, "version": 1}
    stub["origin"].set("products", row["id"], row)  # type: ignore[attr-defined]
    return row


def renamed(stub: Mapping[str, Stub], row: Mapping[str, Any], new: New) -> dict[str, Any]:
    """The row changes at the origin, and nobody tells the catalog."""
    fresh = {**row, "name": new.id("New"), "version": row["version"] + 1}
    stub["origin"].set("products", row["id"], fresh)  # type: ignore[attr-defined]
    return fresh


def path(row: Mapping[str, Any]) -> str:
    return f"/products/{row['id']}"


def asked_for(row: Mapping[str, Any]) -> str:
    """Whatever the origin is asked about the row."""
    return f"* /rows/products/{row['id']}"


def is_of(answer: Answer, row: Mapping[str, Any]) -> bool:
    body = answer.json if isinstance(answer.json, dict) else {}
    return answer.status == 200 and all(body.get(field) == row[field] for field in ("id", "name", "price"))


def crowd(http: Http, where: str, count: int, instances: Iterable[str] = INSTANCES) -> list[Answer]:
    """So many reads at once, dealt out to the instances. Who does not answer in time is given a little longer, so that
    the report can tell late from never."""
    names = [*instances]
    reads = [partial(http[names[nr % len(names)]].get, where, timeout=2 * PATIENCE) for nr in range(count)]
    return http.at_once(reads, limit=count)


def kept(http: Http, row: Mapping[str, Any], name: str = INSTANCES[0]) -> None:
    """A read that must work, so that there is something to say about what comes after."""
    answer = http[name].get(path(row))
    expect(
        is_of(answer, row),
        tr("{id} is at the origin: GET {path} shows its name {name}", id=row["id"], path=path(row), name=row["name"]),
        got=f"{answer}: {answer.text[:200]}",
        code="not-shown",
        about=[row["id"], answer],
    )


def all_get(answers: list[Answer], good: Callable[[Answer], bool], wanted: str, code: str) -> None:
    bad = [answer for answer in answers if not good(answer)]
    expect(
        not bad,
        wanted,
        got=tr(
            "{count} of {all} otherwise: {first}: {text}",
            count=len(bad),
            all=len(answers),
            first=bad[0],
            text=bad[0].text[:160],
        )
        if bad
        else "",
        code=code,
        about=bad[:1],
    )


def in_time(answers: list[Answer], what: str, most: float = PATIENCE) -> None:
    slowest = max(answers, key=lambda answer: answer.seconds)
    expect(
        slowest.seconds <= most and slowest.status is not None,
        tr("{what}: each of the {count} has an answer within {most:g} s", what=what, count=len(answers), most=most),
        got=slowest,
        code="waits-too-long",
        about=[slowest],
    )


@behaviour("C1", start=False)
def check_one_miss_is_one_load(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    start_both(system)
    stub["origin"].will(delay(SLOW), on=READS)

    def rush() -> tuple[dict[str, Any], list[Answer], int]:
        row = put_on_sale(stub, new, rng)
        answers = crowd(http, path(row), CROWD)
        return row, answers, stub["origin"].count(asked_for(row))

    def good(found: tuple[dict[str, Any], list[Answer], int]) -> bool:
        row, answers, asked = found
        return asked <= MOST and all(is_of(one, row) and one.seconds <= PATIENCE for one in answers)

    row, answers, asked = sample_twice(rush, good)
    all_get(
        answers,
        lambda answer: is_of(answer, row),
        tr(
            "{count} reads of {id} at once, half of them at each instance: each gets 200 with name {name}",
            count=CROWD,
            id=row["id"],
            name=row["name"],
        ),
        "crowd-misanswered",
    )
    in_time(answers, tr("{count} reads of {id} at once", count=CROWD, id=row["id"]))
    expect(
        asked <= MOST,
        tr("{count} reads of {id} at once ask the origin at most {most} times", count=CROWD, id=row["id"], most=MOST),
        got=tr("{asked} times", asked=asked),
        code="stampede",
        about=[row["id"]],
    )


class Reloads:
    """A read at the origin takes some time, and it is noted from when to when each one was there."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.times: list[tuple[float, float]] = []

    async def __call__(self, seen: Seen, rest: Rest) -> Reply | None:
        reply = await delay(self._seconds)(seen, rest)
        self.times.append((seen.at, time.monotonic()))
        return reply


def steady(http: Http, row: Mapping[str, Any], seconds: float, pause: float) -> list[Answer]:
    """What steady readers of both instances got in this time. Each asks again a little after it was answered."""
    until = time.monotonic() + seconds

    def read(name: str, late: float) -> list[Answer]:
        time.sleep(late)
        answers = []
        while time.monotonic() < until:
            answers.append(http[name].get(path(row)))
            time.sleep(pause)
        return answers

    readers = [partial(read, name, nr * pause / READERS) for nr in range(READERS) for name in INSTANCES]
    return [answer for answers in http.at_once(readers) for answer in answers]


@behaviour("C2", start=False)
def check_each_expiry_is_one_load(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    lifetime = 1
    oldest = 2 * lifetime + 1
    start_both(system, {"CACHE_TTL_S": lifetime})
    stub["origin"].will(delay(TAKES), on=READS)

    def run() -> tuple[dict[str, Any], list[Answer], int, int, dict[str, Any], dict[str, Any], float]:
        hot, unread = put_on_sale(stub, new, rng), put_on_sale(stub, new, rng)
        for name in INSTANCES:
            kept(http, unread, name)
        began = time.monotonic()
        kept(http, hot)
        fresh, later = renamed(stub, hot, new), renamed(stub, unread, new)
        changed = time.monotonic()
        answers = steady(http, hot, STEADY, 0.25)
        lives = (time.monotonic() - began) / lifetime
        return hot, answers, stub["origin"].count(asked_for(hot)), int(MOST * (1 + lives)), fresh, later, changed

    hot, answers, asked, most, fresh, unread, changed = sample_twice(run, lambda found: found[2] <= found[3])
    all_get(
        answers,
        lambda answer: is_of(answer, hot) or is_of(answer, fresh),
        tr("CACHE_TTL_S={lifetime} and a steady load on {id}: every answer is 200", lifetime=lifetime, id=hot["id"]),
        "misanswered-at-expiry",
    )
    expect(
        asked <= most,
        tr(
            "CACHE_TTL_S={lifetime}, {count} reads of {id} in {seconds:g} s: at most {most} reads at the origin",
            lifetime=lifetime,
            count=len(answers),
            id=hot["id"],
            seconds=STEADY,
            most=most,
        ),
        got=tr("{asked} times", asked=asked),
        code="stampede-at-expiry",
        about=[hot["id"]],
    )
    measured("loads", asked)
    measured("age", max((answer.began - changed for answer in answers if is_of(answer, hot)), default=0.0))
    late = [answer for answer in answers if answer.began > changed + oldest]
    alone = [http[name].get(path(unread)) for name in INSTANCES if within(oldest, lambda: time_is(changed + oldest))]
    for row, shown in ((fresh, late), (unread, alone)):
        all_get(
            shown,
            partial(is_of, row=row),
            tr(
                "{id} was changed at the origin: {oldest} s later (2 × CACHE_TTL_S + 1) GET shows its new name {name}",
                id=row["id"],
                oldest=oldest,
                name=row["name"],
            ),
            "shown-too-long" if row is fresh else "old-copy-for-the-next",
        )


def time_is(moment: float) -> bool:
    return time.monotonic() > moment


@behaviour("C3", start=False)
def check_the_loader_may_die(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    start_both(system, {"LOCK_TTL_MS": LOCK, "HTTP_TIMEOUT_MS": HELD})
    loads, waits = INSTANCES
    row = put_on_sale(stub, new, rng)
    held = stub["origin"].will(hold(), on=READS, times=1)
    most = LOCK / 1000 + PATIENCE
    with ThreadPoolExecutor(11) as threads:
        lost = threads.submit(http[loads].get, path(row), timeout=most)
        try:
            held.wait()
            readers = [threads.submit(http[waits].get, path(row), timeout=most + 2) for _ in range(10)]
            within(TAKES, lambda: all(reader.done() for reader in readers))
            system.kill(loads)
            killed = time.monotonic()
            answers = [reader.result() for reader in readers]
        finally:
            held.release()
        lost.result()
    ended = max(answer.began + answer.seconds for answer in answers)
    all_get(
        answers,
        lambda answer: is_of(answer, row),
        tr(
            "{loads} was killed while it loaded {id}: ten readers at {waits} get 200 with name {name}",
            loads=loads,
            id=row["id"],
            waits=waits,
            name=row["name"],
        ),
        "waits-for-the-dead",
    )
    expect(
        ended - killed <= most,
        tr(
            "{loads} was killed while it loaded {id}: the readers at {waits} have it within {most:g} s "
            "(LOCK_TTL_MS + 5 s)",
            loads=loads,
            id=row["id"],
            waits=waits,
            most=most,
        ),
        got=tr("{seconds:.1f} s", seconds=ended - killed),
        code="waits-for-the-dead",
        about=answers[:1],
    )
    asked = stub["origin"].count(asked_for(row)) - 1
    expect(
        asked <= MOST,
        tr(
            "{loads} was killed while it loaded {id}: ten readers at {waits} ask the origin at most {most} times",
            loads=loads,
            id=row["id"],
            waits=waits,
            most=MOST,
        ),
        got=tr("{asked} times", asked=asked),
        code="heirs-stampede",
        about=[row["id"], *answers[:1]],
    )


def failures() -> dict[str, Deed]:
    """What the origin can do in place of its work, by the words for it."""
    return {tr("answers 503"): status(503), tr("resets connections"): reset(), tr("does not answer"): hang()}


@behaviour("C4", start=False)
def check_a_failure_is_told_to_all(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    start_both(system, {"HTTP_TIMEOUT_MS": 600})
    origin = stub["origin"]
    for how, deed in failures().items():
        row = put_on_sale(stub, new, rng)
        origin.will(deed, on=READS)
        origin.will(delay(TAKES), on=READS)
        origin.forget()
        answers = crowd(http, path(row), WAITING)
        at_once = origin.max_in_flight
        origin.heal()
        what = tr("the origin {how} and {count} read {id} at once", how=how, count=WAITING, id=row["id"])
        in_time(answers, what)
        all_get(
            answers,
            lambda answer: answer.status == 503,
            tr("{what}: each gets 503", what=what),
            "failure-misanswered",
        )
        expect(
            at_once <= MOST,
            tr("{what}: at most {most} requests are at the origin at the same time", what=what, most=MOST),
            got=tr("{at_once} at the same time", at_once=at_once),
            code="failure-frees-the-crowd",
            about=[row["id"]],
        )
        for name in INSTANCES:
            comes_to_be_shown(http[name], row, tr("the origin {how}, then recovers", how=how))


def comes_to_be_shown(http: Http, row: Mapping[str, Any], why: str) -> None:
    last: list[Answer] = []

    def look() -> bool:
        last[:] = [http.get(path(row))]
        return is_of(last[0], row)

    eventually(
        look,
        tr("{why}: GET {path} shows it within {within:g} s", why=why, path=path(row), within=SOON),
        SOON,
        code="failure-remembered",
        got=lambda: last[0],
        about=[str(row["id"])],
    )


@behaviour("C4", start=False)
def check_there_is_none_is_told_to_all(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    start_both(system)
    stub["origin"].will(delay(TAKES), on=READS)

    def rush() -> tuple[str, list[Answer]]:
        nobody = new.id("nobody")
        return nobody, crowd(http, f"/products/{nobody}", WAITING)

    nobody, answers = sample_twice(rush, lambda found: all(one.seconds <= PATIENCE for one in found[1]))
    what = tr("{count} read {id} at once, which does not exist", count=WAITING, id=nobody)
    in_time(answers, what)
    all_get(
        answers,
        lambda answer: answer.status == 404,
        tr("{what}: each gets 404", what=what),
        "absence-misanswered",
    )


@behaviour("C5", start=False)
def check_others_do_not_wait(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    start_both(system, {"HTTP_TIMEOUT_MS": HELD, "LOCK_TTL_MS": HELD})
    row, known = put_on_sale(stub, new, rng), put_on_sale(stub, new, rng)
    others = [put_on_sale(stub, new, rng) for _ in range(6)]
    kept(http, known)
    held = stub["origin"].will(hold(), on=f"GET /rows/products/{row['id']}")
    patience = HELD / 1000
    with ThreadPoolExecutor(20) as threads:
        waiting = [threads.submit(http[name].get, path(row), timeout=2 * patience) for name in INSTANCES * 10]
        try:
            held.wait()
            within(TAKES, lambda: held.held > MOST)
            reads = [
                partial(http[name].get, path(other), timeout=patience)
                for other in (known, *others)
                for name in INSTANCES
            ]
            answers = http.at_once(reads, limit=4)
            still = held.held
        finally:
            held.release()
        for one in waiting:
            one.result()
    what = tr("{count} readers wait for {id}, which the origin holds back", count=len(waiting), id=row["id"])
    wanted = {path(other): other for other in (known, *others)}
    all_get(
        answers,
        lambda answer: is_of(answer, wanted[answer.path]),
        tr("{what}: a read of another product gets 200 and that product", what=what),
        "others-misanswered",
    )
    in_time(answers, tr("{what}: reads of others", what=what), BESIDE)
    expect(
        still,
        tr("{what}: others are answered while it is still held", what=what),
        got=tr("it had been given up"),
        code="gave-it-up",
        about=[row["id"]],
    )


@behaviour("C6", start=False)
def check_a_crowd_without_redis(
    http: Http, stub: Mapping[str, Stub], faults: FaultBox, new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    start_both(system)
    stub["origin"].will(delay(TAKES), on=READS)
    for how, fault in {tr("refuses connections"): "refuse", tr("answers nothing"): "blackhole"}.items():
        row = put_on_sale(stub, new, rng)
        with faults.on(LINK, fault):
            answers = crowd(http, path(row), FEW)
            what = tr("Redis {how} and {count} read {id} at once", how=how, count=FEW, id=row["id"])
            all_get(
                answers,
                lambda answer, row=row: is_of(answer, row) or answer.status == 503,  # type: ignore[misc]
                tr("{what}: each gets 200 or 503", what=what),
                "lock-is-a-dependency",
            )
            in_time(answers, what)
            for name in INSTANCES:
                alone = put_on_sale(stub, new, rng)
                answer = sample_twice(partial(http[name].get, path(alone)), partial(is_of, row=alone))
                expect(
                    is_of(answer, alone) and answer.seconds <= PATIENCE,
                    tr(
                        "Redis {how}: a single GET {path} gets 200 within {most:g} s",
                        how=how,
                        path=path(alone),
                        most=PATIENCE,
                    ),
                    got=f"{answer}: {answer.text[:200]}",
                    code="lock-is-a-dependency",
                    about=[alone["id"], answer],
                )


@behaviour("C7", start=False)
def check_nobody_waits_for_a_reload(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    lifetime = 2
    start_both(system, {"CACHE_TTL_S": lifetime})

    def run() -> tuple[dict[str, Any], list[tuple[float, float]], list[Answer], list[Answer]]:
        """The row, its reloads, who read while one was at the origin, and those of them who waited for one."""
        row = put_on_sale(stub, new, rng)
        loads = stub["origin"].will(Reloads(RELOAD), on=READS)
        for name in INSTANCES:
            kept(http, row, name)
        first = len(loads.times)
        answers = steady(http, row, STEADY, 0.2)
        if len(loads.times) == first:
            answers += steady(http, row, 2 * lifetime + 1 - STEADY, 0.2)
        stub["origin"].heal()
        reloads = loads.times[first:]
        meanwhile = [one for one in answers if any(began < one.began < ended - RELOAD / 2 for began, ended in reloads)]
        waited = [
            one
            for one in meanwhile
            if any(began < one.began < ended <= one.began + one.seconds for began, ended in reloads)
        ]
        return row, reloads, meanwhile, waited

    row, reloads, meanwhile, waited = sample_twice(run, lambda found: len(found[3]) <= WAITERS * len(found[2]) > 0)
    expect(
        reloads and meanwhile,
        tr(
            "CACHE_TTL_S={lifetime}: a hot product is loaded anew within {seconds} s",
            lifetime=lifetime,
            seconds=2 * lifetime + 1,
        ),
        got=tr("{count} reloads", count=len(reloads)),
        code="never-loaded-anew",
        about=[row["id"]],
    )
    expect(
        len(waited) <= WAITERS * len(meanwhile),
        tr(
            "CACHE_TTL_S={lifetime}: of those who read {id} while a reload of it is at the origin, at most a third "
            "wait for it",
            lifetime=lifetime,
            id=row["id"],
        ),
        got=tr(
            "{count} of {all}, such as {one}", count=len(waited), all=len(meanwhile), one=waited[0] if waited else ""
        ),
        code="readers-wait-for-the-reload",
        about=[row["id"], *waited[:1]],
    )


@behaviour("C8", start=False)
def check_a_load_from_before_is_not_joined(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    start_both(system, {"HTTP_TIMEOUT_MS": HELD, "LOCK_TTL_MS": HELD})
    row = put_on_sale(stub, new, rng)
    fresh = {**row, "name": new.id("New")}
    held = hold()

    async def reads_and_waits(seen: Seen, rest: Rest) -> Reply | None:
        reply = await rest()  # the row as it is now

        async def as_it_was() -> Reply | None:
            return reply

        return await held(seen, as_it_was)

    stub["origin"].will(reads_and_waits, on=READS)
    patience = HELD / 1000
    late: list[Future[Answer]] = []
    with ThreadPoolExecutor(9) as threads:
        before = [threads.submit(http[name].get, path(row), timeout=patience) for name in INSTANCES]
        try:
            held.wait()
            within(TAKES, lambda: held.held >= len(INSTANCES))
            put = threads.submit(
                http[INSTANCES[0]].put, path(row), json={"name": fresh["name"], "price": row["price"]}, timeout=patience
            )
            if within(SOON, put.done):  # who lets one at a time near a product makes the PUT wait for the load
                late = [threads.submit(http[name].get, path(row), timeout=patience) for name in INSTANCES * 3]
                within(TAKES, lambda: all(one.done() for one in late))
        finally:
            held.release()
        answer = put.result()
        expect(
            answer.status in (200, 201),
            tr("PUT {path} with a name and a price answers 200", path=path(row)),
            got=answer,
            code="put-fails",
            about=[answer],
        )
        for one in before:
            one.result()
        meanwhile = [one.result() for one in late]
    afterwards = [http[name].get(path(row)) for name in INSTANCES * 2]
    shown = tr("GET {path} shows the new name {name}", path=path(row), name=fresh["name"])
    all_get(
        meanwhile,
        partial(is_of, row=fresh),
        tr("after the PUT, while a load of the old row is still under way: {shown}", shown=shown),
        "joined-an-old-load",
    )
    all_get(
        afterwards,
        partial(is_of, row=fresh),
        tr("after the PUT, when a load of the old row has come back: {shown}", shown=shown),
        "old-load-put-it-back",
    )
