"""Checks of 4.2: what the catalog shows, what the origin was asked for it, and what stands in Redis meanwhile."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
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
    eventually,
    expect,
    garbage,
    hang,
    hold,
    reset,
    sample_twice,
    status,
    tr,
    within,
)
from lab.grading.checking.fixtures import FaultBox, New, SystemUnderTest
from lab.grading.instruments.redis import Redis

READS = "GET /rows/products/*"
WRITES = "PUT /rows/products/*"
HASTY = {"HTTP_TIMEOUT_MS": 500}
"""A service that gives up on the origin soon, so that a check need not wait for it."""
ROUNDS = 20
STRANGERS = 50
KEYS = 30
SPREAD = 1.0
"""Seconds over which lifetimes must be spread at least."""
SOON = 1.0
"""Seconds in which what was not remembered is shown: less than an absence is kept."""
AGAIN = 2.0
"""Seconds after which what holds is looked at once more."""
LATE = 0.2
"""Seconds after a PUT in which a reader who was asked before it comes back."""
SECOND_DELETE = 3.0
"""Seconds in which a second, delayed delete of the key may still come."""


def put_on_sale(stub: Mapping[str, Stub], new: New, rng: random.Random, **over: Any) -> dict[str, Any]:
    """A row at the origin that the catalog has never heard of."""
    row = {"id": new.id("p"), "name": new.id("Tea"), "price": rng.randint(1, 900) * 100, "version": 1} | over
    stub["origin"].set("products", row["id"], row)  # type: ignore[attr-defined]
    return row


def path(row: Mapping[str, Any]) -> str:
    return f"/products/{row['id']}"


def key(row: Mapping[str, Any]) -> str:
    return f"catalog:product:{row['id']}"


def shown(answer: Answer) -> dict[str, Any]:
    """The product in the answer. A product as JSON within a string counts as well: that is C6's matter."""
    body = answer.json
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            body = None
    return body if isinstance(body, dict) else {}


def shows(answer: Answer, row: Mapping[str, Any], when: str, code: str) -> None:
    expect(
        answer.status == 200 and is_of(answer, row),
        tr(
            "{when}: GET {path} shows name {name} and price {price}",
            when=when,
            path=path(row),
            name=row["name"],
            price=row["price"],
        ),
        got=f"{answer}: {answer.text[:200]}",
        code=code,
        about=[str(row["id"]), answer],
    )


def is_of(answer: Answer, row: Mapping[str, Any]) -> bool:
    found = shown(answer)
    return all(found.get(field) == row[field] for field in ("name", "price"))


def bought(http: Http, row: Mapping[str, Any]) -> Answer:
    """A read that must work, so that there is something to say about what comes after."""
    answer = http.get(path(row))
    shows(answer, row, tr("{id} is at the origin", id=row["id"]), "not-shown")
    return answer


def changed(http: Http, row: Mapping[str, Any], name: str, price: int) -> dict[str, Any]:
    answer = http.put(path(row), json={"name": name, "price": price})
    expect(
        answer.status in (200, 201),
        tr("PUT {path} with a name and a price answers 200", path=path(row)),
        got=answer,
        code="put-fails",
        about=[answer],
    )
    found = shown(answer)
    version, before = found.get("version"), row.get("version", 0)
    fresh = {**row, "name": name, "price": price, "version": version}
    expect(
        is_of(answer, fresh) and found.get("id") == row["id"] and isinstance(version, int) and version > before,
        tr(
            "PUT {path} answers with the product: id, name {name}, price {price}, a version above {version}",
            path=path(row),
            name=name,
            price=price,
            version=before,
        ),
        got=f"{answer}: {answer.text[:200]}",
        code="put-answers-otherwise",
        about=[answer],
    )
    return fresh


def failures() -> dict[str, Deed]:
    """What the origin can do in place of its work, by the words for it."""
    return {
        tr("answers 500"): status(500),
        tr("answers 503"): status(503),
        tr("resets connections"): reset(),
        tr("answers with HTML"): garbage(),
        tr("does not answer"): hang(),
    }


