"""Checks of 4.4: what the layer tells the origin and Redis, in which order, and what is left when that is cut short."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
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
    garbage,
    hang,
    hold,
    lost,
    reset,
    sample_twice,
    status,
    tr,
    within,
)
from lab.grading.checking.fixtures import New, SystemUnderTest
from lab.grading.instruments.redis import Redis

READS = "GET /rows/products/*"
WRITES = "PUT /rows/products/*"
HASTY = {"HTTP_TIMEOUT_MS": 600}
"""A layer that gives up on the origin soon, so that a check need not wait for it."""
HELD = {"HTTP_TIMEOUT_MS": 15_000}
"""A layer that does not give up on the origin before the check has killed it."""
AWAY = 10.0
ROUNDS = 10
CROSSINGS = 6
OVERTAKES = 0.3
"""Seconds that an answer of the origin waits to be overtaken: who writes one after the other sends no second one."""
READ = 20
CROWD = 40
MOST = 3
SLOW = 0.6
TAKES = 0.5
AGAIN = 2.0


def put_on_sale(stub: Mapping[str, Stub], new: New, rng: random.Random, **over: Any) -> dict[str, Any]:
    """A row at the origin that the layer has never heard of."""
    row = {"id": new.id("p"), "name": new.id("Tea"), "price": rng.randint(1, 900) * 100, "version": 1} | over
    stub["origin"].set("products", row["id"], row)  # type: ignore[attr-defined]
    return row


def at_the_origin(stub: Mapping[str, Stub], row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as the origin has it at this moment."""
    found: dict[str, Any] = stub["origin"].rows["products"].get(row["id"], {})  # type: ignore[attr-defined]
    return found


def path(row: Mapping[str, Any]) -> str:
    return f"/products/{row['id']}"


def is_of(answer: Answer, row: Mapping[str, Any]) -> bool:
    body = answer.json if isinstance(answer.json, dict) else {}
    return answer.status == 200 and all(body.get(field) == row[field] for field in ("id", "name", "price", "version"))


def shows(answer: Answer, row: Mapping[str, Any], when: str, code: str) -> None:
    expect(
        is_of(answer, row),
        tr(
            "{when}: GET {path} shows name {name}, price {price}, version {version}",
            when=when,
            path=path(row),
            name=row["name"],
            price=row["price"],
            version=row["version"],
        ),
        got=f"{answer}: {answer.text[:200]}",
        code=code,
        about=[str(row["id"]), answer],
    )


def bought(http: Http, row: Mapping[str, Any]) -> None:
    """A read that must work, so that there is something to say about what comes after."""
    shows(http.get(path(row)), row, tr("{id} is at the origin", id=row["id"]), "not-shown")


def change(http: Http, row: Mapping[str, Any], name: str, **more: Any) -> Answer:
    return http.put(path(row), json={"name": name, "price": row["price"]}, **more)


