"""What is drawn, as text: the whole map and the lists for given states, at both sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.dashboard import bars, figures, frame, map_view, selection
from lab.dashboard.bars import About
from lab.dashboard.keys import table
from lab.dashboard.layout import Chart, arrange
from lab.dashboard.map_view import Scene, Vitals
from lab.dashboard.pages import help_rows
from lab.dashboard.panel import View, find
from lab.dashboard.panels.entities import board
from lab.dashboard.rows import Row, broken, clip, fit, row, text_of, width_of, wrap
from lab.dashboard.shown import Folds
from lab.dashboard.traffic import Traffic
from lab.journal.event import Check, EngineState, Event, Flow, Load, Log, Note, Process, Queue
from lab.journal.picture.run import RunPicture
from lab.system.model import Link, Service, System
from tests.dashboard import golden, shop
from tests.stamped import fault_change

NOW = 12.0


PANELS = tuple(find(name) for name in shop.SYSTEM.panels_shown)


def events(*more: Event) -> list[Event]:
    """Twelve seconds of the shop, then `more`."""
    for event in more:
        event.t = max(event.t, NOW)
    return [*(event for event in shop.stream(NOW, orders=15) if event.t < NOW), *more]


def run(*more: Event) -> RunPicture:
    picture = RunPicture(shop.SYSTEM)
    picture.apply_all(events(*more))
    return picture


def folds(*taken: Event) -> Folds:
    made = Folds(RunPicture(shop.SYSTEM), {panel.name: panel.fold() for panel in PANELS if panel.fold})
    for event in taken:
        made.apply(event)
    return made


def view(name: str, made: Folds) -> View:
    vitals = {"orders": Vitals(3.2, 62 << 20)}
    return View(picture=made.picture, system=shop.SYSTEM, fold=made.of.get(name), vitals=vitals, held=True)


def rows_of(name: str, made: Folds, width: int, part: slice = slice(None)) -> list[Row]:
    panel, seen = find(name), view(name, made)
    return [panel.row(item, seen, width) for item in panel.items(seen)[part]]


def trouble() -> list[Event]:
    lost = [shop.amqp("orders->broker", "ack", outcome="lost", queue="orders.payments", message="m1") for _ in range(9)]
    return [
        *lost,
        fault_change("refuse notifications->mail", id="f2", change="added", owner="you", duration=30.0),
        fault_change("lose-ack orders->broker x9", id="f3", change="added", owner="you", duration=30.0, victims=9),
        Process(source="payments", state="backoff", reason="killed by SIGKILL; again in 2 s", restarts=3),
        Process(source="mail", state="frozen", pid=4206),
        Log(source="orders", event="breaker", data={"name": "payments", "state": "open"}),
        Load(rate=20, sent=200, ok=190, failed=10),
    ]


def chart(width: int, height: int) -> Chart:
    made = arrange(shop.SYSTEM, width, height)
    assert made is not None
    return made


def traffic(picture: RunPicture) -> Traffic:
    moving = Traffic()
    flows = [event for event in events() if isinstance(event, Flow)][-400:]
    for step in range(10):
        moving.see(flows[step * 40 : step * 40 + 40], picture.links, picture.now, step / 10)
    return moving


@pytest.mark.parametrize(("width", "height"), [(120, 17), (80, 9)])
def test_map_of_a_healthy_run(width: int, height: int) -> None:
    picture = run()
    scene = Scene(picture, traffic(picture), 1.0, "orders->broker", {"orders": Vitals(3.2, 62 << 20)})
    golden.check(f"map_healthy_{width}", text_of(map_view.draw(chart(width, height), scene)))


@pytest.mark.parametrize(("width", "height"), [(120, 17), (80, 9)])
def test_map_of_a_run_in_trouble(width: int, height: int) -> None:
    picture = run(*trouble())
    picture.now = NOW + 1
    scene = Scene(picture, Traffic(), 5.0, "payments")
    golden.check(f"map_trouble_{width}", text_of(map_view.draw(chart(width, height), scene)))


def test_map_before_anything_happened() -> None:
    scene = Scene(RunPicture(shop.SYSTEM), Traffic(), 0.0)
    golden.check("map_start_120", text_of(map_view.draw(chart(120, 17), scene)))


def test_the_box_of_a_service_with_replicas_says_how_many_are_ready() -> None:
    system = System(
        name="t",
        services=(Service(name="orders", module="o"), Service(name="users", module="u", replicas=3)),
        links=(Link(source="orders", target="users", protocol="http"),),
    )
    picture = RunPicture(system)
    for number in (1, 2, 3):
        picture.apply(Process(source=f"users-{number}", state="ready"))
    scene = Scene(picture, Traffic(), 1.0, instances={"users": system.services[1].instances})
    drawn = arrange(system, 120, 17)
    assert drawn is not None
    assert "● 3/3 ready" in text_of(map_view.draw(drawn, scene))
    picture.apply(Process(source="users-2", state="failed"))
    shown = text_of(map_view.draw(drawn, scene))
    assert "✕ 2/3 ready" in shown
    assert "users-2" in shown


def test_where_no_map_fits_a_service_with_replicas_says_the_same() -> None:
    system = System(name="t", services=(Service(name="users", module="u", replicas=2),))
    picture = RunPicture(system)
    instances = {"users": system.services[0].instances}
    scene = Scene(picture, Traffic(), 1.0, instances=instances)
    (line,) = map_view.listing(scene, ("users",), 60, 1)
    assert "0/2 ready" in text_of([line])
    for number in (1, 2):
        picture.apply(Process(source=f"users-{number}", state="ready"))
    (line,) = map_view.listing(scene, ("users",), 60, 1)
    assert "2/2 ready" in text_of([line])
    said = [text for text, _ in selection.says("users", picture, {}, instances["users"])]
    assert said == ["● users-1 ready", "● users-2 ready"]


@pytest.mark.parametrize(("width", "height"), [(120, 17), (80, 9)])
def test_the_map_keeps_silent_about_a_hidden_fault(width: int, height: int) -> None:
    bad = [shop.http("client->orders", "GET /", "503", outcome="error", t=NOW + n / 5) for n in range(20)]

    def wires(*more: Event) -> set[str]:
        """What is drawn of the wires, and in which style."""
        picture = run(*more, *bad)
        rows = map_view.draw(chart(width, height), Scene(picture, traffic(picture), 1.0))
        return {f"{part} {style}" for line in rows for part, style in line if style in ("bad", "dim") and part.strip()}

    told, hidden = wires(), wires(Note(topic="scenario", text="Find it.", data={"hides": True}))
    assert any(part.endswith("bad") for part in told)
    assert not any("✕" in part or "ms" in part or part.endswith("bad") for part in hidden)


@pytest.mark.parametrize(("width", "height"), [(120, 17), (80, 9)])
def test_the_map_says_which_services_the_learner_wrote(width: int, height: int) -> None:
    scene = Scene(run(), Traffic(), 1.0, files={"orders": "db"}, mine=frozenset({"orders"}))
    drawn = chart(width, height)
    box = next(box for box in drawn.boxes if box.name == "orders")
    rows = text_of(map_view.draw(drawn, scene)).split("\n")
    assert "yours" in rows[box.y + box.height - 1][box.x : box.x + box.width]
    assert "\n".join(rows).count("yours") == 1


def test_where_no_map_fits_the_same_is_a_list() -> None:
    picture = run(*trouble())
    items = ("client", "payments", *picture.links)
    rows = map_view.listing(Scene(picture, Traffic(), 5.0, "orders->broker"), items, 60, 8)
    golden.check("list_60", text_of(rows))
    assert any("select" in style for line in rows for _, style in line)


def test_every_row_of_the_map_is_as_wide_as_the_map() -> None:
    picture = run(*trouble())
    for width, height in ((120, 17), (80, 9)):
        rows = map_view.draw(chart(width, height), Scene(picture, traffic(picture), 1.0))
        assert {width_of(line) for line in rows} == {width}


@pytest.mark.parametrize("width", [118, 73, 46])
def test_lists(width: int) -> None:
    made = folds(*events(*trouble()))
    parts: list[Row] = []
    for name, part in (
        ("flows", slice(-14, None)),
        ("entities", slice(6)),
        ("queues", slice(None)),
        ("processes", slice(None)),
        ("logs", slice(-4, None)),
        ("faults", slice(None)),
    ):
        parts += [*rows_of(name, made, width, part), ()]
    assert all(width_of(line) <= width for line in parts)
    golden.check(f"lists_{width}", text_of(parts))


def test_an_order_that_waits_long_is_called_stuck_and_stands_first() -> None:
    late = shop.state("o-late", "pending", "req-late")
    late.t = 1.0
    made = folds(late, *(shop.state(f"o-{n}", "confirmed") for n in range(5)))
    made.picture.now = 40.0
    assert board(view("entities", made))[0].id == "o-late"
    assert "stuck" in text_of(rows_of("entities", made, 46)[:1])


def test_what_went_wrong_has_a_word_and_a_symbol() -> None:
    for outcome, word in (
        ("lost", "✕ lost"),
        ("duplicate", "‖ duplicate"),
        ("late", "◔ late"),
        ("refused", "✕ refused"),
    ):
        flow = Flow(t=1, link="a->b", protocol="http", op="GET /", outcome=outcome, faults=("f1",))  # type: ignore[arg-type]
        assert f"{word} !f1" in text_of(rows_of("flows", folds(flow), 80))
    again = shop.amqp("payments->broker", "deliver q", redelivered=True)
    assert "↻ redelivered" in text_of(rows_of("flows", folds(again), 80))


@pytest.mark.parametrize("word", ["hit", "miss"])
def test_a_cache_read_says_hit_or_miss_once(word: str) -> None:
    read = Flow(t=1, link="web->redis", protocol="redis", op="GET user:7", status=word, hit=word == "hit")
    shown = text_of(rows_of("flows", folds(read), 80))
    assert shown.split().count(word) == 1


@pytest.mark.parametrize("width", [120, 80, 40])
def test_top_line_keeps_what_matters(width: int) -> None:
    about = About("day3", "Event-driven shop", "live", 7, "happy", (("broker", "embedded"),))
    line = bars.top(about, run(*trouble()), width)
    assert width_of(line) <= width
    said = text_of([line])
    assert "day3" in said
    assert "3 faults" in said
    golden.check(f"top_{width}", said)


def test_narration_is_shown_and_a_banner_comes_before_it() -> None:
    picture = run(Note(topic="scenario", text="Now the broker restarts. What happens to the orders under way?"))
    assert "Now the broker restarts" in text_of(bars.story(picture, "", 80, 1))
    rows = bars.story(picture, "The runtime is gone.", 80, 1)
    assert text_of(rows) == " ! The runtime is gone."
    assert len(bars.story(picture, "", 40, 2)) == 2


def test_the_story_of_a_grading_is_what_is_being_checked() -> None:
    picture = RunPicture()
    picture.apply(Check(behaviour="C4", says={"en": "an open breaker answers at once"}))
    assert text_of(bars.story(picture, "", 80, 1)).strip() == "▶ CHECK C4 begins: an open breaker answers at once"


def test_help_names_every_key() -> None:
    keys = table(live=True, panels=[(panel.name, panel.titled(shop.SYSTEM), panel.help) for panel in PANELS])
    text = text_of(help_rows(keys))
    for key in keys:
        assert key.help in text
    golden.check("help", text)


def test_figures_are_short() -> None:
    assert [figures.rate(r) for r in (0, 0.04, 0.43, 7, 20.4, 999.7, 1240, 12_400, 1.2e6)] == [
        "0/s", "0/s", "0.4/s", "7/s", "20/s", "1.0k/s", "1.2k/s", "12k/s", "1.2M/s",
    ]  # fmt: skip
    assert [figures.ms(m) for m in (None, 0.42, 9.97, 340.4, 1500, 120_000)] == [
        "", "0.4ms", "10ms", "340ms", "1.5s", "120s",
    ]  # fmt: skip
    assert [figures.age(s) for s in (0.84, 12.3, 300)] == ["0.8 s", "12 s", "5 min"]
    assert figures.spark([0, 1, 8], 4, 8) == " ▁▁█"
    assert figures.clock(3725) == "1:02:05"


def test_rows_fit_and_wrap_by_cells() -> None:
    assert fit("payments", 6) == "payme…"
    assert fit("漢字漢字", 5) == "漢字…"
    assert width_of(clip(row(("漢字", "ok"), "abcdef"), 6)) == 6
    assert wrap("one two three four", 9, 2) == ["one two", "three fo…"]
    assert wrap("", 9, 2) == []


def test_a_long_row_is_broken_between_words_below_its_second_column() -> None:
    line = row((" client sees    ", "dim"), ("the connection is refused at once, as after a crash", "text"))
    assert text_of(broken(line, 40)).splitlines() == [
        " client sees    the connection is",
        "                refused at once, as",
        "                after a crash",
    ]
    assert broken(line, 200) == [line]
    assert text_of(broken(row("x" * 25), 10)).split() == ["x" * 10, "x" * 8, "x" * 7]


def test_the_counts_of_what_is_lost_fit_a_narrow_side() -> None:
    """What is 0 makes room, from the left; nothing is cut within a word."""
    seen = view("entities", folds(*events()))
    wide, narrow = (text_of(find("entities").side(seen, width, 10)).split("\n")[2] for width in (60, 34))
    assert wide == " 1 waiting · 0 late · 0 lost · 0 doubled"
    assert narrow == " 1 waiting · 0 lost · 0 doubled"


def test_how_many_are_lost_is_never_cut() -> None:
    picture = run(*trouble())
    verdicts = picture.verdicts
    verdicts.waiting, verdicts.late = {("order", str(n)): (NOW, NOW) for n in range(31)}, 3
    assert text_of([bars.fate(picture, 27)]) == "3 late · 0 lost"
    assert "31 waiting · 3 late · 0 lost" in text_of([bars.top(bars.About("day3"), picture, 80, counts=True)])


def test_where_no_side_says_what_is_lost_the_top_line_does() -> None:
    picture = run(*trouble())
    picture.now = NOW + 1
    about = bars.About("day3")
    assert "0 lost" in text_of([bars.top(about, picture, 80, counts=True)])
    assert "lost" not in text_of([bars.top(about, picture, 120)])


def test_where_orders_are_the_list_it_says_what_is_lost() -> None:
    """Its short form, which says it elsewhere, does not stand beside it."""
    panel, seen = find("entities"), view("entities", folds(*events()))
    for width, rows in ((100, 1), (60, 2)):
        heading = panel.heading(seen, width)
        assert len(heading) == rows
        assert text_of(heading).endswith(" 1 waiting · 0 late · 0 lost · 0 doubled")
        assert max(map(width_of, heading)) <= width


def test_what_stands_beside_the_lists_names_is_not_cut_within_a_part() -> None:
    said = row(("40/s hidden", "dim"), (" · Space", "key"), (" shows all", "dim"))
    names = ["flows", "orders", "queues"]
    for width, words in ((80, "40/s hidden · Space shows all"), (50, "40/s hidden · Space"), (42, "40/s hidden")):
        assert text_of([bars.tabs(names, 0, said, width)]).endswith(f"  {words}")
    assert text_of([bars.selection_line("orders", [("ready", "ok"), ("pid 4711", "text")], 28)]).endswith("ready")


def test_queues_that_were_never_used_are_folded_until_time_stands_still() -> None:
    seen = view(
        "queues", folds(*events(), EngineState(t=12.0, source="broker", queues={"orders.retry": Queue(ready=0)}))
    )
    seen = replace(seen, held=False)
    panel = find("queues")
    assert "orders.retry" not in [queue.name for queue in panel.items(seen)]
    assert "1 never used" in text_of([panel.says(seen)])
    assert "orders.retry" in [queue.name for queue in panel.items(replace(seen, held=True))]


def test_a_fault_that_happens_once_is_done_and_has_not_expired() -> None:
    picture = RunPicture(shop.SYSTEM)
    picture.apply(fault_change("kill payments", t=1.0, id="f1", change="added"))
    picture.apply(fault_change("kill payments", t=1.0, id="f1", change="expired"))
    assert picture.summary().faults[0].ended == "done"


def test_a_line_of_the_scenario_is_not_covered_by_a_verdict_that_came_before_it() -> None:
    picture = RunPicture(shop.SYSTEM)
    text = "latency payments->payment_provider 3s"
    picture.apply(fault_change(text, t=1.0, id="f1", change="added"))
    picture.apply(fault_change(text, t=2.0, id="f1", change="healed"))
    picture.apply(Load(t=6.0))
    assert "f1 is over" in text_of(bars.story(picture, "", 120, 2))
    picture.apply(Note(t=7.0, topic="scenario", text="Now the next."))
    assert "Now the next." in text_of(bars.story(picture, "", 120, 2))


@pytest.mark.parametrize(
    ("wanted", "room", "given"),
    [([1, 9, 9], 13, [1, 6, 6]), ([9, 1, 9], 12, [6, 1, 5]), ([5, 5], 3, [2, 1]), ([2, 2], 9, [2, 2]), ([], 4, [])],
)
def test_what_one_does_not_need_at_the_side_the_others_get(wanted: list[int], room: int, given: list[int]) -> None:
    assert frame.shares(wanted, room) == given