def reads(stub: Mapping[str, Stub]) -> int:
    return stub["origin"].count(READS)


@behaviour("C1")
def check_the_origin_is_read_once(http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random) -> None:
    row = put_on_sale(stub, new, rng)
    answers = [bought(http, row) for _ in range(ROUNDS)]
    asked = reads(stub)
    expect(
        asked == 1,
        tr("{rounds} reads of {id} in a row ask the origin once", rounds=ROUNDS, id=row["id"]),
        got=tr("{asked} reads at the origin", asked=asked),
        code="origin-read-each-time",
        about=[row["id"], *answers[-1:]],
    )


@behaviour("C2", start=False)
def check_every_key_has_an_end(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, redis: Redis, system: SystemUnderTest
) -> None:
    lifetime = 12  # not that of the other checks: it is a setting
    shortest, longest = 0.5 * lifetime, 1.5 * lifetime
    system.start("catalog", {"CACHE_TTL_S": lifetime})
    began = time.monotonic()
    rows = [put_on_sale(stub, new, rng) for _ in range(5)]
    for row in rows:
        bought(http, row)
    unread = put_on_sale(stub, new, rng)  # its key, if a PUT makes one, has no lifetime from before
    for row in (rows[0], unread):
        http.put(path(row), json={"name": new.id("Tea"), "price": 700})
    http.get(path(rows[0]))
    http.get(f"/products/{new.id('nobody')}")
    ttls = redis.keys_like("catalog:*")
    elapsed = time.monotonic() - began
    expect(
        key(rows[1]) in ttls,
        tr("after GET {path} there is a key {key}", path=path(rows[1]), key=key(rows[1])),
        got=tr("keys {ttls}", ttls=sorted(ttls)),
        code="no-key",
    )
    kept = as_text(redis.type(key(rows[1])))
    expect(
        kept == "string" and is_json(as_text(redis.get(key(rows[1])) or b"")),
        tr("the value of {key} is a JSON string", key=key(rows[1])),
        got=tr("a value of type {kept}: {value}", kept=kept, value=redis.get(key(rows[1])) if kept == "string" else ""),
        code="not-json",
        about=[rows[1]["id"]],
    )
    none_outlives(longest, ttls)
    left = ttls[key(rows[1])] or 0.0
    expect(
        left + elapsed >= shortest,
        tr("{key} lives for at least {limit:g} s (0.5 × CACHE_TTL_S)", key=key(rows[1]), limit=shortest),
        got=tr("{left:.1f} s", left=left),
        code="ttl-too-short",
        about=[rows[1]["id"]],
    )


def none_outlives(longest: float, ttls: Mapping[str, float | None]) -> None:
    bad = {name: left for name, left in ttls.items() if left is None or left > longest}
    expect(
        not bad,
        tr(
            "each of the {count} keys catalog:* lives for at most {limit:g} s (1.5 × CACHE_TTL_S)",
            count=len(ttls),
            limit=longest,
        ),
        got=", ".join(f"{name} {tr('for ever') if left is None else f'{left:.0f} s'}" for name, left in bad.items()),
        code="no-ttl" if None in bad.values() else "ttl-too-long",
        about=[name.rpartition(":")[2] for name in [*bad][:1]],
    )


@behaviour("C2", start=False)
def check_a_short_life_is_short(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, redis: Redis, system: SystemUnderTest
) -> None:
    """Lifetimes that differ by some seconds, and not by a share of CACHE_TTL_S, fit only a long one."""
    lifetime = 4
    system.start("catalog", {"CACHE_TTL_S": lifetime})
    rows = [put_on_sale(stub, new, rng) for _ in range(8)]
    for row in rows:
        bought(http, row)
    ttls = redis.keys_like("catalog:*")
    none_outlives(1.5 * lifetime, {key(row): ttls[key(row)] for row in rows if key(row) in ttls})


def as_text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


@behaviour("C3")
def check_you_read_what_you_wrote(http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random) -> None:
    row = put_on_sale(stub, new, rng)
    bought(http, row)
    for number in range(1, ROUNDS + 1):
        row = changed(http, row, new.id("Tea"), rng.randint(1, 900) * 100)
        shows(http.get(path(row)), row, tr("after PUT number {number}", number=number), "stale-after-write")


