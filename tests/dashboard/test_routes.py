"""The route table as it is shown: who answers now, who did, and whether the two agree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.dashboard.panels.routes import MOST, RING, Routes
from lab.journal.event import Event, Log
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, until


def line(t: float, event: str, **data: object) -> Log:
    return Log(t=t, source="gateway", event=event, message="…", data={"route": "users", **data})


def row(t: float, mode: str, *, share: int = 0, fallback: bool = False, route: str = "users") -> Log:
    new = route if route in ("users", "orders") else ""
    return line(t, "route", route=route, mode=mode, share=share, fallback=fallback, new=new)


def answered(t: float, by: str, *, instead: bool = False) -> Log:
    return line(t, "routed", target=by, instead=instead)


SEEN: list[Event] = [
    row(0.5, "legacy", route="wallets"),
    row(0.5, "legacy"),
    *(answered(1.0, "legacy") for _ in range(4)),
    row(2.0, "shadow"),
    *(line(2.5, "shadow", same=same, path=f"/users/{n}") for n, same in enumerate((True, True, False))),
    row(3.0, "percent", share=33),
    *(answered(3.5, "users") for _ in range(3)),
]


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_route_shows_who_answers_and_who_did(size: tuple[int, int]) -> None:
    run = FakeRun([*shop.ready(), *SEEN])
    async with opened(run, size, replace(shop.SYSTEM, panels=("routes", "flows"))) as (app, pilot):
        await until(lambda: "/users" in shown(app, "list"))
        heading, first, second = shown(app, "list").splitlines()[:3]
        assert "who answers" in heading
        assert first.split()[:5] == ["/users", "◑", "new", "for", "33"]  # what can move comes first
        assert "○○○○●●● " in first
        assert first.split("│")[0].split()[-4:] == ["4", "3", "0", "1/3"]
        assert second.split()[:3] == ["/wallets", "○", "legacy"]
        run.feed(row(5.0, "new", fallback=True), answered(5.1, "legacy", instead=True))
        await until(lambda: "● new, or legacy" in shown(app, "list"))
        assert "●●●! " in shown(app, "list")
        await pilot.press("1", "enter")
        await until(lambda: "new service" in shown(app, "page"))
        assert "/users/2" in shown(app, "page")  # which answer differed


def test_the_fold_is_bounded_and_a_copy_is_its_own() -> None:
    fold = Routes()
    for n in range(2 * MOST):
        fold.apply(line(1.0, "routed", route=f"r{n}", target="legacy"))
    for _ in range(2 * RING):
        fold.apply(line(1.0, "routed", route="r0", target="legacy"))
    assert len(fold.of) == MOST
    assert len(fold.of["gateway", "r0"].ring) == RING
    other = fold.copy()
    other.apply(line(2.0, "routed", route="r0", target="legacy", instead=True))
    assert "instead" not in fold.of["gateway", "r0"].answers


@pytest.mark.parametrize(
    "data", [{"route": 7}, {"mode": ["new"]}, {"share": "a"}, {"target": None}, {"same": "yes"}, {}]
)
@pytest.mark.parametrize("event", ["route", "routed", "shadow"])
def test_whatever_a_gateway_says_is_borne(event: str, data: dict[str, object]) -> None:
    fold = Routes()
    fold.apply(Log(t=1.0, source="gateway", event=event, message="…", data=data))
    fold.copy()
