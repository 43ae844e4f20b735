"""Checks of 6.3: those of the cache exercises, on one program, and a Redis that is killed under load.

The files beside this one are the checks of 4.2, 4.3 and 4.5.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import cache_aside  # type: ignore[import-not-found]
import cache_dies  # type: ignore[import-not-found]
import stampede  # type: ignore[import-not-found]

from lab.grading import Answer, Http, Stub, behaviour, borrowed, delay, expect, tr, within
from lab.grading.checking.branch_rules import keeps_the_rules
from lab.grading.checking.fixtures import FaultBox, New, SystemUnderTest
from lab.grading.instruments.git import History
from lab.grading.instruments.metrics import Metrics

INSTANCES = ("catalog-1", "catalog-2")
LINK = "catalog->redis"
READS = "GET /rows/products/*"
PRODUCTS = 10
RATE = 20
"""Requests a second, at both instances together."""
BEFORE = 10.0
"""Seconds of load before Redis is killed; the second half of them says what is usual."""
AFTER = 20.0
"""Seconds after the kill in which hits have come back."""
LATER = 5.0
"""Seconds after that in which they are counted."""
ORIGIN_TAKES = 0.1
CROWDED = 1.2
"""Seconds of a read of the product that the crowd wants, so that all of the crowd is there before the first is over."""
PATIENCE = 5.0
CROWD = 60
"""Readers of one product in the moment in which Redis dies."""
ORIGIN_MAX = 10
ERRORS = 0.01
HITS = 0.8
ASKED = 12


@behaviour("C1", start=False)
def check_the_branch(history: History) -> None:
    keeps_the_rules(history)


check_the_origin_is_read_once = borrowed("C2", cache_aside.check_the_origin_is_read_once)
check_hit_and_miss_look_alike = borrowed("C2", cache_aside.check_hit_and_miss_look_alike)
check_nothing_is_kept_beside_redis = borrowed("C2", cache_aside.check_nothing_is_kept_beside_redis)
check_garbage_under_the_key = borrowed("C2", cache_aside.check_garbage_under_the_key)

check_you_read_what_you_wrote = borrowed("C3", cache_aside.check_you_read_what_you_wrote)
check_a_failed_write_changes_nothing = borrowed("C3", cache_aside.check_a_failed_write_changes_nothing)

check_every_key_has_an_end = borrowed("C4", cache_aside.check_every_key_has_an_end)
check_what_was_not_there_appears = borrowed("C4", cache_aside.check_what_was_not_there_appears)
check_an_error_is_not_remembered = borrowed("C4", cache_aside.check_an_error_is_not_remembered)

check_reads_over_a_broken_link = borrowed("C5", cache_dies.check_reads_over_a_broken_link)
check_reads_while_redis_is_not_itself = borrowed("C5", cache_dies.check_reads_while_redis_is_not_itself)

check_no_old_value_survives_an_outage = borrowed("C6", cache_dies.check_no_old_value_survives_an_outage)

check_the_origin_is_not_flooded = borrowed("C7", cache_dies.check_the_origin_is_not_flooded)
check_one_read_asks_the_origin_once = borrowed("C7", cache_dies.check_one_read_asks_the_origin_once)

check_hits_come_back = borrowed("C8", cache_dies.check_hits_come_back)
check_it_starts_without_redis = borrowed("C8", cache_dies.check_it_starts_without_redis)
check_an_outage_is_not_silent = borrowed("C8", cache_dies.check_an_outage_is_not_silent)

check_the_origin_is_down_instead = borrowed("C9", cache_dies.check_the_origin_is_down_instead)

check_one_miss_is_one_load = borrowed("C10", stampede.check_one_miss_is_one_load)
check_the_loader_may_die = borrowed("C10", stampede.check_the_loader_may_die)


@behaviour("C11", start=False)
def check_the_cache_counts(
    http: Http,
    stub: Mapping[str, Stub],
    faults: FaultBox,
    new: New,
    rng: random.Random,
    system: SystemUnderTest,
    metrics: Callable[[str], Metrics],
) -> None:
    system.start("catalog")
    row, other = put_on_sale(stub, new, rng), put_on_sale(stub, new, rng)

    def counted(what: str, read: Mapping[str, Any]) -> tuple[dict[str, float], int]:
        """By how much the counters and the reads at the origin grew."""
        before, asked = metrics("catalog"), stub["origin"].count(READS)
        for _ in range(ASKED):
            answer = http.get(path(read), timeout=5.0)
            expect(
                is_of(answer, read),
                tr("{what}: GET {path} shows it", what=what, path=path(read)),
                got=answer,
                code="not-shown",
                about=[answer],
            )
        after = metrics("catalog")
        name = "cache_requests_total"
        grown = {one: after.sum(name, result=one) - before.sum(name, result=one) for one in ("hit", "miss", "bypass")}
        return grown, stub["origin"].count(READS) - asked

    def tells(what: str, grown: Mapping[str, float], wanted: Mapping[str, float]) -> None:
        expect(
            all(grown[one] == count for one, count in wanted.items()),
            tr(
                "{what}: cache_requests_total grows by {wanted}",
                what=what,
                wanted=", ".join(f'{count:g} {{result="{one}"}}' for one, count in wanted.items()),
            ),
            got=", ".join(f'{count:g} {{result="{one}"}}' for one, count in grown.items()),
            code="miscounted",
            about=[row["id"]],
        )  # fmt: skip

    what = tr("{count} reads of a new product", count=ASKED)
    grown, asked = counted(what, row)
    tells(what, grown, {"hit": ASKED - asked, "miss": asked, "bypass": 0})
    with faults.on(LINK, "refuse"):
        what = tr("{count} reads while Redis refuses", count=ASKED)
        grown, _ = counted(what, other)
        tells(what, grown, {"hit": 0, "bypass": ASKED})


class Load:
    """Reads at a steady rate, of some products, at both instances in turn; late answers do not slow it down."""

    def __init__(self, http: Http, rows: list[dict[str, Any]], rng: random.Random, threads: ThreadPoolExecutor) -> None:
        self._http = http
        self._rows = rows
        self._rng = rng
        self._threads = threads
        self._asked: list[tuple[dict[str, Any], Future[Answer]]] = []

    def go_on(self, seconds: float) -> int:
        """Ask for so long; how many reads that were."""
        began, count = time.monotonic(), round(seconds * RATE)
        for number in range(count):
            within(max(0.0, began + number / RATE - time.monotonic()), lambda: False)
            self.ask(self._rng.choice(self._rows))
        return count

    def ask(self, row: dict[str, Any]) -> None:
        name = INSTANCES[len(self._asked) % len(INSTANCES)]
        self._asked.append((row, self._threads.submit(self._http[name].get, path(row), timeout=PATIENCE)))

    def share_of_hits(self, stub: Mapping[str, Stub], seconds: float) -> float:
        """Go on, and count what was answered without the origin."""
        before = stub["origin"].count(READS)
        count = self.go_on(seconds)
        return 1 - (stub["origin"].count(READS) - before) / count

    def answers(self) -> list[tuple[dict[str, Any], Answer]]:
        return [(row, one.result()) for row, one in self._asked]


@behaviour("C12", start=False)
def check_a_kill_under_load(
    http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    for name in INSTANCES:
        system.start(name)
    stub["origin"].will(delay(ORIGIN_TAKES), on=READS)
    rows = [put_on_sale(stub, new, rng) for _ in range(PRODUCTS)]
    with ThreadPoolExecutor(2 * CROWD) as threads:
        load = Load(http, rows, rng, threads)
        load.go_on(BEFORE / 2)
        before = load.share_of_hits(stub, BEFORE / 2)
        stub["origin"].will(delay(CROWDED), on=f"GET /rows/products/{rows[0]['id']}")
        system.kill("redis")
        for _ in range(CROWD):
            load.ask(rows[0])
        load.go_on(AFTER)
        after = load.share_of_hits(stub, LATER)
        answers = load.answers()
    bad = [answer for row, answer in answers if not is_of(answer, row)]
    allowed = int(ERRORS * len(answers))
    expect(
        len(bad) <= allowed,
        tr("Redis is killed under load: at most {most:g} of {count} reads fail", most=allowed, count=len(answers)),
        got=tr("{count} of them; {first}: {text}", count=len(bad), first=bad[0], text=bad[0].text[:160]) if bad else "",
        code="fails-under-load",
        about=bad[:1],
    )  # fmt: skip
    most = len(INSTANCES) * ORIGIN_MAX
    expect(
        stub["origin"].max_in_flight <= most,
        tr("Redis is killed under load: at most {most} requests are at the origin at a time", most=most),
        got=tr("{max_in_flight} at the same time", max_in_flight=stub["origin"].max_in_flight),
        code="origin-flooded-under-load",
    )
    for share, when in (
        (before, tr("before Redis is killed")),
        (after, tr("{seconds:g} s after Redis was killed", seconds=AFTER)),
    ):
        expect(
            share >= HITS,
            tr("{when}, {most:g} % of the reads or more are answered without the origin", when=when, most=100 * HITS),
            got=tr("{share:.0f} %", share=100 * share),
            code="no-hits-under-load" if share is before else "no-hits-afterwards",
            about=[rows[0]["id"]],
        )


def put_on_sale(stub: Mapping[str, Stub], new: New, rng: random.Random) -> dict[str, Any]:
    row: dict[str, Any] = cache_dies.put_on_sale(stub, new, rng)
    return row


def path(row: Mapping[str, Any]) -> str:
    return f"/products/{row['id']}"


def is_of(answer: Answer, row: Mapping[str, Any]) -> bool:
    return bool(cache_dies.is_of(answer, row))