@behaviour("C4", start=False)
def check_a_failed_write_changes_nothing(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    system.start("catalog", HASTY)
    for how, deed in failures().items():
        rows = [put_on_sale(stub, new, rng) for _ in range(2)]
        bought(http, rows[0])  # one is cached, one is not
        stub["origin"].will(deed, on=WRITES)
        never = {"name": new.id("Never"), "price": 1}
        answers = http.at_once([partial(http.put, path(row), json=never) for row in rows])
        stub["origin"].heal()
        for row, answer in zip(rows, answers, strict=True):
            expect(
                answer.status is not None and answer.status >= 500,
                tr("the origin {how}: PUT {path} answers 5xx", how=how, path=path(row)),
                got=answer,
                code="lost-write-confirmed" if answer.outcome == "ok" else "wrong-status",
                about=[answer],
            )
            shows(
                http.get(path(row)),
                row,
                tr("the origin {how} to the PUT, so nothing changed", how=how),
                "never-written-value",
            )


@behaviour("C5")
def check_nothing_is_kept_beside_redis(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, redis: Redis
) -> None:
    for written in (False, True):
        row = put_on_sale(stub, new, rng)
        bought(http, row)
        if written:
            http.get(path(changed(http, row, new.id("Tea"), 800)))
        row = put_on_sale(stub, new, rng, id=row["id"], version=7)
        redis.delete(key(row))
        shows(
            http.get(path(row)),
            row,
            tr("the row was changed at the origin, and {key} deleted in Redis", key=key(row)),
            "copy-beside-redis",
        )


@behaviour("C6")
def check_hit_and_miss_look_alike(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, redis: Redis
) -> None:
    for name in (new.id("Ko‘k choy «№1»"), new.id('back\\slash "quoted"'), "1"):
        row = put_on_sale(stub, new, rng, name=name)
        alike(http, row, tr("read from the origin"))
        row = changed(http, row, f"{name}!", 900)
        redis.delete(key(row))
        alike(http, row, tr("changed by PUT"))


def alike(http: Http, row: Mapping[str, Any], after: str) -> None:
    """Once from the origin and once from the cache."""
    wanted = json.dumps(row, sort_keys=True, ensure_ascii=False)
    for answer in (http.get(path(row)), http.get(path(row))):
        expect(
            answer.status == 200 and json.dumps(answer.json, sort_keys=True, ensure_ascii=False) == wanted,
            tr(
                "{id} was {after}: both GETs answer the same JSON object {wanted}",
                id=row["id"],
                after=after,
                wanted=wanted,
            ),
            got=f"{answer}: {answer.text[:300]}",
            code="hit-differs-from-miss",
            about=[str(row["id"]), answer],
        )


@behaviour("C7")
def check_what_was_not_there_appears(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    within = float(system.env("catalog")["NEG_TTL_S"]) + 1
    made, came = {"id": new.id("p")}, {"id": new.id("p")}
    for row in (made, came):
        for answer in (http.get(path(row)), http.get(path(row))):
            expect(
                answer.status == 404,
                tr("GET {path}, which is not at the origin, answers 404", path=path(row)),
                got=answer,
                code="missing-is-not-404",
                about=[answer],
            )
    made = changed(http, made, new.id("Tea"), 500)
    shows(http.get(path(made)), made, tr("it was just created by PUT"), "absence-remembered")
    came = put_on_sale(stub, new, rng, id=came["id"])
    comes_to_be_shown(http, came, tr("the row was put into the origin"), within, "absence-remembered")


@behaviour("C7", start=False)
def check_an_error_is_not_remembered(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    system.start("catalog", HASTY | {"NEG_TTL_S": 5})
    for how, deed in failures().items():
        row = put_on_sale(stub, new, rng)
        stub["origin"].will(deed, on=READS)
        answer = http.get(path(row))
        stub["origin"].heal()
        expect(
            answer.status is not None and answer.status >= 500,
            tr("the origin {how}: GET {path} answers 5xx", how=how, path=path(row)),
            got=f"{answer}: {answer.text[:200]}",
            code="made-up-answer",
            about=[answer],
        )
        comes_to_be_shown(http, row, tr("the origin {how} once, then recovers", how=how), SOON, "error-remembered")


def comes_to_be_shown(http: Http, row: Mapping[str, Any], why: str, within: float, code: str) -> None:
    last: list[Answer] = []

    def look() -> bool:
        last[:] = [http.get(path(row))]
        return last[0].status == 200 and is_of(last[0], row)

    eventually(
        look,
        tr("{why}: GET {path} shows it within {within:g} s", why=why, path=path(row), within=within),
        within,
        code=code,
        got=lambda: last[0],
        about=[str(row["id"])],
    )


@behaviour("C8")
def check_garbage_under_the_key(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, redis: Redis
) -> None:
    for kind, what in (("text", tr("text that is not JSON")), ("list", tr("a list"))):
        row = put_on_sale(stub, new, rng)
        bought(http, row)
        redis.garbage(key(row), "text" if kind == "text" else "list")
        answer = http.get(path(row))
        expect(
            answer.status == 200 and is_of(answer, row),
            tr(
                "{what} stands under {key}: GET {path} answers 200 from the origin",
                what=what,
                key=key(row),
                path=path(row),
            ),
            got=f"{answer}: {answer.text[:200]}",
            code="trips-over-garbage",
            about=[row["id"], answer],
        )
        before = reads(stub)
        answer = bought(http, row)
        asked = reads(stub) - before
        expect(
            asked == 0,
            tr(
                "after {what} under {key} the key is repaired: the next GET asks the origin 0 times",
                what=what,
                key=key(row),
            ),
            got=tr("{asked} times", asked=asked),
            code="garbage-not-repaired",
            about=[row["id"], answer],
        )


@behaviour("C9")
def check_no_reader_brings_the_old_row_back(http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random) -> None:
    written = [in_between(http, stub, new, rng), back_late(http, stub, new, rng)]
    for one in written:
        becomes(http, one)
    until = time.monotonic() + AGAIN
    while time.monotonic() < until:
        for row, why, code, _ in written:
            shows(http.get(path(row)), row, tr("{why}, and the new name was shown already", why=why), code)


Written = tuple[dict[str, Any], str, str, Answer]
"""A row as it was written, what happened meanwhile, the code of failing that, and the answer to the other reader."""


def in_between(http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random) -> Written:
    row = put_on_sale(stub, new, rng)
    bought(http, row)
    held = stub["origin"].will(hold(), on=WRITES)
    fresh = {**row, "name": new.id("New")}
    with ThreadPoolExecutor(1) as threads:
        try:
            put = threads.submit(changed, http, row, fresh["name"], fresh["price"])
            held.wait()
            between = http.get(path(row), timeout=1.0)
        finally:
            held.release()
        put.result()
    stub["origin"].heal()
    return fresh, tr("somebody read it while the PUT was under way"), "reader-in-between", between


def back_late(http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random) -> Written:
    row = put_on_sale(stub, new, rng)
    fresh = {**row, "name": new.id("New")}
    held = hold()

    async def reads_and_waits(seen: Seen, rest: Rest) -> Reply | None:
        reply = await rest()

        async def as_it_was() -> Reply | None:
            return reply

        return await held(seen, as_it_was)

    stub["origin"].will(reads_and_waits, on=READS, times=1)
    with ThreadPoolExecutor(2) as threads:
        try:
            slow = threads.submit(http.get, path(row))
            held.wait()
            put = threads.submit(changed, http, row, fresh["name"], fresh["price"])
            within(1.0, put.done)  # who lets one at a time near a product makes the PUT wait for the reader
            within(LATE, lambda: False)
        finally:
            held.release()
        put.result()
        late = slow.result()
    return fresh, tr("a reader who had read the old row came back late"), "late-reader-wins", late


def becomes(http: Http, written: Written) -> None:
    """New at once, or after a second delete."""
    row, why, code, other = written
    last: list[Answer] = []

    def look() -> bool:
        last[:] = [http.get(path(row))]
        return last[0].status == 200 and is_of(last[0], row)

    eventually(
        look,
        tr("{why}: after the PUT, GET {path} shows the new name {name}", why=why, path=path(row), name=row["name"]),
        SECOND_DELETE,
        code=code,
        got=lambda: f"{last[0]}: {last[0].text[:200]}",
        about=[other, str(row["id"])],
    )


@behaviour("C10")
def check_what_is_written_together_ends_apart(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, redis: Redis
) -> None:
    def spread() -> float:
        """Seconds by which the lifetimes given to the keys surely differ, however long the writing took."""
        written: list[tuple[str, float, float]] = []
        for row in [put_on_sale(stub, new, rng) for _ in range(KEYS)]:
            answer = bought(http, row)
            written.append((key(row), answer.began, answer.began + answer.seconds))
        shortest, longest = float("inf"), 0.0
        for name, began, ended in written:
            before = time.monotonic()
            left = int(redis.pttl(name)) / 1000
            after = time.monotonic()
            longest = max(longest, left + before - ended)
            shortest = min(shortest, left + after - began)
        return longest - shortest

    found = sample_twice(spread, lambda seconds: seconds > SPREAD)
    expect(
        found > SPREAD,
        tr(
            "{keys} keys written one after the other are given lifetimes that are spread over {spread:g} s or more",
            keys=KEYS,
            spread=SPREAD,
        ),
        got=tr("{found:.1f} s", found=max(found, 0.0)),
        code="all-expire-together",
    )


@behaviour("C11")
def check_what_is_not_there_is_remembered(
    http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest
) -> None:
    lifetime = int(system.env("catalog")["NEG_TTL_S"])
    stranger = new.id("nobody")
    nobody = f"/products/{stranger}"

    def asked() -> tuple[int, int]:
        """Reads at the origin, and how many there may be: on a slow machine the absence ends in between."""
        before, began = reads(stub), time.monotonic()
        for _ in range(STRANGERS):
            http.get(nobody)
        return reads(stub) - before, 5 + int((time.monotonic() - began) / lifetime)

    count, limit = sample_twice(asked, lambda found: found[0] <= found[1])
    expect(
        count <= limit,
        tr(
            "{strangers} reads of {nobody}, which does not exist, ask the origin at most {limit} times",
            strangers=STRANGERS,
            nobody=nobody,
            limit=limit,
        ),
        got=tr("{count} times", count=count),
        code="absence-not-cached",
        about=[stranger],
    )


@behaviour("C12")
def check_a_crash_leaves_no_key_for_ever(
    http: Http,
    stub: Mapping[str, Stub],
    new: New,
    rng: random.Random,
    redis: Redis,
    faults: FaultBox,
    system: SystemUnderTest,
) -> None:
    read, written = put_on_sale(stub, new, rng), put_on_sale(stub, new, rng)

    def endless() -> list[str]:
        return [name for name, left in redis.keys_like("catalog:*").items() if left is None]

    with faults.on("catalog->redis", 'latency 8s on "*EXPIRE*"'), ThreadPoolExecutor(3) as threads:
        asked = [
            threads.submit(http.get, path(read), timeout=5.0),
            threads.submit(http.put, path(written), json={"name": new.id("Tea"), "price": 700}, timeout=5.0),
            threads.submit(http.get, f"/products/{new.id('nobody')}", timeout=5.0),
        ]
        done: Callable[[], object] = lambda: all(one.done() for one in asked) or endless()  # noqa: E731
        eventually(done, tr("a read, a write and a 404 to be answered, or to be between two commands"), 6.0)
        system.kill("catalog")
        for one in asked:
            one.result()
        left = endless()
    expect(
        not left,
        tr("SIGKILL at any moment leaves no key catalog:* without a TTL"),
        got=tr("{left} has no TTL: EXPIRE had not been sent yet", left=", ".join(left)),
        code="crash-before-expire",
    )
