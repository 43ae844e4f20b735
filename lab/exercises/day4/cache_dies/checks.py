"""Checks of 4.3: everything that a cache can do to whoever relies on it."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from lab.grading import Answer, Http, Stub, behaviour, eventually, expect, hold, reset, sample_twice, status, tr, within
from lab.grading.checking.expect import BehaviourFailed, CannotTell
from lab.grading.checking.fixtures import FaultBox, New, SystemUnderTest
from lab.grading.instruments.metrics import Metrics
from lab.grading.instruments.redis import Redis

LINK = "catalog->redis"
READS = "GET /rows/products/*"
MEDIAN = 1.5
LONGEST = 3.0
PATIENCE = 4.0
"""Seconds after which a request counts as never answered; more than it may take."""
AFTERWARDS = 3.0
"""Seconds after an outage in which an old value may still be shown."""
CROWD = 40
HEALING = 20.0

Outage = Callable[[], AbstractContextManager[Any]]


def put_on_sale(stub: Mapping[str, Stub], new: New, rng: random.Random) -> dict[str, Any]:
    """A row at the origin that the catalog has never heard of."""
    row = {"id": new.id("p"), "name": new.id("Tea"), "price": rng.randint(1, 900) * 100, "version": 1}
    stub["origin"].set("products", row["id"], row)  # type: ignore[attr-defined]
    return row


def path(row: Mapping[str, Any]) -> str:
    return f"/products/{row['id']}"


def key(row: Mapping[str, Any]) -> str:
    return f"catalog:product:{row['id']}"


def is_of(answer: Answer, row: Mapping[str, Any]) -> bool:
    body = answer.json if isinstance(answer.json, dict) else {}
    return answer.status == 200 and all(body.get(field) == row[field] for field in ("id", "name", "price"))


def cached(http: Http, redis: Redis, row: Mapping[str, Any]) -> bool:
    """Read it until there is a copy in Redis; whether there is one. On a busy machine one answer may be late."""
    return any(is_of(http.get(path(row)), row) and redis.exists(key(row)) for _ in range(10))


@contextmanager
def frozen(system: SystemUnderTest) -> Iterator[None]:
    system.freeze("redis")
    try:
        yield
    finally:
        system.thaw("redis")
        system.wait_ready("redis")


@contextmanager
def gone(system: SystemUnderTest) -> Iterator[None]:
    system.stop("redis")  # killed, it would be started again by itself
    try:
        yield
    finally:
        system.start("redis")


def read_through(http: Http, rows: list[dict[str, Any]], what: str) -> None:
    """Ten reads, five at a time: each one right and in time."""

    def measure() -> list[Answer]:
        answers = http.at_once([partial(http.get, path(row), timeout=PATIENCE) for row in rows], limit=5)
        for answer, row in zip(answers, rows, strict=True):
            if answer.status is not None:
                right(answer, row, what)
        return answers

    answers = sample_twice(measure, lambda answers: in_time(answers) or hopeless(answers))
    slowest = max(answers, key=lambda answer: answer.seconds)
    median = statistics.median(answer.seconds for answer in answers)
    expect(
        in_time(answers),
        tr(
            "Redis {what}: {count} reads take {median} s in the median and {longest:g} s at most",
            what=what,
            count=len(answers),
            median=MEDIAN,
            longest=LONGEST,
        ),
        got=tr(
            "{median:.1f} s in the median, {seconds:.1f} s at most; {slowest}",
            median=median,
            seconds=slowest.seconds,
            slowest=slowest,
        ),
        code="slow-fallback",
        about=[slowest],
    )


def in_time(answers: list[Answer]) -> bool:
    seconds = [answer.seconds for answer in answers]
    answered = all(answer.status is not None for answer in answers)
    return answered and statistics.median(seconds) <= MEDIAN and max(seconds) <= LONGEST


def hopeless(answers: list[Answer]) -> bool:
    """No matter of chance."""
    return statistics.median(answer.seconds for answer in answers) > LONGEST


def right(answer: Answer, row: Mapping[str, Any], what: str) -> None:
    expect(
        is_of(answer, row),
        tr(
            "Redis {what}: GET {path} shows name {name} and price {price}",
            what=what,
            path=path(row),
            name=row["name"],
            price=row["price"],
        ),
        got=f"{answer}: {answer.text[:200]}",
        code="cache-error-passed-on" if answer.status is not None and answer.status >= 500 else "wrong-product",
        about=[answer],
    )


def assortment(
    http: Http, stub: Mapping[str, Stub], redis: Redis, new: New, rng: random.Random
) -> list[dict[str, Any]]:
    """Ten reads to make: of products that are cached, of such that are not, of one of them again and again."""
    rows = [put_on_sale(stub, new, rng) for _ in range(6)]
    for row in rows[:3]:
        cached(http, redis, row)
    return [*rows, *rows[2:6]]


@behaviour("C1")
def check_reads_over_a_broken_link(
    http: Http, stub: Mapping[str, Stub], redis: Redis, faults: FaultBox, new: New, rng: random.Random
) -> None:
    for what, fault in {
        tr("refuses connections"): "refuse",
        tr("resets every connection"): "reset",
        tr("answers nothing"): "blackhole",
        "answers a second later": "latency 1s",
    }.items():
        rows = assortment(http, stub, redis, new, rng)
        with faults.on(LINK, fault):
            read_through(http, rows, what)


@behaviour("C1")
def check_reads_while_redis_is_not_itself(
    http: Http, stub: Mapping[str, Stub], redis: Redis, system: SystemUnderTest, new: New, rng: random.Random
) -> None:
    rows = assortment(http, stub, redis, new, rng)
    with frozen(system):
        read_through(http, rows, tr("is frozen"))
    rows = assortment(http, stub, redis, new, rng)
    redis.flushall()
    read_through(http, rows, tr("was flushed"))
    rows = assortment(http, stub, redis, new, rng)
    with gone(system):
        read_through(http, rows, tr("is down"))
    read_through(http, rows, tr("was restarted"))


@behaviour("C1")
def check_reads_while_redis_answers_errors(
    http: Http, stub: Mapping[str, Stub], redis: Redis, faults: FaultBox, new: New, rng: random.Random
) -> None:
    for code in ("OOM", "LOADING", "READONLY"):
        rows = assortment(http, stub, redis, new, rng)
        with faults.on(LINK, f"error {code}"):
            read_through(http, rows, tr("answers -{code}", code=code))


@behaviour("C2")
def check_no_old_value_survives_an_outage(
    http: Http,
    stub: Mapping[str, Stub],
    redis: Redis,
    faults: FaultBox,
    system: SystemUnderTest,
    new: New,
    rng: random.Random,
) -> None:
    outages: dict[str, Outage] = {
        tr("refused connections"): lambda: faults.on(LINK, "refuse"),
        tr("was frozen"): lambda: frozen(system),
        "answered -READONLY": lambda: faults.on(LINK, "error READONLY"),
    }
    for what, outage in outages.items():
        rows = [put_on_sale(stub, new, rng) for _ in range(5)]
        for row in rows:
            cached(http, redis, row)
        with outage():
            puts = [partial(rewritten, http, row, new, what) for row in rows]
            rows = http.at_once(puts)
        time_is_up = time.monotonic() + AFTERWARDS
        while (late := stale(http, rows)) and time.monotonic() < time_is_up:
            time.sleep(0.1)
        late = late or stale(http, rows)
        expect(
            not late,
            tr(
                "5 PUTs while Redis {what}: {afterwards:g} s after that every GET shows what was written",
                what=what,
                afterwards=AFTERWARDS,
            ),
            got=tr(
                "{count} of 5 show the old value; {late}: {text}",
                count=len(late),
                late=late[0],
                text=late[0].text[:200],
            )
            if late
            else "",
            code="stale-after-outage",
            about=[name for answer in late[:1] for name in (answer.path.rpartition("/")[2], answer)],
        )


def rewritten(http: Http, row: Mapping[str, Any], new: New, what: str) -> dict[str, Any]:
    fresh = {**row, "name": new.id("New")}
    answer = http.put(path(row), json={"name": fresh["name"], "price": fresh["price"]}, timeout=PATIENCE)
    expect(
        answer.status in (200, 201) and answer.seconds <= LONGEST,
        tr(
            "while Redis {what}: PUT {path} answers 200 within {longest:g} s",
            what=what,
            path=path(row),
            longest=LONGEST,
        ),
        got=answer,
        code="write-needs-cache",
        about=[answer],
    )
    return fresh


def stale(http: Http, rows: list[dict[str, Any]]) -> list[Answer]:
    answers = [(http.get(path(row)), row) for row in rows]
    return [answer for answer, row in answers if not is_of(answer, row)]


@behaviour("C3")
def check_the_origin_is_not_flooded(
    http: Http,
    stub: Mapping[str, Stub],
    faults: FaultBox,
    system: SystemUnderTest,
    new: New,
    rng: random.Random,
) -> None:
    most = int(system.env("catalog")["ORIGIN_MAX"])
    origin = stub["origin"]
    rows = [put_on_sale(stub, new, rng) for _ in range(CROWD)]
    with faults.on(LINK, "refuse"), ThreadPoolExecutor(CROWD) as crowd:
        held = origin.will(hold(), on=READS)
        try:
            asked = [crowd.submit(http.get, path(row)) for row in rows]
            held.wait()
            within(1.0, lambda: origin.max_in_flight > most)  # whoever is let through comes in this time
        finally:
            held.release()
        answers = [one.result() for one in asked]
    bad = [answer for answer in answers if answer.status not in (200, 503)]
    good = [answer for answer in answers if answer.status == 200]
    expect(
        origin.max_in_flight <= most,
        tr(
            "Redis refuses and {crowd} clients come at once: at most {most} requests are at the "
            "origin at a time (ORIGIN_MAX)",
            crowd=CROWD,
            most=most,
        ),
        got=tr("{max_in_flight} at the same time", max_in_flight=origin.max_in_flight),
        code="origin-flooded",
        about=answers[:1],
    )
    expect(
        not bad and good,
        tr("each of the {crowd} gets 200 or 503, and some 200", crowd=CROWD),
        got=tr(
            "{count} × 200, {others} otherwise: {value}",
            count=len(good),
            others=len(bad),
            value=bad[0] if bad else "",
        ),
        code="overload-misanswered",
        about=(bad or answers)[:1],
    )


@behaviour("C3")
def check_one_read_asks_the_origin_once(
    http: Http,
    stub: Mapping[str, Stub],
    faults: FaultBox,
    new: New,
    rng: random.Random,
) -> None:
    for what, fault in {"refuses connections": "refuse", "answers -OOM": "error OOM"}.items():
        rows = [put_on_sale(stub, new, rng) for _ in range(10)]
        stub["origin"].forget()
        with faults.on(LINK, fault):
            for row in rows:
                http.get(path(row))
        asked = stub["origin"].count(READS)
        expect(
            asked <= len(rows),
            tr("Redis {what}: {count} reads ask the origin at most {count} times", what=what, count=len(rows)),
            got=tr("{asked} times", asked=asked),
            code="origin-asked-again",
            about=[rows[0]["id"]],
        )


@behaviour("C4")
def check_hits_come_back(
    http: Http,
    stub: Mapping[str, Stub],
    faults: FaultBox,
    system: SystemUnderTest,
    new: New,
    rng: random.Random,
) -> None:
    pid = system.pid("catalog")
    outages: dict[str, Outage] = {
        tr("refused connections"): lambda: faults.on(LINK, "refuse"),
        tr("was frozen"): lambda: frozen(system),
        tr("was down"): lambda: gone(system),
    }
    for what, outage in outages.items():
        row = put_on_sale(stub, new, rng)
        with outage():
            http.at_once([partial(http.get, path(row), timeout=PATIENCE)] * 5)

        def hit(row: Mapping[str, Any] = row) -> bool:
            before = stub["origin"].count(READS)
            return is_of(http.get(path(row)), row) and stub["origin"].count(READS) == before

        eventually(
            hit,
            tr("Redis {what}, then recovers: GET {path} is answered without the origin", what=what, path=path(row)),
            HEALING,
            code="never-reconnects",
            got=lambda: tr("every GET goes to the origin"),
            about=[str(row["id"])],
        )
        expect(
            system.pid("catalog") == pid and pid is not None,
            tr("the same process as before, {pid}", pid=pid),
            got=tr("process {pid}", pid=system.pid("catalog")),
            code="restarted",
        )


@behaviour("C5", start=False)
def check_it_starts_without_redis(
    http: Http, stub: Mapping[str, Stub], faults: FaultBox, system: SystemUnderTest, new: New, rng: random.Random
) -> None:
    row = put_on_sale(stub, new, rng)
    with faults.on(LINK, "refuse"):
        try:
            system.start("catalog")
            trouble = ""
        except CannotTell as reason:
            trouble = str(reason)
        expect(
            not trouble,
            tr("catalog starts although Redis refuses connections, and /readyz is 200"),
            got=trouble,
            code="needs-redis-to-start",
        )
        said = system.ready("catalog") or {}
        expect(
            said.get("http_status") == 200 and said.get("status") == "degraded",
            tr('without Redis /readyz answers 200 {"status": "degraded"}'),
            got=said or tr("no answer"),
            code="not-degraded",
        )
        answer = http.get(path(row), timeout=PATIENCE)
        right(answer, row, tr("was down at the start"))


@behaviour("C6")
def check_an_outage_is_not_silent(
    http: Http,
    stub: Mapping[str, Stub],
    redis: Redis,
    faults: FaultBox,
    new: New,
    rng: random.Random,
    logs: Callable[[str], list[Any]],
    metrics: Callable[[str], Metrics],
) -> None:
    rows = assortment(http, stub, redis, new, rng)
    with faults.on(LINK, "refuse"):
        for row in rows:
            http.get(path(row), timeout=PATIENCE)

        def told() -> bool:
            if any(line.level.lower() in ("warn", "warning", "error", "critical", "fatal") for line in logs("catalog")):
                return True
            try:
                return metrics("catalog").sum("cache_errors_total") > 0
            except (BehaviourFailed, CannotTell):  # it has no metrics, so the log must do
                return False

        eventually(
            told,
            tr(
                "{count} reads while Redis refuses: cache_errors_total counts, or a log line of level warn",
                count=len(rows),
            ),
            2.0,
            code="silent",
            got=lambda: "neither",
            about=[rows[0]["id"]],
        )


@behaviour("C7")
def check_the_origin_is_down_instead(
    http: Http, stub: Mapping[str, Stub], redis: Redis, faults: FaultBox, new: New, rng: random.Random
) -> None:
    row, unknown = put_on_sale(stub, new, rng), put_on_sale(stub, new, rng)
    expect(
        cached(http, redis, row),
        tr("10 × GET {path} leave a copy under {key}", path=path(row), key=key(row)),
        got=tr("no copy"),
        code="not-cached",
    )
    for how, deed in {
        tr("answers 500"): status(500),
        tr("resets connections"): reset(),
        tr("refuses connections"): None,
    }.items():
        if deed is None:
            with faults.on("catalog->origin", "refuse"):
                without_the_origin(http, row, unknown, how)
        else:
            stub["origin"].will(deed)
            without_the_origin(http, row, unknown, how)
            stub["origin"].heal()


def without_the_origin(http: Http, row: Mapping[str, Any], unknown: Mapping[str, Any], how: str) -> None:
    last: list[Answer] = []

    def from_cache() -> bool:
        last[:] = [http.get(path(row))]
        return is_of(last[0], row)

    eventually(
        from_cache,
        tr("the origin {how}: GET {path}, which is cached, answers 200 with the product", how=how, path=path(row)),
        2.0,  # one answer of Redis may be late on a busy machine
        code="cached-but-not-shown",
        got=lambda: f"{last[0]}: {last[0].text[:200]}",
        about=[str(row["id"])],
    )
    answer = http.get(path(unknown))
    expect(
        answer.status == 503 and answer.code == "origin_unavailable",
        tr(
            "the origin {how}: GET {path}, which is not cached, answers 503 origin_unavailable",
            how=how,
            path=path(unknown),
        ),
        got=f"{answer}: {answer.text[:200]}",
        code="made-up-answer" if answer.status in (200, 404) else "not-503",
        about=[answer],
    )
