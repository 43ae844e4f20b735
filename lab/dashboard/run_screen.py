"""The screen of a run: map above, lists below, keys at the foot. It draws a Desk and turns keys into calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from time import monotonic
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input, Static

from lab.dashboard import control, detail, frame, map_view
from lab.dashboard.card import card, due
from lab.dashboard.desk import Desk
from lab.dashboard.flow_filter import HELP, BadFilter
from lab.dashboard.keys import DIGITS, KEYS, Action, AddFault, Key, Refusal, decide, scaling
from lab.dashboard.pages import Pages, help_rows
from lab.dashboard.panel import Panel
from lab.dashboard.prompt import Prompt
from lab.dashboard.rows import Row, row
from lab.dashboard.surface import Surface
from lab.journal.picture.link import LinkPicture
from lab.locale import tr
from lab.system.model import System

FLUSHES_PER_SECOND = 10
MESSAGE_FOR = 6.0
"""Seconds for which an answer to a key stays in the foot."""
JUMP = 10.0
SLOWEST, FASTEST = 0.25, 32.0


class RunScreen(Screen[None]):
    """Draws a Desk ten times a second."""

    AUTO_FOCUS = ""  # Nothing: the keys are the screen's own until the line for typing is opened.
    CSS = """
    RunScreen { layout: vertical; }
    #top { height: 1; background: $panel; }
    #story { height: 2; }
    #map { height: 17; }
    #lower { height: 1fr; }
    #tabs { height: 1; background: $panel; }
    #list { width: 1fr; height: 1fr; }
    #side { width: SIDE; height: 1fr; border-left: solid $panel; }
    #said { height: 1; }
    #faults { height: 1; background: $panel; }
    #keys { height: 1; background: $panel; }
    #ask { height: 1; display: none; }
    #ask Static { width: auto; color: $text-accent; text-style: bold; }
    #ask Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
    RunScreen.-narrow #side, RunScreen.-alone #side { display: none; }
    RunScreen.-asking #ask { display: block; }
    RunScreen.-asking #said { display: none; }
    RunScreen.-zoomed #story, RunScreen.-zoomed #map, RunScreen.-zoomed #side { display: none; }
    RunScreen.-zoomed #said, RunScreen.-zoomed #faults { display: none; }
    """.replace("SIDE", str(frame.SIDE))
    # Every key of the table, and nothing else, so that help and palette cannot say anything untrue.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(name, f"press('{name}')", show=False)
        for name in dict.fromkeys([*(name for key in KEYS for name in key.names), *DIGITS])
    ]

    def __init__(self, desk: Desk, *, ascii: bool = False) -> None:
        super().__init__()
        self.desk = desk
        self.run = run = desk.run
        self.ascii = ascii
        self.plan = frame.plan(self.desk, 0, 0)
        self._drawn: System = self.desk.system
        """The system that the chart is of."""
        self._message: tuple[str, str, float] = ("", "text", 0.0)
        self._asking = ""
        self._carded = False
        self._asked = -1.0
        """When the last question was asked that has been shown."""
        self._does: dict[Action, Callable[[Key, str], None]] = {
            "fault": self._disturb,
            "process": self._disturb,
            "heal": lambda *_: self._ask_run(run.heal_all()),
            "more": lambda *_: self._ask_run(run.change_load("up")),
            "less": lambda *_: self._ask_run(run.change_load("down")),
            "out": lambda *_: self._scale(1),
            "in": lambda *_: self._scale(-1),
            "type": self._type_fault,
            "quit": lambda *_: self.app.exit(),
            "pause": lambda *_: self.desk.pause(),
            "back": lambda *_: self._jump(-JUMP),
            "on": lambda *_: self._jump(JUMP),
            "newest": lambda *_: self.desk.newest(),
            "faster": lambda *_: self._pace(2),
            "slower": lambda *_: self._pace(0.5),
            "next": lambda *_: self._walk(1),
            "previous": lambda *_: self._walk(-1),
            "move": lambda _, name: self._arrow(name),
            "zoom": lambda *_: self._toggle("-zoomed"),
            "side": lambda *_: self._toggle("-alone"),
            "help": lambda *_: self._page(tr("Keys"), help_rows(self.desk.keys)),
            "palette": lambda *_: self.app.action_command_palette(),
            "panel": lambda key, _: self.desk.show(self._panel(key.panel)),
            "filter": self._type_filter,
            "open": lambda *_: self._open(),
            "leave": lambda *_: self._leave(),
        }

    def compose(self) -> ComposeResult:
        for name in ("top", "story", "map"):
            yield Surface(id=name, ascii=self.ascii)
        yield Surface(id="tabs", ascii=self.ascii)
        with Horizontal(id="lower"):
            yield Surface(id="list", ascii=self.ascii)
            yield Surface(id="side", ascii=self.ascii)
        yield Surface(id="said", ascii=self.ascii)
        with Horizontal(id="ask"):
            yield Static(" / ", id="ask-what", markup=False)
            yield Input(compact=True, select_on_focus=False)
        yield Surface(id="faults", ascii=self.ascii)
        yield Surface(id="keys", ascii=self.ascii)

    def on_mount(self) -> None:
        self.set_interval(1 / FLUSHES_PER_SECOND, self.tick)
        if self.run.live:
            self.run_worker(self.run.follow(), exit_on_error=False)

    def on_unmount(self) -> None:
        self.run.timeline.close()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out(event.size.width, event.size.height)
        self.call_after_refresh(self.draw)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.draw)

    def tick(self) -> None:
        """One flush: take in what came, then draw what changed."""
        clock = monotonic()
        self.desk.flush(clock)
        if self.run.stillborn:
            self.app.exit()
        if self.desk.system is not self._drawn:
            self._lay_out(self.size.width, self.size.height)
        if self.is_current:
            self._show_card()
            self._show_question()
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
        self._surface("top").show(frame.top(desk, width, beside=bool(self._surface("side").display)))
        story = self._surface("story")
        story.show(frame.story(desk, width, story.size.height))
        if not self.has_class("-zoomed"):
            self._surface("map").show(frame.map_rows(desk, self.plan, clock))
        self._surface("tabs").show(frame.tabs(desk, width))
        lines = self._surface("list")
        lines.show(frame.list_rows(desk, *lines.size))
        if self._surface("side").display:
            side = self._surface("side")
            side.show(frame.side(desk, *side.size))
        text, style, until = self._message
        self._surface("said").show([row((f" {text}", style))] if clock < until else frame.said(desk, width))
        self._surface("faults").show(frame.faults(desk, width))
        self._surface("keys").show(frame.often(desk, width))

    def items(self) -> tuple[str, ...]:
        """Everything that can be selected, in order."""
        return self.plan.items

    def commands(self) -> Iterable[SystemCommand]:
        """Each key of the table can be found by its name, too; looking round is done by keys alone."""
        for key in self.desk.keys:
            if key.group != "looking" or key.action in ("zoom", "side", "help"):
                yield SystemCommand(f"{key.name}  ({key.shown})", key.help, partial(self.action_press, key.names[0]))

    def action_press(self, name: str) -> None:
        """A key was pressed, by Textual's name of it."""
        if self._asking and name == "escape":
            self._drop_line()
        elif (key := next((key for key in self.desk.keys if name in key.names), None)) is not None:
            self._does[key.action](key, name)
        elif (key := next((key for key in KEYS if name in key.names), None)) is not None:
            self.say(tr("This is a recording: {name} is for live runs.", name=key.name), "warn")
        self.draw()

    def _disturb(self, key: Key, _: str) -> None:
        self.run.to_now()
        desk = self.desk
        decision = decide(key, desk.selection, desk.system, desk.picture, control.OWNER)
        if isinstance(decision, Refusal):
            self.say(decision.reason, "warn")
        else:
            self._ask_run(self.run.carry_out(decision))

    def _scale(self, by: int) -> None:
        """One instance more or fewer of the selected service."""
        self.run.to_now()
        decision = scaling(self.desk.selection, self.desk.system, by)
        if isinstance(decision, Refusal):
            self.say(decision.reason, "warn")
        else:
            self._ask_run(self.run.carry_out(decision))

    def _ask_run(self, request: Awaitable[str]) -> None:
        async def ask() -> None:
            try:
                said = await request
            except Exception as error:  # The runtime's no, or no runtime at all: either is a line for the person.
                self.say(str(error) or type(error).__name__, "bad")
            else:
                self.say(said)

        self.run_worker(ask(), exit_on_error=False)

    def _type_fault(self, *_: object) -> None:
        link = self.desk.selection if "->" in self.desk.selection else ""
        example = "latency payments->provider 300ms 20% for 30s"
        self._type("fault", "fault", f"latency {link} " if link else "", example)

    def _type_filter(self, *_: object) -> None:
        desk = self.desk
        stream = next((panel for panel in self.run.panels if panel.stream), None)
        if stream is not None and not desk.panel.stream:
            desk.show(stream)
        self._type("filter", "filter", desk.filter_text, HELP)

    def _jump(self, by: float) -> None:
        """Go so many seconds back or on; beyond the newest there is only now."""
        timeline = self.run.timeline
        if by > 0 and timeline.following:
            return
        timeline.seek((self.desk.picture.now if timeline.following else timeline.head) + by)
        self.desk.cursor = None

    def _pace(self, factor: float) -> None:
        timeline = self.run.timeline
        timeline.speed = max(SLOWEST, min(FASTEST, timeline.speed * factor))

    def _walk(self, by: int) -> None:
        items = self.items()
        at = items.index(self.desk.selection) if self.desk.selection in items else -1
        self._select(items[(at + by) % len(items)])

    def _arrow(self, name: str) -> None:
        desk = self.desk
        dx, dy = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}[name]
        if desk.in_list:
            if dy:
                desk.move(dy)
            else:
                desk.move(dx * max(1, self._surface("list").size.height - 1))
        elif self.plan.chart is not None:
            self._select(map_view.step(self.plan.chart, desk.selection, dx, dy))
        else:
            items = self.items()
            at = items.index(desk.selection) if desk.selection in items else 0
            self._select(items[max(0, min(len(items) - 1, at + dx + dy))])

    def _toggle(self, name: str) -> None:
        self.toggle_class(name)
        self.call_after_refresh(self.draw)

    def _open(self) -> None:
        """In a list the line under the cursor; on the map all about the process, or only the flows of the link."""
        desk = self.desk
        if desk.in_list:
            item = desk.chosen()
            if item is not None:
                self._page(*desk.panel.detail(item, desk.view(desk.panel)))
        elif found := desk.picture.named(desk.run.system, desk.selection):
            pages = [detail.of_process(process, desk.view(desk.panel))[1] for process in found]
            self._page(desk.selection, [line for page in pages for line in (*page, ())][:-1])
        elif desk.selection:
            stream = next((panel for panel in self.run.panels if panel.stream), desk.panel)
            of_link = isinstance(desk.picture.links.get(desk.selection), LinkPicture)
            desk.set_filter(f"link:{desk.selection}" if of_link else f"link:{desk.selection}->")
            desk.show(stream)
            self.say(
                tr("only the flows of {what}; Esc clears the filter", what=desk.selection.replace("->", "→")), "dim"
            )

    def _show_card(self) -> None:
        """The end of a scenario is a card, shown once, when nobody is typing or looking at what was before."""
        run = self.run
        if not (self._carded or self._asking or run.held) and (over := due(run.picture)):
            self._carded = True
            seen = [line for panel in run.panels for line in panel.card(self.desk.view(panel))]
            self._page(*card(over, run.picture, run.system, seen))

    def _show_question(self) -> None:
        """A question that waits stands over the screen until it is answered."""
        run, asked = self.run, self.run.picture.asked
        if asked is None or not run.live or run.held or self._asking or self._asked == asked.t:
            return
        self._asked = asked.t
        self.app.push_screen(Prompt(asked, partial(run.predict, str(asked.data["id"])), ascii=self.ascii))

    def _page(self, title: str, rows: Sequence[Row]) -> None:
        self.app.push_screen(Pages(title, rows, ascii=self.ascii))

    def _leave(self) -> None:
        """Escape: from the list to the map; on the map the filter goes."""
        desk = self.desk
        if desk.filter_text and not desk.in_list:
            desk.set_filter("")
        desk.in_list = False
        desk.cursor = None

    def on_click(self, event: events.Click) -> None:
        if event.widget is self._surface("map") and self.plan.chart is not None:
            self._select(map_view.at(self.plan.chart, event.x, event.y) or self.desk.selection)
            self.draw()

    def _select(self, item: str) -> None:
        self.desk.select(item)
        self._message = ("", "text", 0.0)

    def _panel(self, name: str) -> Panel:
        return next(panel for panel in self.run.panels if panel.name == name)

    def _type(self, what: str, label: str, text: str, placeholder: str) -> None:
        """Open the line for typing; `what` is `filter` or `fault`."""
        self._asking = what
        self.query_one("#ask-what", Static).update(f" {label} ", layout=True)
        line = self.query_one(Input)
        line.placeholder = placeholder
        line.value = text
        line.cursor_position = len(text)
        self.add_class("-asking")
        line.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if self._asking == "filter":
            self._apply_filter(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        what, text = self._asking, event.value.strip()
        self._close_line()
        if what == "fault" and text:
            self._ask_run(self.run.carry_out(AddFault(text)))

    def _drop_line(self) -> None:
        if self._asking == "filter":
            self._apply_filter("")
        self._close_line()

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
        self._drawn = self.desk.system
        self.set_class(width < frame.WIDE, "-narrow")
        self.plan = frame.plan(self.desk, width, height)
        self._surface("story").styles.height = self.plan.story
        self._surface("map").styles.height = self.plan.map

    def _surface(self, name: str) -> Surface:
        return self.query_one(f"#{name}", Surface)