def changed(http: Http, stub: Mapping[str, Stub], row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A write that must work; the row as the origin has it when the answer is there."""
    answer = change(http, row, name)
    fresh = at_the_origin(stub, row)
    expect(
        answer.status in (200, 201),
        tr("PUT {path} with a name and a price answers 200", path=path(row)),
        got=answer,
        code="put-fails",
        about=[answer],
    )
    expect(
        fresh.get("name") == name,
        tr(
            "PUT {path} has answered {status}: the origin has the name {name}",
            path=path(row),
            status=answer.status,
            name=name,
        ),
        got=tr("the name {name}", name=fresh.get("name")),
        code="answered-before-written",
        about=[str(row["id"]), answer],
    )
    body = answer.json if isinstance(answer.json, dict) else {}
    expect(
        all(body.get(field) == fresh.get(field) for field in ("id", "name", "price", "version")),
        tr("PUT {path} answers with the product as the origin has it: {row}", path=path(row), row=fresh),
        got=f"{answer}: {answer.text[:200]}",
        code="put-answers-otherwise",
        about=[answer],
    )
    return fresh


def told(http: Http, row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A write that must work; the row as the answer has it. Whether the origin has it, too, is C3's matter."""
    answer = change(http, row, name)
    body = answer.json if isinstance(answer.json, dict) else {}
    expect(
        answer.status in (200, 201) and body.get("name") == name and "version" in body,
        tr("PUT {path} answers 200 and the product with the name {name}", path=path(row), name=name),
        got=f"{answer}: {answer.text[:200]}",
        code="put-fails",
        about=[answer],
    )
    return {**row, "name": name, "version": body["version"]}


@behaviour("C1")
def check_the_catalog_keeps_nothing(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    row = put_on_sale(stub, new, rng)
    bought(http, row)
    bought(http, row)
    answer = http.get(f"/products/{new.id('nobody')}")
    expect(
        answer.status == 404,
        tr("GET {path}, which is not at the origin, answers 404", path=answer.path),
        got=answer,
        code="missing-is-not-404",
        about=[answer],
    )
    answer = http["cache"].put(f"/cache{path(row)}", json={"name": new.id("New"), "price": row["price"]})
    expect(
        answer.status in (200, 201),
        tr("PUT {path} with a name and a price answers 200", path=answer.path),
        got=answer,
        code="put-fails",
        about=[answer],
    )
    eventually(
        lambda: at_the_origin(stub, row) != row,
        tr("PUT {path} comes to the origin", path=answer.path),
        5.0,
        code="write-never-came",
    )
    fresh = at_the_origin(stub, row)
    shows(http.get(path(row)), fresh, tr("somebody else changed it at the layer"), "copy-in-the-catalog")
    system.stop("cache")
    for read in (True, False):
        answer = http.get(path(row), timeout=AWAY + 2) if read else change(http, row, row["name"], timeout=AWAY + 2)
        expect(
            answer.status == 503 and answer.seconds <= AWAY,
            tr(
                "the layer is stopped: {method} {path} answers 503 within {limit:g} s",
                method=answer.method,
                path=answer.path,
                limit=AWAY,
            ),
            got=answer,
            code="layer-away-misanswered",
            about=[answer],
        )
    system.start("cache")
    eventually(
        lambda: is_of(http.get(path(row)), fresh),
        tr("the layer is back: GET {path} shows the product within {limit:g} s", path=path(row), limit=AWAY),
        AWAY,
        code="never-asks-again",
        about=[row["id"]],
    )


@behaviour("C2", start=False)
def check_the_next_read_is_a_hit(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, redis: Redis, system: SystemUnderTest
) -> None:
    lifetime = 12  # not that of the other checks: it is a setting
    system.start("cache", {"CACHE_TTL_S": lifetime})
    system.start("catalog")
    rows = [put_on_sale(stub, new, rng) for _ in range(ROUNDS // 2)]
    rows += [{"id": new.id("p"), "price": 700} for _ in range(ROUNDS - len(rows))]
    began = time.monotonic()
    for row in rows[:2]:
        bought(http, row)
    stub["origin"].forget()
    fresh = []
    for row in rows:
        fresh.append(told(http, row, new.id("New")))
        shows(http.get(path(row)), fresh[-1], tr("after the PUT"), "stale-after-write")
    asked = stub["origin"].count(READS)
    expect(
        asked == 0,
        tr("{count} × PUT and GET ask the origin for 0 reads: the PUT has left the copy", count=len(rows)),
        got=tr("{asked} reads at the origin", asked=asked),
        code="read-after-write-asks",
        about=[fresh[-1]["id"]],
    )
    ttls = redis.keys_like("*")
    elapsed = time.monotonic() - began
    bad = {name: left for name, left in ttls.items() if left is None or left > 1.5 * lifetime}
    expect(
        ttls and not bad,
        tr(
            "CACHE_TTL_S={lifetime}: there are keys in Redis, and each lives for at most {limit:g} s "
            "(1.5 × CACHE_TTL_S)",
            lifetime=lifetime,
            limit=1.5 * lifetime,
        ),
        got=", ".join(
            f"{name} {tr('for ever') if left is None else f'{left:.0f} s'}" for name, left in [*bad.items()][:3]
        )
        or tr("no keys"),
        code="no-key" if not ttls else "no-ttl" if None in bad.values() else "ttl-too-long",
    )
    longest = max(left or 0.0 for left in ttls.values())
    expect(
        longest + elapsed >= lifetime / 2,
        tr(
            "CACHE_TTL_S={lifetime}: copies live for at least {limit:g} s (0.5 ×)",
            lifetime=lifetime,
            limit=lifetime / 2,
        ),
        got=tr("{left:.1f} s", left=longest),
        code="ttl-too-short",
    )
    system.restart("cache", {"CACHE_TTL_S": 600})
    stub["origin"].forget()
    last = sample_twice(partial(http.get, path(fresh[-1])), lambda answer: answer.status is not None)
    shows(last, fresh[-1], tr("the layer was restarted"), "stale-after-restart")
    asked = stub["origin"].count(READS) if time.monotonic() - began < lifetime / 2 else 0
    expect(
        asked == 0,
        tr("the layer was restarted: GET {path} is still a hit, the copy is in Redis", path=path(fresh[-1])),
        got=tr("{asked} reads at the origin", asked=asked),
        code="copies-die-with-the-process",
        about=[fresh[-1]["id"], last],
    )


@behaviour("C3")
def check_answered_means_written(http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random) -> None:
    stub["origin"].will(delay(TAKES), on=WRITES)
    rows = [put_on_sale(stub, new, rng), {"id": new.id("p"), "price": 700}]
    bought(http, rows[0])
    for row in rows:
        changed(http, stub, row, new.id("New"))
    within(TAKES, lambda: stub["origin"].count(WRITES) > len(rows))
    written = stub["origin"].count(WRITES)
    expect(
        written == len(rows),
        tr("{count} PUTs are {count} writes at the origin", count=len(rows)),
        got=tr("{count} writes", count=written),
        code="written-again",
        about=[row["id"] for row in rows],
    )


def failures() -> dict[str, Deed]:
    """What the origin can do in place of its work, by the words for it; and, as the last one, beside it."""
    return {
        tr("answers 500"): status(500),
        tr("answers 503"): status(503),
        tr("resets connections"): reset(),
        tr("answers with HTML"): garbage(),
        tr("does not answer"): hang(),
        tr("writes, and its answer is lost"): lost(),
    }


@behaviour("C4", start=False)
def check_after_a_failed_write(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    system.start("cache", HASTY)
    system.start("catalog")
    for how, deed in failures().items():
        rows = [put_on_sale(stub, new, rng) for _ in range(2)]
        bought(http, rows[0])  # one is cached, one is not
        stub["origin"].will(deed, on=WRITES)
        answers = http.at_once([partial(change, http, row, new.id("Perhaps")) for row in rows])
        stub["origin"].heal()
        for row, answer in zip(rows, answers, strict=True):
            expect(
                answer.status is not None and answer.status >= 500,
                tr("the origin {how}: PUT {path} answers 5xx", how=how, path=path(row)),
                got=answer,
                code="lost-write-confirmed" if answer.outcome == "ok" else "wrong-status",
                about=[answer],
            )
            true = at_the_origin(stub, row)
            shows(
                http.get(path(row)),
                true,
                tr("the origin {how} to the PUT, and this is what it has", how=how),
                "never-written-value" if true == row else "old-copy-after-a-lost-answer",
            )


@behaviour("C5", start=False)
def check_killed_on_the_way_to_the_origin(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    system.start("cache", HELD)
    system.start("catalog")
    rows = [put_on_sale(stub, new, rng) for _ in range(2)]
    bought(http, rows[0])
    held = stub["origin"].will(hold(), on=WRITES)
    with ThreadPoolExecutor(2) as threads:
        puts = [threads.submit(change, http, row, new.id("Perhaps")) for row in rows]
        try:
            held.wait()
            within(TAKES, lambda: held.held >= len(rows))
            system.kill("cache")
            within(5.0, lambda: not held.held)
        finally:
            held.release()
        for put in puts:
            put.result()
    stub["origin"].heal()
    system.start("cache")
    for row in rows:
        what = tr("the layer was killed while a PUT waited at the origin, and started again")
        shows(http.get(path(row)), at_the_origin(stub, row), what, "cache-ahead-of-origin")


class Crossing:
    """Works at once, and lets the answer to the first request go out after that to the second one."""

    def __init__(self) -> None:
        self._overtaken = asyncio.Event()
        self._arrived = 0

    async def __call__(self, _: Seen, rest: Rest) -> Reply | None:
        self._arrived += 1
        first = self._arrived == 1
        reply = await rest()
        if not first:
            self._overtaken.set()
            return reply
        try:
            async with asyncio.timeout(OVERTAKES):
                await self._overtaken.wait()
            await asyncio.sleep(OVERTAKES / 2)
        except TimeoutError:
            pass
        return reply


@behaviour("C6")
def check_two_writes_at_once(http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random) -> None:
    for number in range(CROSSINGS):
        row = put_on_sale(stub, new, rng)
        if number % 2:
            bought(http, row)
        stub["origin"].will(Crossing(), on=WRITES)
        answers = http.at_once([partial(change, http, row, new.id(who)) for who in ("One", "Two")])
        stub["origin"].heal()
        for answer in answers:
            expect(
                answer.status in (200, 201),
                tr("two PUTs of {id} at once both answer 200", id=row["id"]),
                got=answer,
                code="put-fails",
                about=[answer],
            )
        for _ in range(2):
            shows(
                http.get(path(row)),
                at_the_origin(stub, row),
                tr("two PUTs at once, and this is what the origin has"),
                "last-answer-wins",
            )


@behaviour("C7")
def check_a_miss_is_one_read(http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, redis: Redis) -> None:
    row = put_on_sale(stub, new, rng)
    for what in (tr("it was never read"), tr("Redis was flushed, and the row changed at the origin")):
        stub["origin"].forget()
        for _ in range(READ):
            shows(http.get(path(row)), row, what, "wrong-product")
        asked = stub["origin"].count(READS)
        expect(
            asked == 1,
            tr("{what}: {count} reads of {id} ask the origin once", what=what, count=READ, id=row["id"]),
            got=tr("{asked} reads at the origin", asked=asked),
            code="origin-read-each-time",
            about=[row["id"]],
        )
        row = put_on_sale(stub, new, rng, id=row["id"], version=7)
        redis.flushall()


@behaviour("C7")
def check_a_crowd_is_one_load(http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random) -> None:
    stub["origin"].will(delay(SLOW), on=READS)

    def rush() -> tuple[dict[str, Any], list[Answer], int]:
        row = put_on_sale(stub, new, rng)
        answers = http.at_once([partial(http.get, path(row))] * CROWD)
        return row, answers, stub["origin"].count(f"GET /rows{path(row)}")

    row, answers, asked = sample_twice(rush, lambda found: found[2] <= MOST)
    for answer in answers:
        shows(answer, row, tr("{count} read it at once", count=CROWD), "crowd-misanswered")
    expect(
        asked <= MOST,
        tr("{count} reads of {id} at once ask the origin at most {most} times", count=CROWD, id=row["id"], most=MOST),
        got=tr("{asked} times", asked=asked),
        code="stampede",
        about=[row["id"]],
    )


@behaviour("C8", start=False)
def check_killed_before_it_knew(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    system.start("cache", HELD)
    system.start("catalog")
    row = put_on_sale(stub, new, rng)
    bought(http, row)
    before, after = hold(), hold()

    async def held_on_both_ways(seen: Seen, rest: Rest) -> Reply | None:
        async def written() -> Reply | None:
            reply = await rest()

            async def done() -> Reply | None:
                return reply

            return await after(seen, done)

        return await before(seen, written)

    stub["origin"].will(held_on_both_ways, on=WRITES)
    with ThreadPoolExecutor(2) as threads:
        put = threads.submit(change, http, row, new.id("New"))
        try:
            before.wait()
            reader = threads.submit(http.get, path(row))
            within(TAKES, reader.done)  # who lets one at a time near a product makes the reader wait for the PUT
            before.release()
            after.wait()
            system.kill("cache")
            within(5.0, lambda: not after.held)
        finally:
            before.release()
            after.release()
        put.result()
        reader.result()
    stub["origin"].heal()
    system.start("cache", {"HTTP_TIMEOUT_MS": 2000})
    true = at_the_origin(stub, row)
    until = time.monotonic() + AGAIN
    while True:
        shows(
            http.get(path(row)),
            true,
            tr("the layer was killed when the origin had written, and started again"),
            "old-copy-survives-the-crash",
        )
        if time.monotonic() > until:
            break
        within(0.2, lambda: False)
