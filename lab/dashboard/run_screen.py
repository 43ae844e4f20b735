"""The one screen of a run: map above, lists below, keys at the foot. It asks the Desk and draws; it decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, Static

from lab.dashboard import bars, figures, lists, map_view, selection
from lab.dashboard.desk import TABS, Desk, Tab
from lab.dashboard.feed import ReplayFeed
from lab.dashboard.flow_filter import HELP, BadFilter
from lab.dashboard.keys import KEYS, Key, fitting, table
from lab.dashboard.layout import Chart, arrange, nodes
from lab.dashboard.rows import Row, row, selected
from lab.dashboard.surface import Surface

FLUSHES_PER_SECOND = 10
WIDE = 100
"""Columns from which orders and queues stand beside the list."""
TALL = 22
MESSAGE_FOR = 6.0
"""Seconds for which an answer to a key stays in the foot."""


class RunScreen(Screen[None]):
    """Draws a Desk ten times a second. Keys that change the run go to the App as actions."""

    class Pressed(Message):
        """A key that is not only about looking was pressed."""

        def __init__(self, key: Key) -> None:
            super().__init__()
            self.key = key

    class FaultTyped(Message):
        """A fault was typed in words."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    AUTO_FOCUS = ""  # Nothing: the keys are the screen's own until the line for typing is opened.
    CSS = """
    RunScreen { layout: vertical; }
    #top { height: 1; background: $panel; }
    #story { height: 2; }
    #map { height: 17; }
    #lower { height: 1fr; }
    #left { width: 1fr; }
    #right { width: 47; }
    #tabs, #side-tabs { height: 1; background: $panel; }
    #list, #side { height: 1fr; }
    #said { height: 1; }
    #faults { height: 1; background: $panel; }
    #keys { height: 1; background: $panel; }
    #ask { height: 1; display: none; }
    #ask Static { width: auto; color: $text-accent; text-style: bold; }
    #ask Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
    RunScreen.-narrow #right { display: none; }
    RunScreen.-asking #ask { display: block; }
    RunScreen.-asking #said { display: none; }
    RunScreen.-zoomed #map { display: none; }
    """
    # Every key of the table, and nothing else, so that help and palette cannot say anything untrue.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(each, f"press('{key.key}', '{each}')", key.name, show=False)
        for key in {key.key: key for key in (*table(live=True), *table(live=False))}.values()
        for each in key.key.split(",")
    ]

    def __init__(self, desk: Desk, *, ascii: bool = False) -> None:
        super().__init__()
        self.desk = desk
        self.ascii = ascii
        self.chart: Chart | None = None
        self.elapsed: float | None = None
        """The live run's time minus the monotonic clock's, once the run has told it."""
        self._message: tuple[str, str, float] = ("", "text", 0.0)
        self._asking: str = ""

    def compose(self) -> ComposeResult:
        for name in ("top", "story", "map"):
            yield Surface(id=name, ascii=self.ascii)
        with Horizontal(id="lower"):
            with Vertical(id="left"):
                yield Surface(id="tabs", ascii=self.ascii)
                yield Surface(id="list", ascii=self.ascii)
            with Vertical(id="right"):
                yield Surface(id="side-tabs", ascii=self.ascii)
                yield Surface(id="side", ascii=self.ascii)
        yield Surface(id="said", ascii=self.ascii)
        with Horizontal(id="ask"):
            yield Static(" / ", id="ask-what", markup=False)
            yield Input(compact=True, select_on_focus=False)
        yield Surface(id="faults", ascii=self.ascii)
        yield Surface(id="keys", ascii=self.ascii)

    def on_mount(self) -> None:
        self.set_interval(1 / FLUSHES_PER_SECOND, self.tick)

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out(event.size.width, event.size.height)
        self.call_after_refresh(self.draw)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.draw)

    def tick(self) -> None:
        """One flush: take in what came, then draw what changed."""
        clock = monotonic()
        self.desk.flush(clock, None if self.elapsed is None else clock + self.elapsed)
        if self.is_current:
            self.draw(clock)

    def say(self, text: str, style: str = "note") -> None:
        """Answer a key in the foot, for a few seconds."""
        self._message = (text, style, monotonic() + MESSAGE_FOR)
        self.draw()

    def draw(self, clock: float | None = None) -> None:
        clock = monotonic() if clock is None else clock
        width = self.size.width
        if not width or not self.is_mounted:
            return
        desk = self.desk
        self._surface("top").show([bars.top(desk.about, desk.picture, width)])
        story = self._surface("story")
        first = bars.WELCOME if desk.live else bars.RECORDING
        story.show(bars.story(desk.picture, desk.banner, width, max(1, story.size.height), first))
        if not self.has_class("-zoomed"):
            self._draw_map(clock)
        self._draw_list()
        if not self.has_class("-narrow"):
            self._draw_side()
        self._draw_foot(clock, width)

    def items(self) -> tuple[str, ...]:
        """Everything that can be selected, in order."""
        if self.chart is not None:
            return map_view.items_of(self.chart)
        return (*nodes(self.desk.system), *(link.id for link in self.desk.system.links))

    def ask(self, what: str, label: str, text: str, placeholder: str) -> None:
        """Open the line for typing; `what` is `filter` or `fault`."""
        self._asking = what
        self.query_one("#ask-what", Static).update(f" {label} ", layout=True)
        line = self.query_one(Input)
        line.placeholder = placeholder
        line.value = text
        line.cursor_position = len(text)
        self.add_class("-asking")
        line.focus()

    def action_press(self, key: str, pressed: str) -> None:
        found = next(each for each in table(self.desk.live) + KEYS if each.key == key)
        if pressed in ("up", "down", "left", "right"):
            self._arrow(pressed)
        elif found.group == "lists" and pressed.isdigit():
            self.desk.show_tab(TABS[int(pressed) - 1])
        elif not self._look(pressed):
            self.post_message(self.Pressed(found))
        self.draw()

    def _look(self, pressed: str) -> bool:
        """Keys that only change what is looked at; whether `pressed` was one."""
        desk = self.desk
        replay = isinstance(desk.feed, ReplayFeed)
        match pressed:
            case "tab" | "shift+tab":
                items = self.items()
                at = items.index(desk.selection) if desk.selection in items else -1
                self._select(items[(at + (1 if pressed == "tab" else -1)) % len(items)])
            case "space" if not replay:
                desk.pause(not desk.paused)
            case "slash":
                if desk.tab not in ("flows", "logs"):
                    desk.show_tab("flows")
                self.ask("filter", "filter", desk.filter_text, HELP)
            case "end":
                desk.newest()
            case "escape" if self._asking:
                if self._asking == "filter":
                    self._apply_filter("")
                self._close_line()
            case "escape":
                if desk.filter_text and not desk.in_list:
                    desk.set_filter("")
                desk.in_list = False
                desk.cursor = None
            case "z":
                self.toggle_class("-zoomed")
            case _:
                return False
        return True

    def _arrow(self, pressed: str) -> None:
        desk = self.desk
        dx, dy = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}[pressed]
        if desk.in_list:
            if dy:
                desk.move(dy)
            else:
                desk.move(dx * max(1, self._surface("list").size.height - 1))
        elif self.chart is not None:
            self._select(map_view.step(self.chart, desk.selection, dx, dy))
        else:
            items = self.items()
            at = items.index(desk.selection) if desk.selection in items else 0
            self._select(items[max(0, min(len(items) - 1, at + dx + dy))])

    def on_click(self, event: events.Click) -> None:
        surface = event.widget
        if surface is self._surface("map") and self.chart is not None:
            self._select(map_view.at(self.chart, event.x, event.y) or self.desk.selection)
            self.desk.in_list = False
            self.draw()

    def _select(self, item: str) -> None:
        self.desk.selection = item
        self._message = ("", "text", 0.0)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if self._asking == "filter":
            self._apply_filter(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        what, text = self._asking, event.value.strip()
        self._close_line()
        if what == "fault" and text:
            self.post_message(self.FaultTyped(text))

    def _close_line(self) -> None:
        self._asking = ""
        self.remove_class("-asking")
        self.set_focus(None)
        self.call_after_refresh(self.draw)

    def _apply_filter(self, text: str) -> None:
        try:
            self.desk.set_filter(text)
        except BadFilter as error:
            self._message = (str(error), "bad", monotonic() + MESSAGE_FOR)
        self.draw()

    def _lay_out(self, width: int, height: int) -> None:
        self.set_class(width < WIDE, "-narrow")
        story = 2 if height >= TALL else 1
        room = height - 1 - story - 3
        tall = max(3, round(room * 0.52))
        self.chart = arrange(self.desk.system, width, tall)
        if self.chart is None:
            self.chart = arrange(self.desk.system, width, max(3, room - 6))
        items = len(self.items())
        used = self.chart.height if self.chart is not None else max(2, min(items, room // 2))
        if self.chart is not None and self.chart.height > tall:
            used = self.chart.height
        self._surface("story").styles.height = story
        self._surface("map").styles.height = used

    def _draw_map(self, clock: float) -> None:
        surface = self._surface("map")
        scene = self.desk.scene(clock)
        if self.chart is not None:
            surface.show(map_view.draw(self.chart, scene))
        else:
            surface.show(map_view.listing(scene, self.items(), self.size.width, surface.size.height))

    def _draw_list(self) -> None:
        desk, surface = self.desk, self._surface("list")
        width, height = surface.size
        self._surface("tabs").show([bars.tabs(TABS, desk.tab, self._tab_says(), width)])
        heading: list[Row] = []
        if desk.tab == "queues" and desk.picture.queues:
            heading = [lists.queue_heading(width)]
        elif desk.tab == "processes":
            heading = [lists.PROCESS_HEADING]
        room = max(0, height - len(heading))
        items = desk.items()
        at = desk.position(items)
        following = desk.tab in ("flows", "logs") and at is None
        first = max(0, len(items) - room) if following else 0
        if at is not None:
            first = max(0, min(at - room // 2, len(items) - room))
        rows = self._rows(items[first : first + room], width)
        if at is not None:
            rows = [selected(line, width) if first + n == at else line for n, line in enumerate(rows)]
        surface.show(heading + (rows or lists.empty(self._why_empty(desk.tab), width)))

    def _rows(self, items: Sequence[object], width: int) -> list[Row]:
        desk = self.desk
        return [lists.item_row(item, desk.picture, desk.vitals, width) for item in items]

    def _tab_says(self) -> Row:
        desk, picture = self.desk, self.desk.picture
        if desk.tab in ("flows", "logs"):
            parts: Row = row((f"filter: {desk.filter_text}  ", "accent")) if desk.filter_text else ()
            if desk.paused:
                return (*parts, ("■ paused, all shown", "warn"))
            if desk.tab == "logs":
                who = desk.selection if desk.selection in picture.processes else "all"
                return (*parts, (f"of {who}", "dim"))
            left_out = desk.sample.left_out(picture.now)
            if left_out >= 0.5:
                return (*parts, (f"+{figures.rate(left_out)} skipped", "dim"))
            return parts
        if desk.tab == "orders":
            return lists.tally(picture)
        if desk.tab == "faults":
            return row((f"{len(picture.active_faults())} active", "dim"))
        return ()

    def _why_empty(self, tab: Tab) -> str:
        desk, picture = self.desk, self.desk.picture
        if tab in ("flows", "logs") and desk.filter_text and picture.flow_count:
            return f"Nothing matches the filter '{desk.filter_text}'. / changes it, Esc clears it."
        match tab:
            case "flows" if picture.flow_count:
                return "No flow since. Nothing crosses the wires at the moment."
            case "flows":
                return "No flow yet: nothing has crossed a wire. The services may still be starting."
            case "logs" if picture.logs:
                return f"{desk.selection} has not written a line yet. Select a link to see everybody's lines."
            case "logs":
                return "No process has written a line yet."
            case "faults" if not desk.live:
                return "Nothing was disturbed up to this moment of the recording."
            case _:
                return lists.why_empty(tab, picture)

    def _draw_side(self) -> None:
        desk, surface = self.desk, self._surface("side")
        width, height = surface.size
        picture = desk.picture
        edge = row(("│", "dim"))
        self._surface("side-tabs").show([row((" orders", "title"))])
        queues = min(len(picture.queues) or 2, max(2, height // 2 - 2))
        orders = max(1, height - queues - 3)
        known = lists.board(picture)[:orders]
        above = [lists.order_row(order, picture, width - 1) for order in known]
        above = above or lists.empty(lists.why_empty("orders", picture), width - 2)
        below = [lists.queue_row(queue, width - 1) for queue in lists.queues_by_need(picture)[:queues]]
        below = below or lists.empty(lists.why_empty("queues", picture), width - 2)
        blank: list[Row] = [()] * max(0, orders - len(above))
        heading = lists.queue_heading(width - 1)
        surface.show(
            [(*edge, *line) for line in [row(" ") + lists.tally(picture), *above[:orders], *blank, (), heading, *below]]
        )

    def _draw_foot(self, clock: float, width: int) -> None:
        desk = self.desk
        text, style, until = self._message
        if clock < until:
            self._surface("said").show([row((f" {text}", style))])
        else:
            said = bars.selection_line(desk.selection, selection.says(desk.selection, desk.picture, desk.vitals), width)
            self._surface("said").show([said])
        keys = table(desk.live)
        if desk.live:
            offered = fitting(keys, desk.selection, desk.system, desk.picture)
            self._surface("faults").show([bars.keys_line(offered, width)])
        else:
            self._surface("faults").show([bars.keys_line([k for k in keys if k.group == "the run"], width)])
        wanted = (
            "heal all",
            "more load",
            "less load",
            "any fault",
            "filter",
            "pause",
            "detail",
            "zoom",
            "help",
            "quit",
        )
        named = {key.name: key for key in keys if desk.live or key.group != "the run" or key.name == "quit"}
        order = [named[name] for name in wanted if name in named]
        if width < WIDE:
            short = ("heal all", "more load", "less load", "filter", "pause", "help", "quit")
            order = [named[name] for name in short if name in named]
        self._surface("keys").show([bars.keys_line(order, width)])

    def _surface(self, name: str) -> Surface:
        return self.query_one(f"#{name}", Surface)
