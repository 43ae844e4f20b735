"""The panel of a cache: the ratio, the stream, what a miss costs, keys and their lives, and who all missed at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.dashboard.panels.cache import Stream
from lab.journal.event import Flow, Log
from lab.journal.picture.cache import COPIED, KEYS
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, until


def asked(t: float, key: str, *, hit: bool) -> Flow:
    return redis(t, f"GET {key}", key, hit=hit, status="hit" if hit else "miss")


def kept(t: float, key: str, ttl: float) -> Flow:
    return redis(t, f"SET {key}", key, ttl=ttl, status="OK")


def redis(t: float, op: str, key: str, **more: Any) -> Flow:
    link: dict[str, Any] = {"source": "orders", "target": "redis", "link": "orders->redis"}
    return Flow(t=t, **link, protocol="redis", op=op, key=key, ms=0.2, **more)


def load(t: float) -> Flow:
    link: dict[str, Any] = {"source": "orders", "target": "users", "link": "orders->users"}
    return Flow(t=t, **link, protocol="http", op="GET /users/7", status="200", ms=40.0)


def line(t: float, event: str, version: int, **more: Any) -> Log:
    data = {"entity": "product", "id": "7", "version": version, **more}
    return Log(t=t, source="orders", event=event, message=event, data=data)


def a_while() -> list[Flow | Log]:
    """Four hits, a crowd of misses and one load for it, a copy, and a stale answer."""
    return [
        *(asked(1 + n / 10, "p:1", hit=True) for n in range(4)),
        *(asked(2 + n / 100, "p:2", hit=False) for n in range(4)),
        load(2.2),
        kept(2.3, "p:2", 30.0),
        redis(2.35, "DEL p:1", "p:1", status="OK"),
        line(2.4, "written", 3),
        line(2.6, "read", 2, ms=1.0, cache="hit"),
    ]


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_panel_says_it_in_words_and_symbols(size: tuple[int, int]) -> None:
    run = FakeRun(shop.ready())
    run.feed(*a_while())
    async with opened(run, size, replace(shop.SYSTEM, panels=("cache", "flows"))) as (app, pilot):
        await until(lambda: "! STALE product 7" in shown(app, "list"))
        said = shown(app, "list")
        assert "hits 50 %" in said
        assert "origin 1, 0.25 a miss" in said
        assert "1 stale" in said
        assert "p:2 ×4" in said
        assert "! STAMPEDE: p:2 missed 4 times within 100 ms" in said
        assert "○ MISS  p:2" in said
        assert "+ SET   p:2" in said
        assert "lives 30 s" in said
        assert "version 2 is old" in said
        assert all(len(row) <= size[0] for row in said.splitlines())
        await pilot.press("1", "up", "up", "up", "enter")
        await until(lambda: "SET  p:2" in shown(app, "page"))


def test_a_read_that_began_before_somebody_was_promised_more_is_not_stale() -> None:
    fold = Stream()
    for event in (line(2.0, "written", 3), line(2.1, "read", 2, ms=500.0), line(2.2, "read", 3, ms=1.0)):
        fold.apply(event)
    assert fold.stale == 0


def test_misses_that_come_one_by_one_are_no_stampede() -> None:
    fold = Stream()
    for n in range(10):
        fold.apply(asked(n / 5, "p:1", hit=False))
    assert fold.stampede is None
    assert fold.misses == 10


def test_a_copy_of_the_fold_is_its_own_and_small() -> None:
    fold = Stream()
    for n in range(2 * KEYS):
        fold.apply(asked(n / 50, f"p:{n}", hit=n % 2 == 0))
    assert len(fold.keys) == KEYS
    other = fold.copy()
    other.apply(asked(90.0, "p:0", hit=True))
    assert (fold.keys["p:0"].asked, other.keys["p:0"].asked) == (1, 2)
    assert len(fold.copy().recent) == COPIED
    assert fold.trend[0] == 0.5
