"""Checks of 4.3: everything that a cache can do to whoever relies on it."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from lab.grading import (
    Answer,
    Http,
    Stub,
    behaviour,
    eventually,
    expect,
    garbage,
    hang,
    hold,
    measured,
    reset,
    sample_twice,
    status,
    tr,
    within,
)
from lab.grading.checking.expect import BehaviourFailed, CannotTell
from lab.grading.checking.fixtures import FaultBox, New, SystemUnderTest
from lab.grading.instruments.metrics import Metrics
from lab.grading.instruments.redis import Redis

LINK = "catalog->redis"
READS = "GET /rows/products/*"
WRITES = "PUT /rows/products/*"
MEDIAN = 1.5
LONGEST = 3.0
PATIENCE = 4.0
"""Seconds after which a request counts as never answered; more than it may take."""
AFTERWARDS = 3.0
"""Seconds after an outage in which an old value may still be shown."""
AGAIN = 2.0
"""Seconds after which what holds is looked at once more."""
PHASE = 1.7
"""Seconds of an outage in each of its forms; three of them follow one another."""
OUTAGE = 5.0
"""Seconds of an outage that a defence with a short memory does not survive."""
PAUSE = 0.2
CROWD = 40
HEALING = 20.0
LOUD = ("warn", "warning", "error", "critical", "fatal")

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


def read_through(http: Http, rows: list[dict[str, Any]], what: str) -> list[Answer]:
    """Ten reads, five at a time: each one right and in time."""

    def measure() -> list[Answer]:
        return http.at_once([partial(http.get, path(row), timeout=PATIENCE) for row in rows], limit=5)

    def good(answers: list[Answer]) -> bool:
        """On a busy machine the origin may be late as well, and be given up."""
        return in_time(answers) and all(map(is_of, answers, rows))

    answers = sample_twice(measure, lambda answers: good(answers) or hopeless(answers))
    for answer, row in zip(answers, rows, strict=True):
        if answer.status is not None:
            right(answer, row, what)
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
    return answers


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
    seconds: list[float] = []
    for what, fault in {
        tr("refuses connections"): "refuse",
        tr("resets every connection"): "reset",
        tr("answers nothing"): "blackhole",
        tr("takes what is sent, and its answers are lost"): "one-way",
        tr("answers a second later"): "latency 1s",
        **{tr("answers -{code}", code=code): f"error {code}" for code in ("OOM", "LOADING", "READONLY")},
    }.items():
        rows = assortment(http, stub, redis, new, rng)
        with faults.on(LINK, fault):
            seconds += [answer.seconds for answer in read_through(http, rows, what)]
    measured("p95", sorted(seconds)[int(0.95 * len(seconds))])


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


@behaviour("C2")
def check_no_old_value_survives_an_outage(
    http: Http, stub: Mapping[str, Stub], redis: Redis, faults: FaultBox, new: New, rng: random.Random
) -> None:
    rows = [put_on_sale(stub, new, rng) for _ in range(15)]
    for row in rows:
        cached(http, redis, row)
    written: list[dict[str, Any]] = []
    whiles: list[str] = []
    with ExitStack() as before:
        for what, fault in {
            tr("refuses connections"): "refuse",
            tr("answers nothing"): "blackhole",
            tr("answers -{code}", code="READONLY"): "error READONLY",
        }.items():
            after = ExitStack()
            after.enter_context(faults.on(LINK, fault))
            before.close()  # only now, so that Redis is not well for a moment in between
            before.push(after)
            began = time.monotonic()
            fresh = http.at_once([partial(rewritten, http, row, new, what) for row in rows[:5]])
            rows, written = rows[5:], written + fresh
            whiles.append(what)
            while time.monotonic() < began + PHASE:
                time.sleep(PAUSE)
                late = stale(http, fresh)
                expect(
                    not late or fault == "error READONLY",  # then Redis still answers, with what it had
                    tr("Redis {what}: every GET after a PUT shows what was written", what=what),
                    got=f"{late[0]}: {late[0].text[:200]}" if late else "",
                    code="stale-in-outage",
                    about=[name for answer in late[:1] for name in (answer.path.rpartition("/")[2], answer)],
                )
    ended = time.monotonic()
    while (late := stale(http, written)) and time.monotonic() < ended + AFTERWARDS:
        time.sleep(PAUSE)  # customers come: who looks meanwhile must not be what heals it
    expect_what_was_written(late, written, whiles, AFTERWARDS)
    fresh_since = time.monotonic()
    from_cache = False  # a cache that is still avoided shows nothing yet
    while time.monotonic() < fresh_since + AGAIN or (not from_cache and time.monotonic() < ended + AFTERWARDS + AGAIN):
        time.sleep(PAUSE)
        before_it = stub["origin"].count(READS)
        late = stale(http, written)
        from_cache = stub["origin"].count(READS) == before_it
    expect_what_was_written(late, written, whiles, time.monotonic() - ended)


def expect_what_was_written(
    late: list[Answer], written: list[dict[str, Any]], whiles: list[str], seconds: float
) -> None:
    """Of what was written in three outages that followed one another nothing older is shown."""
    each = len(written) // len(whiles)
    old = {answer.path for answer in late}
    hit = [what for nr, what in enumerate(whiles) if old & {path(row) for row in written[nr * each : (nr + 1) * each]}]
    expect(
        not late,
        tr(
            "15 PUTs while Redis refused, stood still and answered -READONLY for {outage:g} s in all: "
            "{seconds:.1f} s after that every GET shows what was written",
            outage=3 * PHASE,
            seconds=seconds,
        ),
        got=tr(
            "{count} of 15 show the old value, all of them written while Redis {whiles}; {late}: {text}",
            count=len(late),
            whiles=tr(" or ").join(hit),
            late=late[0],
            text=late[0].text[:200],
        )
        if late
        else "",
        code="stale-after-outage"
        if hit == whiles
        else "stale-after-refusal"
        if hit == whiles[-1:]
        else "forgotten-in-outage"
        if whiles[-1] not in hit
        else "stale-in-part",
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
    """The answers that do not show what was written."""
    answers = http.at_once([partial(http.get, path(row), timeout=PATIENCE) for row in rows], limit=5)
    return [answer for answer, row in zip(answers, rows, strict=True) if not is_of(answer, row)]


@behaviour("C3", start=False)
def check_the_origin_is_not_flooded(
    http: Http,
    stub: Mapping[str, Stub],
    faults: FaultBox,
    system: SystemUnderTest,
    new: New,
    rng: random.Random,
) -> None:
    most = 4  # not that of the other checks: it is a setting
    system.start("catalog", {"ORIGIN_MAX": most})
    origin = stub["origin"]
    rows = [put_on_sale(stub, new, rng) for _ in range(CROWD)]
    with faults.on(LINK, "refuse"), ThreadPoolExecutor(CROWD) as crowd:
        held, writes = origin.will(hold(), on=READS), origin.will(hold(), on=WRITES)
        try:
            asked = [crowd.submit(wanted, http, row, nr) for nr, row in enumerate(rows)]
            within(10.0, lambda: held.held or writes.held)
            within(1.0, lambda: origin.max_in_flight > most)  # whoever is let through comes in this time
        finally:
            reading = held.held
            held.release()
            writes.release()
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
        code="origin-flooded" if reading > most else "writes-flood-the-origin",
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


def wanted(http: Http, row: Mapping[str, Any], number: int) -> Answer:
    """Reads at first, and then some writes."""
    if number < CROWD * 3 / 4:
        return http.get(path(row))
    return http.put(path(row), json={"name": row["name"], "price": row["price"]})


@behaviour("C3")
def check_one_read_asks_the_origin_once(
    http: Http,
    stub: Mapping[str, Stub],
    faults: FaultBox,
    new: New,
    rng: random.Random,
) -> None:
    for what, fault in {
        tr("refuses connections"): "refuse",
        tr("resets every connection"): "reset",
        tr("answers -{code}", code="OOM"): "error OOM",
    }.items():
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
    outages: dict[str, tuple[float, Outage]] = {
        tr("was down"): (OUTAGE, lambda: gone(system)),
        tr("refused connections"): (0.0, lambda: faults.on(LINK, "refuse")),
        tr("was frozen"): (0.0, lambda: frozen(system)),
    }
    seen: list[tuple[str, dict[str, Any]]] = []
    slowest = 0.0

    def hit(row: Mapping[str, Any]) -> bool:
        before = stub["origin"].count(READS)
        return is_of(http.get(path(row)), row) and stub["origin"].count(READS) == before

    for what, (seconds, outage) in outages.items():
        row = put_on_sale(stub, new, rng)
        with outage():
            until = time.monotonic() + seconds
            while True:
                http.at_once([partial(http.get, path(row), timeout=PATIENCE)] * 5)
                if time.monotonic() > until:
                    break
                time.sleep(PAUSE)
        seen.append((what, row))
        ended = time.monotonic()
        for earlier, known in seen:  # and again, those of the outages before
            eventually(
                partial(hit, known),
                tr(
                    "Redis {what}, then recovers: GET {path} is answered without the origin",
                    what=earlier,
                    path=path(known),
                ),
                HEALING,
                code="never-reconnects",
                got=lambda: tr("every GET goes to the origin"),
                about=[str(known["id"])],
            )
        slowest = max(slowest, time.monotonic() - ended)
        expect(
            system.pid("catalog") == pid and pid is not None,
            tr("the same process as before, {pid}", pid=pid),
            got=tr("process {pid}", pid=system.pid("catalog")),
            code="restarted",
        )
    measured("back", slowest)


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
            code="ready-without-redis" if said.get("status") == "ready" else "not-degraded",
        )
        answer = http.get(path(row), timeout=PATIENCE)
        right(answer, row, tr("was down at the start"))
    said_in_readyz(http, system, row, "ready", tr("Redis is there again"))
    with faults.on(LINK, "blackhole"):
        said_in_readyz(http, system, row, "degraded", tr("Redis answers nothing"))


def said_in_readyz(http: Http, system: SystemUnderTest, row: Mapping[str, Any], status: str, why: str) -> None:
    """While customers come, for a service may learn of its cache from them."""
    said: dict[str, Any] = {}

    def says() -> bool:
        http.get(path(row), timeout=PATIENCE)
        said.clear()
        said.update(system.ready("catalog") or {})
        return said.get("http_status") == 200 and said.get("status") == status

    eventually(
        says,
        tr(
            '{why}: /readyz answers 200 {{"status": "{status}"}} within {seconds:g} s',
            why=why,
            status=status,
            seconds=HEALING,
        ),
        HEALING,
        code=lambda: f"{said.get('status')}-instead-of-{status}",
        got=lambda: said or tr("no answer"),
    )


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

    def warnings() -> int:
        return sum(line.level.lower() in LOUD for line in logs("catalog"))

    def counted() -> float:
        try:
            return metrics("catalog").sum("cache_errors_total")
        except (BehaviourFailed, CannotTell):  # it has no metrics, so the log must do
            return 0.0

    def read() -> tuple[int, float]:
        """Warnings and errors that came of the reads."""
        warned, errors = warnings(), counted()
        for row in rows:
            http.get(path(row), timeout=PATIENCE)
        within(0.5, lambda: warnings() > warned or counted() > errors)
        return warnings() - warned, counted() - errors

    usual = read()
    with faults.on(LINK, "refuse"):
        told = read()
    expect(
        told[0] > usual[0] or told[1] > usual[1],
        tr(
            "{count} reads while Redis refuses: cache_errors_total or log lines of level warn grow more than usual",
            count=len(rows),
        ),
        got=tr(
            "{warned} warnings, {errors:g} errors; before: {usual} and {before:g}",
            warned=told[0],
            errors=told[1],
            usual=usual[0],
            before=usual[1],
        ),
        code="no-louder-than-usual" if any(told) else "silent",
        about=[rows[0]["id"]],
    )


@behaviour("C7", start=False)
def check_the_origin_is_down_instead(
    http: Http,
    stub: Mapping[str, Stub],
    redis: Redis,
    faults: FaultBox,
    system: SystemUnderTest,
    new: New,
    rng: random.Random,
) -> None:
    system.start("catalog", {"HTTP_TIMEOUT_MS": 500, "REDIS_TIMEOUT_MS": 1000})
    row, unknown = put_on_sale(stub, new, rng), put_on_sale(stub, new, rng)
    expect(
        cached(http, redis, row),
        tr("10 × GET {path} leave a copy under {key}", path=path(row), key=key(row)),
        got=tr("no copy"),
        code="not-cached",
    )
    for how, deed in {
        tr("answers 500"): status(500),
        tr("answers 503"): status(503),
        tr("answers with HTML"): garbage(),
        tr("does not answer"): hang(),
        tr("resets connections"): reset(),
    }.items():
        stub["origin"].will(deed)
        without_the_origin(http, row, unknown, how)
        stub["origin"].heal()
    with faults.on("catalog->origin", "refuse"):
        how = tr("refuses connections")
        without_the_origin(http, row, unknown, how)
        with faults.on(LINK, "latency 300ms"):
            without_the_origin(
                http,
                row,
                unknown,
                tr("refuses connections, and Redis is 300 ms late (REDIS_TIMEOUT_MS is 1000)"),
                "late-copy-not-shown",
            )
        with faults.on(LINK, "refuse"):
            unavailable(http, row, tr("refuses connections, and Redis does, too"), "both-down-not-503")


def without_the_origin(
    http: Http, row: Mapping[str, Any], unknown: Mapping[str, Any], how: str, code: str = "cached-but-not-shown"
) -> None:
    last: list[Answer] = []

    def from_cache() -> bool:
        last[:] = [http.get(path(row))]
        return is_of(last[0], row)

    eventually(
        from_cache,
        tr("the origin {how}: GET {path}, which is cached, answers 200 with the product", how=how, path=path(row)),
        2.0,  # one answer of Redis may be late on a busy machine
        code=code,
        got=lambda: f"{last[0]}: {last[0].text[:200]}",
        about=[str(row["id"])],
    )
    unavailable(http, unknown, how)


def unavailable(http: Http, row: Mapping[str, Any], how: str, code: str = "not-503") -> None:
    answer = http.get(path(row))
    expect(
        answer.status == 503 and answer.code == "origin_unavailable",
        tr(
            "the origin {how}: GET {path}, of which there is no copy, answers 503 origin_unavailable",
            how=how,
            path=path(row),
        ),
        got=f"{answer}: {answer.text[:200]}",
        code="made-up-answer" if answer.status in (200, 404) else code,
        about=[answer],
    )
    again = answer.headers.get("retry-after", "")
    expect(
        is_when(again),
        tr("the origin {how}: the 503 says when to come again, in Retry-After", how=how),
        got=tr("Retry-After: {again}", again=again) if again else tr("no Retry-After"),
        code="unreadable-retry-after" if again else "no-retry-after",
        about=[answer],
    )


def is_when(text: str) -> bool:
    """Whether it is a number of seconds or a date, as Retry-After may be."""
    if text.isascii() and text.isdigit():
        return True
    try:
        return parsedate_to_datetime(text) is not None
    except ValueError:
        return False
