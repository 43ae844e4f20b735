"""The screen under a person's hands: keys, lists, filter, pause, help, banner, sizes; against a run that is fed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from lab.dashboard import picture_of
from lab.dashboard.app import DashboardApp
from lab.dashboard.bars import About
from lab.dashboard.desk import Desk
from lab.dashboard.layout import Chart
from lab.dashboard.rows import text_of
from lab.dashboard.run_screen import RunScreen
from lab.dashboard.shown import ShownRun
from lab.dashboard.surface import Surface
from lab.journal.event import Event, Flow, Load, Log, Note, to_line
from lab.system.model import Link, Service, System
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun, dashboard, screen_of
from tests.stamped import fault_change
from tests.waiting import aeventually

WIDE, NARROW = (120, 40), (80, 24)


def some(seconds: float = 4.0) -> list[Event]:
    return [event for event in shop.stream(seconds, orders=10) if event.t < seconds]


def shown(app: DashboardApp, *names: str) -> str:
    """What stands on the screen now, as plain text."""
    surfaces = {str(each.id): each for each in app.screen.query(Surface) if each.display and each.size.width}
    return "\n".join(text_of(surfaces[name].rows) for name in (names or tuple(surfaces)) if name in surfaces)


def chart_of(app: DashboardApp) -> Chart:
    chart = screen_of(app).plan.chart
    assert chart is not None
    return chart


@asynccontextmanager
async def opened(
    run: FakeRun, size: tuple[int, int] = WIDE, system: System = shop.SYSTEM, **more: Any
) -> AsyncIterator[tuple[DashboardApp, Pilot[None]]]:
    app = dashboard(run, system, **more)
    async with app.run_test(size=size) as pilot:
        wanted = run.seq
        await aeventually(lambda: screen_of(app).desk.picture.seq >= wanted and shown(app, "top"))
        yield app, pilot


def at(t: float, event: Event) -> Event:
    event.t = t
    return event


async def until(condition: Callable[[], object]) -> None:
    await aeventually(condition, timeout=10)


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_first_look_has_everything(size: tuple[int, int]) -> None:
    async with opened(FakeRun(some()), size) as (app, _):
        await until(lambda: "engines embedded" in shown(app, "top") and "● live" in shown(app, "top"))
        screen = shown(app)
        for name in ("users", "orders", "broker", "payments", "notifications", "mail", "client"):
            assert name in shown(app, "map")
        assert "● live" in screen
        assert "load 10/s" in screen
        assert "deliver " in shown(app, "list")
        assert "Orders come in." in shown(app, "story")
        assert "u heal all" in shown(app, "keys")
        if size == WIDE:
            assert "seed 7" in screen
            assert "confirmed" in shown(app, "side")
            assert "payments.orders" in shown(app, "side")


async def test_tab_walks_over_links_and_processes_and_arrows_go_where_they_point() -> None:
    async with opened(FakeRun(some())) as (app, pilot):
        seen = []
        for _ in screen_of(app).items():
            await pilot.press("tab")
            seen.append(screen_of(app).desk.selection)
        assert sorted(seen) == sorted(screen_of(app).items())
        screen_of(app).desk.selection = "broker"
        await pilot.press("right")
        assert screen_of(app).desk.selection in ("payments->broker", "notifications->broker")
        screen_of(app).desk.selection = "orders"
        await pilot.press("up")
        assert screen_of(app).desk.selection == "users"
        await pilot.press("left")
        assert screen_of(app).desk.selection == "client->users"


@pytest.mark.parametrize(
    ("selection", "key", "call"),
    [
        ("client->orders", "l", ("add", "latency client->orders 300ms", "you")),
        ("client->orders", "x", ("add", "refuse client->orders", "you")),
        ("client->orders", "r", ("add", "reset client->orders", "you")),
        ("orders->broker", "n", ("add", "lose-ack orders->broker", "you")),
        ("orders->broker", "D", ("add", "redeliver orders->broker", "you")),
        ("orders", "k", ("act", "orders", "kill")),
        ("orders", "f", ("act", "orders", "freeze")),
        ("broker", "R", ("act", "broker", "restart")),
        ("orders", "u", ("heal", None)),
        ("orders", "+", ("rate", 40.0)),
        ("orders", "-", ("rate", 10.0)),
    ],
)
async def test_keys_act_on_the_selection(selection: str, key: str, call: tuple[object, ...]) -> None:
    run = FakeRun(some(2))
    async with opened(run) as (app, pilot):
        screen_of(app).desk.selection = selection
        await pilot.press(key)
        await until(lambda: call in run.calls)
        assert run.calls == [call]
        assert shown(app, "said").strip()


async def test_a_fault_is_seen_everywhere_and_the_same_key_lifts_it() -> None:
    run = FakeRun(some(2))
    async with opened(run) as (app, pilot):
        screen_of(app).desk.selection = "client->orders"
        await pilot.press("l")
        await until(lambda: "1 fault: latency client→orders" in shown(app, "top"))
        await until(lambda: "!latency" in shown(app, "map"))
        await pilot.press("6")
        await until(lambda: "latency client→orders 300ms" in shown(app, "list"))
        await pilot.press("l")
        await until(lambda: ("heal", "f1") in run.calls)
        await until(lambda: "fault" not in shown(app, "top"))


async def test_when_a_fault_is_over_the_screen_says_what_it_did() -> None:
    text = "latency payments->payment_provider 3s"
    slow, quick = shop.state("o-slow", "pending", "req-1"), shop.state("o-slow", "confirmed", "req-1")
    slow.t, quick.t = 2.0, 6.5
    run = FakeRun([*shop.ready(), fault_change(text, t=1.0, id="f1", change="added"), slow])
    async with opened(run) as (app, pilot):
        run.feed(fault_change(text, t=5.0, id="f1", change="healed"), quick)
        run.feed(Load(t=9.0))
        await until(lambda: "f1 is over (latency payments→payment_provider 3s)" in shown(app, "story"))
        said = " ".join(shown(app, "story").split())
        assert "0 requests of visitors failed, 1 order late (slowest 4.5 s), none lost." in said
        assert "0 waiting · 1 late · 0 lost · 0 doubled" in shown(app, "side")
        assert "7 Enter shows whom it hit" in said
        await pilot.press("7")
        assert "f1 is over (latency payments→payment_provider 3s)" in shown(app, "list")
        for panel in "76":
            await pilot.press(panel, "enter")
            assert "order o-slow took 4.5 s" in shown(app, "page")
            assert "order o-slow is confirmed" in shown(app, "page"), "the story of the slowest"
            await pilot.press("escape")


async def test_from_a_fault_to_the_orders_that_it_hit_and_back() -> None:
    text = "redeliver payments->broker 30%"
    about: dict[str, Any] = {"correlation": "req-1", "queue": "payments.orders"}
    events = [
        fault_change(text, t=1.0, id="f1", change="added"),
        at(2.0, shop.state("o-hit", "pending", "req-1")),
        at(2.1, shop.state("o-spared", "pending", "req-2")),
        fault_change(text, t=2.5, id="f1", change="hit", victims=1, detail="deliver payments.orders"),
        shop.amqp("payments->broker", "deliver payments.orders", t=2.5, outcome="duplicate", faults=("f1",), **about),
    ]
    run = FakeRun([*shop.ready(), *events])
    async with opened(run) as (app, pilot):
        await pilot.press("6", "enter")
        page = " ".join(shown(app, "page").split())
        assert "hit order o-hit is pending" in page
        assert "o-spared is" not in page
        assert "so far: 0 requests of visitors failed, 0 orders late, 2 still waiting." in page
        await pilot.press("escape")
        run.feed(fault_change(text, t=3.0, id="f1", change="healed"), Load(t=40.0))
        await until(lambda: "f1 is over" in shown(app, "story"))
        await pilot.press("7", "enter")
        assert "hit order o-hit is pending" in " ".join(shown(app, "page").split())
        await pilot.press("escape", "2", "down", "enter")
        await until(lambda: "order o-hit is pending" in shown(app, "page"))
        assert "fault f1 begins: redeliver" in shown(app, "page")


async def test_whoever_looks_at_what_was_is_told_the_way_to_now() -> None:
    async with opened(FakeRun(some(30)), NARROW) as (app, pilot):
        assert "Space holds it" in shown(app, "story")
        assert "newest" not in shown(app, "keys")
        await pilot.press("space")
        assert "Space holds it" not in shown(app, "story")
        assert "Space go on" in shown(app, "keys")
        await pilot.press("comma", "space")
        assert "End newest" in shown(app, "keys")
        await pilot.press("end")
        await until(lambda: "newest" not in shown(app, "keys"))


async def test_lines_of_the_scenario_can_be_read_again_the_newest_first() -> None:
    told = "Each service reconnects after a pause of its own and declares its queues again. " * 2
    lines: list[Event] = [Note(t=t, topic="scenario", text=text) for t, text in ((1.0, "First."), (2.0, told))]
    async with opened(FakeRun(lines), NARROW) as (app, pilot):
        await pilot.press("7", "enter")
        assert told.split() == shown(app, "page").split()[1:-5]  # without the time above it and the keys below
        await pilot.press("escape", "down", "down", "enter")
        assert "First." in shown(app, "page")


async def test_a_scenario_ends_with_a_card() -> None:
    text = "latency payments->payment_provider 3s"
    slow, ended = shop.state("o-slow", "pending", "req-1"), shop.state("o-slow", "confirmed", "req-1")
    slow.t, ended.t = 2.0, 6.5

    def told(t: float, words: str, **data: object) -> Note:
        return Note(t=t, topic="scenario", text=words, data=data)

    run = FakeRun(
        [
            told(0.5, "A slow provider", scenario="happy"),
            told(1.0, "Which orders wait, and where?"),
            fault_change(text, t=1.0, id="f1", change="added"),
            slow,
            fault_change(text, t=5.0, id="f1", change="healed"),
            ended,
            told(9.0, "Every order has ended."),
        ]
    )
    async with opened(run) as (app, pilot):
        assert app.screen is screen_of(app)
        run.feed(told(9.5, "the scenario is over", over=True, scenario="happy", next="slow-provider"))
        await until(lambda: "happy is over" in shown(app, "page"))
        card = " ".join(shown(app, "page").split())
        for words in (
            "Which orders wait, and where?",
            "1 order late (slowest 4.5 s), none lost.",
            "orders: 1 confirmed",
            "Every order has ended.",
            "lab run day3 --scenario slow-provider",
        ):
            assert words in card
        await pilot.press("escape")
        assert app.screen is screen_of(app)
        await pilot.pause(0.3)
        assert app.screen is screen_of(app)
        assert "7 Enter shows what came of it" in shown(app, "story")
        await pilot.press("7", "enter")
        assert " ".join(shown(app, "page").split()) == card


async def test_freeze_again_thaws_and_heal_all_thaws_too() -> None:
    run = FakeRun(some(2))
    async with opened(run) as (app, pilot):
        screen_of(app).desk.selection = "orders"
        await pilot.press("f")
        await until(lambda: "■ frozen" in shown(app, "map"))
        await pilot.press("u")
        await until(lambda: ("act", "orders", "thaw") in run.calls)
        await until(lambda: "frozen" not in shown(app, "map"))


async def test_a_key_that_does_not_fit_says_why_and_does_nothing() -> None:
    run = FakeRun(some(2))
    async with opened(run) as (app, pilot):
        screen_of(app).desk.selection = "client->orders"
        await pilot.press("n")
        assert "lose ack needs AMQP or KAFKA; client→orders speaks HTTP" in shown(app, "said")
        assert run.calls == []


async def test_a_refusal_of_the_runtime_is_a_line() -> None:
    run = FakeRun(some(2))
    run.refusal = "no [link] is named [/x]"
    async with opened(run) as (app, pilot):
        screen_of(app).desk.selection = "client->orders"
        await pilot.press("l")
        await until(lambda: "no [link] is named [/x]" in shown(app, "said"))


async def test_a_fault_can_be_typed() -> None:
    run = FakeRun(some(2))
    async with opened(run) as (app, pilot):
        screen_of(app).desk.selection = "client->orders"
        await pilot.press(":")
        await pilot.press(*"100ms x3", "enter")
        await until(lambda: run.calls)
        assert run.calls == [("add", "latency client->orders 100ms x3", "you")]
        await pilot.press("tab")
        assert screen_of(app).desk.selection != "client->orders"


async def test_filter_narrows_the_list_and_escape_clears_it() -> None:
    async with opened(FakeRun(some())) as (app, pilot):
        await until(lambda: "broker→orders" in shown(app, "list"))
        await pilot.press("/", *"link:mail")
        await until(lambda: "broker→orders" not in shown(app, "list"))
        await pilot.press("enter")
        assert "POST /mails" in shown(app, "list")
        assert "filter: link:" in shown(app, "tabs")
        await pilot.press("/", "escape")
        await until(lambda: "broker→orders" in shown(app, "list"))
        await pilot.press("/", *"nosuchthing", "enter")
        await until(lambda: "Nothing matches the filter 'nosuchthing'" in shown(app, "list"))


async def test_a_wrong_filter_says_what_is_wrong() -> None:
    async with opened(FakeRun(some())) as (app, pilot):
        await pilot.press("/", *"lnk:mail")
        assert "there is no field 'lnk'" in " ".join(screen_of(app)._message[:1])


async def test_pause_stops_the_clock_and_shows_every_flow() -> None:
    run = FakeRun(some())
    async with opened(run) as (app, pilot):
        desk = screen_of(app).desk
        await pilot.press("space")
        assert "■ paused" in shown(app, "top")
        assert "paused, all shown" in shown(app, "tabs")
        held = len(desk.items())
        assert held == len([event for event in some() if isinstance(event, Flow)])
        run.feed(shop.http("client->orders", "GET /new", t=9.0))
        await pilot.pause(0.5)
        assert len(desk.items()) == held
        assert "GET /new" not in shown(app, "list")
        await pilot.press("space")
        await until(lambda: "GET /new" in shown(app, "list"))
        assert "paused" not in shown(app, "top")


async def test_a_live_run_can_be_looked_at_as_it_was_before() -> None:
    run = FakeRun(some(30))
    async with opened(run) as (app, pilot):
        desk = screen_of(app).desk
        flows = desk.picture.flow_count
        await pilot.press("space", "comma", "comma")
        assert 0 < desk.picture.flow_count < flows
        assert 8 < desk.picture.now < 12
        await pilot.press("end")
        await until(lambda: desk.picture.flow_count == flows)
        assert "● live" in shown(app, "top")


async def test_no_step_goes_beyond_now() -> None:
    run = FakeRun(some(30))
    async with opened(run) as (app, pilot):
        desk = screen_of(app).desk
        await until(lambda: bool(screen_of(app).run.vitals))  # the run has told its time
        await pilot.press("space", *["full_stop"] * 20)
        await pilot.pause(0.3)
        assert desk.picture.now < 60
        await pilot.press("end")
        await pilot.pause(0.3)
        assert desk.picture.now < 60


async def test_whoever_disturbs_a_run_sees_it_as_it_is_now() -> None:
    run = FakeRun(some(12))
    async with opened(run) as (app, pilot):
        await pilot.press("comma", "space")
        screen_of(app).desk.select("client->orders")
        await pilot.press("l")
        await until(lambda: run.calls)
        await until(lambda: "!latency" in shown(app, "map"))
        assert "● live" in shown(app, "top")


async def test_scrolling_up_pauses_and_end_goes_on() -> None:
    async with opened(FakeRun(some())) as (app, pilot):
        await pilot.press("1", "up", "up")
        assert screen_of(app).run.held
        assert screen_of(app).desk.position(screen_of(app).desk.items()) == len(screen_of(app).desk.items()) - 2
        await pilot.press("end")
        assert not screen_of(app).run.held


async def test_enter_tells_the_story_over_all_processes() -> None:
    async with opened(FakeRun(shop.stream(3, orders=10))) as (app, pilot):
        await pilot.press("2", "down", "enter")
        await until(lambda: "POST /charges" in shown(app, "page"))
        story = shown(app, "page")
        for who in ("client", "orders", "payments", "notifications"):
            assert who in story
        await pilot.press("escape")
        assert app.screen is screen_of(app)


async def test_enter_on_the_map_tells_of_the_process_or_filters_the_link() -> None:
    async with opened(FakeRun([*some(2), Log(t=2.0, source="orders", message="hello [/there]")])) as (app, pilot):
        screen_of(app).desk.selection = "orders"
        await pilot.press("enter")
        assert "hello [/there]" in shown(app, "page")
        await pilot.press("escape")
        screen_of(app).desk.selection = "notifications->mail"
        await pilot.press("enter")
        await until(lambda: "broker→orders" not in shown(app, "list"))
        assert "POST /mails" in shown(app, "list")


async def test_digits_show_the_lists_and_empty_ones_say_why() -> None:
    async with opened(FakeRun()) as (app, pilot):
        for digit, says in (
            ("1", "No flow yet"),
            ("2", "No orders yet"),
            ("3", "No queue seen yet"),
            ("4", "pending"),
            ("5", "No process has written a line yet"),
            ("6", "Nothing is disturbed"),
        ):
            await pilot.press(digit)
            assert says in shown(app, "list")


async def test_help_is_the_key_table() -> None:
    async with opened(FakeRun(some(2)), (120, 70)) as (app, pilot):
        await pilot.press("?")
        text = shown(app, "page")
        for words in ("the next ack is lost", "SIGKILL", "lift every fault", "reading the map"):
            assert words in text
        await pilot.press("?")
        assert app.screen is screen_of(app)


async def test_every_key_is_in_the_palette() -> None:
    async with opened(FakeRun(some(2))) as (app, _):
        titles = " ".join(command.title for command in app.get_system_commands(app.screen))
        for name in ("latency", "lose ack", "kill", "heal all", "more load", "quit"):
            assert name in titles


async def test_when_the_runtime_goes_the_last_picture_stays() -> None:
    run = FakeRun(some())
    async with opened(run) as (app, pilot):
        run.die()
        await until(lambda: "The runtime is gone. This is the last picture, of 00:0" in shown(app, "story"))
        assert "payments" in shown(app, "map")
        await pilot.press("tab", "2", "?", "escape")
        assert "confirmed" in shown(app, "list")


async def test_a_run_that_ended_says_so() -> None:
    run = FakeRun(some())
    async with opened(run) as (app, _):
        run.end()
        await until(lambda: "The run has ended" in shown(app, "story"))
        assert "◐ ended" in shown(app, "top")


async def test_a_journal_that_cannot_be_written_is_said_and_may_recover() -> None:
    run = FakeRun(some())
    async with opened(run) as (app, _):
        run.reason = "the journal is not being written: the disk is full (journal.ndjson)"
        await until(lambda: "The journal is not being written: the disk is full" in shown(app, "story"))
        run.reason = ""
        await until(lambda: "not being written" not in shown(app, "story"))


async def test_a_run_that_failed_under_the_screen_says_why() -> None:
    reason = "the fork server died"
    last = Note(text=f"stopped: {reason}", topic="run", data={"state": "failed", "reason": reason})
    last.t = 61.0
    run = FakeRun([*some(), last])
    async with opened(run) as (app, _):
        run.die()
        await until(lambda: "The run failed at 01:01: the fork server died. This is its last" in shown(app, "story"))


@pytest.mark.parametrize("width", [120, 80, 40])
async def test_the_foot_names_the_way_on_and_out_at_any_width(width: int) -> None:
    async with opened(FakeRun(some(2)), (width, 24)) as (app, _):
        assert "Enter open  ? help  q quit" in shown(app, "keys")


async def test_enter_opens_what_was_selected_last() -> None:
    async with opened(FakeRun(some(2))) as (app, pilot):
        await pilot.press("1")
        screen_of(app).desk.selection = "client"
        await pilot.press("right", "escape")
        screen_of(app).desk.select("orders")
        await pilot.press("enter")
        assert "takes orders, keeps the saga" in shown(app, "page")


async def test_the_side_folds_and_gives_its_room_to_the_list() -> None:
    async with opened(FakeRun(some())) as (app, pilot):
        before = app.screen.query_one("#list", Surface).size.width
        await pilot.press("s")
        await until(lambda: app.screen.query_one("#list", Surface).size.width == 120)
        await pilot.press("s")
        await until(lambda: app.screen.query_one("#list", Surface).size.width == before)


async def test_a_system_without_orders_and_queues_shows_its_latest_requests_at_the_side() -> None:
    system = System(
        name="own",
        services=(Service(name="web", module="x"),),
        links=(Link(source="client", target="web", protocol="http"),),
    )
    asked = [shop.http("client->web", f"GET /{number}", t=number / 10) for number in range(6)]
    async with opened(FakeRun(asked), system=system) as (app, _):
        await until(lambda: "GET /5" in shown(app, "side"))
        assert shown(app, "side").index("GET /5") < shown(app, "side").index("GET /0")


async def test_a_run_that_never_began_leaves_at_once() -> None:
    run = FakeRun()
    run.die()
    app = dashboard(run)
    async with app.run_test(size=WIDE):
        await until(lambda: not app.is_running)


@pytest.mark.parametrize(("width", "height"), [(60, 20), (40, 12), (200, 60), (20, 6)])
async def test_any_size_is_survived(width: int, height: int) -> None:
    async with opened(FakeRun(some(2)), (width, height)) as (app, pilot):
        await pilot.press("tab", "down", "3", "z", "z")
        assert "day3" in shown(app, "top")


async def test_a_small_terminal_gets_a_list_instead_of_a_map() -> None:
    async with opened(FakeRun(some(2)), (60, 24)) as (app, pilot):
        assert "client→orders" in shown(app, "map")
        await pilot.press("tab", "tab")
        assert screen_of(app).desk.selection.replace("->", "→") in shown(app, "map")


async def test_resizing_changes_the_map() -> None:
    async with opened(FakeRun(some(2))) as (app, pilot):
        assert chart_of(app).size == "roomy"
        await pilot.resize_terminal(80, 24)
        await until(lambda: chart_of(app).size == "compact")


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_zoom_gives_the_list_the_whole_screen(size: tuple[int, int]) -> None:
    async with opened(FakeRun(some(4)), size) as (app, pilot):
        lines = screen_of(app).query_one("#list", Surface)
        before = lines.size
        await pilot.press("z")
        await until(lambda: lines.size == (size[0], size[1] - 3))  # the run, the lists' names and the keys
        assert "q quit" in shown(app, "keys")
        await pilot.press("z")
        await until(lambda: lines.size == before)


async def test_foreign_text_is_only_text() -> None:
    nasty = "[/x] [bold]not[/] $primary \x1b[31mred\x1b[0m \t tab"
    run = FakeRun([*some(2), Note(t=2.0, topic="scenario", text=nasty), Log(t=2.0, source="orders", message=nasty)])
    async with opened(run) as (app, pilot):
        await pilot.press("5")
        screen_of(app).desk.selection = "orders"
        await until(lambda: "[/x] [bold]not[/]" in shown(app, "list"))
        drawn = "".join(screen_of(app).query_one("#list", Surface).render_line(y).text for y in range(15))
        assert "[/x] [bold]not[/]" in drawn
        assert "\x1b" not in drawn


async def test_ascii_only() -> None:
    async with opened(FakeRun(some()), ascii=True) as (app, _):
        for surface in app.screen.query(Surface):
            for y in range(surface.size.height):
                assert surface.render_line(y).text.isascii()
        assert "+-users-" in "".join(screen_of(app).query_one("#map", Surface).render_line(y).text for y in range(17))


async def test_databases_in_files_are_not_on_the_map() -> None:
    system = System(
        name="files",
        services=(Service(name="orders", module="x"),),
        engines=(shop.SYSTEM.engines[0], type(shop.SYSTEM.engines[0])(name="db", kind="sql")),
        links=(
            Link(source="client", target="orders", protocol="http"),
            Link(source="orders", target="db", protocol="sql"),
            Link(source="orders", target="broker", protocol="amqp"),
        ),
    )
    async with opened(FakeRun(), system=system) as (app, _):
        assert "orders->db" not in screen_of(app).items()
        assert "─db─" in shown(app, "map")
        assert "db" in screen_of(app).desk.picture.processes


async def test_without_colour_everything_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(FakeRun(some())) as (app, _):
        assert "● ready" in shown(app, "map")


async def test_a_mouse_click_selects() -> None:
    async with opened(FakeRun(some(2))) as (app, pilot):
        box = next(box for box in chart_of(app).boxes if box.name == "payments")
        await pilot.click("#map", offset=(box.x + 3, box.y + 1))
        assert screen_of(app).desk.selection == "payments"


@asynccontextmanager
async def replayed(events: list[Event]) -> AsyncIterator[tuple[DashboardApp, ShownRun, Pilot[None]]]:
    recorded = FakeRun(events)
    run = ShownRun(recorded.journal, shop.SYSTEM, About("day3"))
    app = DashboardApp(RunScreen(Desk(run)))
    async with app.run_test(size=WIDE) as pilot:
        yield app, run, pilot


async def test_a_replay_plays_pauses_seeks_and_ends() -> None:
    async with replayed(some(30)) as (app, run, pilot):
        desk, timeline = screen_of(app).desk, run.timeline
        await until(lambda: desk.picture.seq > 0)
        await pilot.press("space")
        await pilot.pause(0.3)
        at, moved = timeline.head, desk.motion
        await pilot.pause(0.3)
        assert (timeline.head, desk.motion) == (at, moved)
        await pilot.press(".", ".")
        await until(lambda: desk.picture.now >= 20)
        seen = desk.picture.flow_count
        await pilot.press(",")
        await until(lambda: 0 < desk.picture.flow_count < seen)
        await pilot.press("space", *".....")
        await until(lambda: "The recording ends here" in shown(app, "story"))
        assert desk.picture.flow_count == sum(isinstance(event, Flow) for event in some(30))


async def test_a_replay_cannot_be_disturbed() -> None:
    quiet: list[Event] = [
        event for event in some(60) if not isinstance(event, Note)
    ]  # nothing is told in place of the welcome
    async with replayed(quiet) as (app, run, pilot):
        await pilot.press("space", "6")
        assert "Nothing was disturbed" in shown(app, "list")
        await pilot.press("plus")
        assert run.timeline.speed == 2.0
        assert "This is a recording" in shown(app, "story")
        for selection, key, name in (
            ("client->orders", "l", "latency"),
            ("client->orders", "k", "kill"),
            ("orders", "k", "kill"),
            ("orders", "u", "heal all"),
            ("orders", ":", "any fault"),
        ):
            screen_of(app).desk.selection = selection
            await pilot.press(key)
            assert shown(app, "said").strip() == f"This is a recording: {name} is for live runs."
            assert not screen_of(app).has_class("-asking")
        assert "latency" not in shown(app, "faults")


def test_a_picture_of_a_recorded_run_needs_no_terminal(tmp_path: Path) -> None:
    journal = tmp_path / "journal.ndjson"
    journal.write_bytes(b"".join(to_line(event) for event in shop.stream(6, orders=10)))
    image = picture_of(journal, shop.SYSTEM, t=3.0, size=(80, 24))
    assert image.startswith("<svg")
    words = image.replace("&#160;", " ")
    assert "payments" in words
    assert "heal all" in words
    assert "00:02" in words or "00:03" in words
