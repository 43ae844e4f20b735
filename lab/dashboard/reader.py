"""The reader of lessons: contents, one screen a page, links that lead on, demos that are started from the page."""

from __future__ import annotations

import asyncio
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from lab.course import catalog, figures, lesson, reading, typeset
from lab.course.figures import Seen
from lab.course.lesson import Lesson
from lab.course.typeset import Page, Stop
from lab.dashboard.glyphs import to_ascii
from lab.dashboard.pages import Pages
from lab.dashboard.rows import Row, fit, right, row, whole
from lab.dashboard.surface import Surface
from lab.locale import LANGUAGES, language, mark, speak, tr
from lab.system.refusal import Refusal

WIDEST = 88
"""Columns of a page: longer lines are hard to read."""
SIDE = 34
"""Columns of the contents beside it."""
ROOM = 116
"""Columns of a terminal in which both have room."""
BESIDE = 3
"""Columns of the blanks and the scroll bar beside a page."""
STYLES: Mapping[str, str] = {"em": "strong"}
"""What the screen has no style of its own for."""
KEYS = (
    ("right,n", "→", mark("next"), mark("the next screen"), "turn(1)"),
    ("left,p", "←", mark("previous"), mark("the screen before"), "turn(-1)"),
    ("space", "Space", mark("read on"), mark("a page down, then the next screen"), "read_on"),
    ("tab", "Tab", mark("choose"), mark("the next link, demo or piece of code"), "choose(1)"),
    ("shift+tab", "⇧Tab", mark("choose back"), mark("the one before"), "choose(-1)"),
    ("enter", "Enter", mark("do"), mark("follow the link, run the demo, copy the code"), "do"),
    ("y", "y", mark("copy"), mark("copy the code or the command that is chosen, or the first"), "copy"),
    ("backspace,b", "b", mark("back"), mark("to where the link was"), "back"),
    ("c", "c", mark("contents"), mark("the screens of all days"), "contents"),
    ("slash", "/", mark("search"), mark("search in all lessons"), "search"),
    ("l", "l", mark("language"), mark("read on in the other language"), "language"),
    ("up,k", "↑", mark("up"), mark("a line up"), "scroll(-1)"),
    ("down,j", "↓", mark("down"), mark("a line down"), "scroll(1)"),
    ("pageup", "PgUp", mark("page up"), mark("a page up"), "page(-1)"),
    ("pagedown", "PgDn", mark("page down"), mark("a page down"), "page(1)"),
    ("question_mark", "?", mark("help"), mark("this page"), "help"),
    ("escape", "Esc", mark("close"), mark("close the search or the contents"), "close"),
    ("q", "q", mark("quit"), mark("leave; lab learn comes back to this screen"), "quit"),
)
"""Textual's names, what is printed on the key, its name, what it does for people, and the action."""
FOOT = ("→", "Tab", "Enter", "c", "/", "l", "?", "q")
"""The keys at the foot, as far as there is room."""

Play = Callable[[Sequence[str]], None]
"""Run this command of the lab's, in the terminal."""


class ReaderScreen(Screen[None]):
    """Shows a screen of a lesson. `play` runs a demo, with the terminal handed over if nothing else is said."""

    AUTO_FOCUS = ""
    CSS = f"""
    #head, #foot {{ height: 1; background: $panel; }}
    #lower {{ height: 1fr; }}
    #side {{ width: {SIDE}; border-right: solid $panel; }}
    #side Input {{ display: none; height: 1; border: none; padding: 0 1; background: $panel; }}
    #side OptionList {{ height: 1fr; border: none; padding: 0; background: $background; scrollbar-size-vertical: 1; }}
    #side OptionList > .option-list--option-disabled {{ color: $text-primary; text-style: bold; }}
    #scroll {{ width: 1fr; height: 1fr; padding: 1 1 0 1; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }}
    #page {{ width: 1fr; }}
    ReaderScreen.-searching #side Input {{ display: block; }}
    ReaderScreen.-narrow #side {{ display: none; border: none; }}
    ReaderScreen.-narrow.-open #side {{ display: block; width: 1fr; }}
    ReaderScreen.-narrow.-open #scroll {{ display: none; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding(key, action, help, show=False) for key, _, _, help, action in KEYS]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-narrow"),
        (ROOM, "-wide"),
    ]

    def __init__(self, day: str = "", ident: str = "", *, ascii: bool = False, play: Play | None = None) -> None:
        """Open that day's screen; or where its reader stopped. Some day has a lesson. Raises InvalidLesson."""
        super().__init__()
        here = reading.place()
        self._lessons = lesson.every()
        by_day = {one.day: one for one in self._lessons}
        self.lesson: Lesson = by_day.get(day or here.day, self._lessons[0])
        ident = ident or here.screens.get(self.lesson.day, "")
        known = [one.id for one in self.lesson.screens]
        self.number = known.index(ident) if ident in known else 0
        self._ascii = ascii
        self._play = play or self._in_terminal
        self._seen: Mapping[str, Seen] = {}
        self._told: Mapping[str, Sequence[typeset.Line]] = {}
        """What is known of demos, by their commands."""
        self._page = Page(0)
        self._chosen: int | None = None
        self._before: list[tuple[str, int]] = []

    def compose(self) -> ComposeResult:
        yield Surface(id="head", ascii=self._ascii)
        with Horizontal(id="lower"):
            with Vertical(id="side"):
                yield Input(compact=True)
                yield OptionList(markup=False, compact=True)
            with VerticalScroll(id="scroll", can_focus=False):
                yield Surface(id="page", ascii=self._ascii)
        yield Surface(id="foot", ascii=self._ascii)

    def on_mount(self) -> None:
        self._list()
        self._remember()

    def on_resize(self) -> None:
        self._list()
        self.call_after_refresh(self._set)

    def on_screen_resume(self) -> None:
        self._look()
        self.call_after_refresh(self._set)

    @property
    def shown(self) -> lesson.Screen:
        return self.lesson.screens[self.number]

    def commands(self) -> Iterable[SystemCommand]:
        """All that the keys do, for the palette."""
        for _, key, name, help, action in KEYS:
            yield SystemCommand(f"{tr(name)} ({key})", tr(help), lambda action=action: self.run_action(action))

    # What the keys do.

    def action_turn(self, by: int) -> None:
        number = self.number + by
        if 0 <= number < len(self.lesson.screens):
            self._open(self.lesson.day, number)
            return
        days = [one.day for one in self._lessons]
        place = days.index(self.lesson.day) + by
        if 0 <= place < len(days):
            self._open(days[place], 0 if by > 0 else len(self._lessons[place].screens) - 1)

    def action_read_on(self) -> None:
        scroll = self.query_one("#scroll", VerticalScroll)
        if scroll.scroll_offset.y >= scroll.max_scroll_y:
            self.action_turn(1)
        else:
            scroll.scroll_page_down(animate=False)

    def action_scroll(self, by: int) -> None:
        self.query_one("#scroll", VerticalScroll).scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        scroll = self.query_one("#scroll", VerticalScroll)
        scroll.scroll_page_down(animate=False) if by > 0 else scroll.scroll_page_up(animate=False)

    def action_choose(self, by: int) -> None:
        count = len(self._page.stops)
        if count:
            self._chosen = (self._chosen + by) % count if self._chosen is not None else (0 if by > 0 else count - 1)
            self._draw()
            self._into_view()

    def action_do(self) -> None:
        if self._chosen is None:
            demos = [number for number, stop in enumerate(self._page.stops) if stop.kind == "demo"]
            if not demos:
                self._say(tr("Tab chooses a link, a demo or a piece of code"))
                return
            self._chosen = demos[0]
            self._draw()
        stop = self._page.stops[self._chosen]
        if stop.kind == "demo":
            self._play(shlex.split(stop.to)[1:])
            self._look()
        elif stop.kind == "code":
            self._copy(stop)
        else:
            self._follow(stop.to)

    def action_copy(self) -> None:
        stops = self._page.stops
        chosen = [stops[self._chosen]] if self._chosen is not None else []
        for stop in [*chosen, *stops]:
            if stop.kind != "link":
                self._copy(stop)
                return
        self._say(tr("there is no code on this screen"))

    def action_back(self) -> None:
        if self._before:
            day, number = self._before.pop()
            self._open(day, number)

    def action_contents(self) -> None:
        self.remove_class("-searching")
        self._list()
        self.add_class("-open")
        self.query_one(OptionList).focus()

    def action_search(self) -> None:
        self.add_class("-searching", "-open")
        field = self.query_one(Input)
        field.placeholder = tr("search in all lessons")
        field.value = ""
        field.focus()

    def action_close(self) -> None:
        self.remove_class("-searching", "-open")
        self.set_focus(None)
        self._list()
        self.call_after_refresh(self._set)

    def action_language(self) -> None:
        other = LANGUAGES[(LANGUAGES.index(language()) + 1) % len(LANGUAGES)]
        speak(other)
        self._lessons = lesson.every()
        self.lesson = next(one for one in self._lessons if one.day == self.lesson.day)
        self._list()
        self._set()
        self._look()

    def action_help(self) -> None:
        rows = [row((f"   {key:<7}", "key"), (f"{tr(name):<14}", "strong"), tr(help)) for _, key, name, help, _ in KEYS]
        rows += [(), row((f"   {typeset.HERE:<7}", "key"), tr("a figure that was seen on this machine"))]
        rows += [row((f"   {typeset.USUAL:<7}", "key"), tr("a figure as it is printed: this machine has none yet"))]
        self.app.push_screen(Pages(tr("Keys"), rows, ascii=self._ascii))

    def action_quit(self) -> None:
        self.app.exit()

    def on_click(self, event: events.Click) -> None:
        """The same as Enter on the place under the mouse."""
        place = event.get_content_offset(self.query_one("#page", Surface))
        if place is None or place.y >= len(self._page.lines):
            return
        at = 0
        for span in self._page.lines[place.y]:
            at += cell_len(span.text)
            if place.x < at:
                if span.stop is not None:
                    self._chosen = span.stop
                    self._draw()
                    self.action_do()
                return

    @on(OptionList.OptionSelected)
    def _listed(self, event: OptionList.OptionSelected) -> None:
        day, _, ident = str(event.option.id).partition("#")
        self._before.append((self.lesson.day, self.number))
        self.action_close()
        self._go(day, ident)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._list(event.value)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.query_one(OptionList).focus()

    # Where one is.

    def _follow(self, target: str) -> None:
        kind, _, rest = target.partition(":")
        if kind == "exercise":
            self._exercise(rest)
        elif kind == "term":
            for one in self._lessons:
                for screen in one.screens:
                    if rest in screen.terms:
                        self._leave_to(one.day, screen.id)
                        return
            self._say(tr('no screen explains "{term}" yet', term=rest))
        elif kind in ("http", "https"):
            self._copy(Stop("link", target))
        else:
            day, _, ident = target.partition("#")
            self._leave_to(day, ident)

    def _leave_to(self, day: str, ident: str) -> None:
        self._before.append((self.lesson.day, self.number))
        if not self._go(day, ident):
            self._before.pop()
            self._say(tr("{place} is not written yet", place=f"{day}#{ident}"))

    def _go(self, day: str, ident: str) -> bool:
        for one in self._lessons:
            for number, screen in enumerate(one.screens):
                if (one.day, screen.id) == (day, ident):
                    self._open(day, number)
                    return True
        return False

    def _open(self, day: str, number: int) -> None:
        changed = day != self.lesson.day
        self.lesson = next(one for one in self._lessons if one.day == day)
        self.number = number
        self._chosen = None
        if changed:
            self._look()
        self._remember()
        self._set()
        self.query_one("#scroll", VerticalScroll).scroll_home(animate=False)
        self._highlight()

    def _remember(self) -> None:
        reading.stop_at(self.lesson.day, self.shown.id)

    def _exercise(self, ident: str) -> None:
        spoken = language()
        try:
            found = catalog.named(ident)
        except Refusal as problem:
            self._say(problem.what)
            return
        number = found.number
        rows: list[Row] = [row((f" lab start {number}", "name"), "   ", (f"lab check {number}", "name")), ()]
        rows += [row((f" {one.id:<5}", "key"), one.says[spoken]) for one in found.behaviours]
        self.app.push_screen(Pages(f"{found.id} {found.title[spoken]}", rows, ascii=self._ascii))

    # What is on the page.

    def _look(self) -> None:
        """Find what this machine has seen of the lesson's figures and demos, beside the loop: a journal may be long."""
        lesson = self.lesson

        def look() -> tuple[Mapping[str, Seen], Mapping[str, Sequence[typeset.Line]]]:
            demos = [block.text for screen in lesson.screens for block in screen.blocks if block.kind == "demo"]
            told = {text: tuple(typeset.played(text)) for text in demos}
            return figures.here(figure.of for screen in lesson.screens for figure in screen.figures), told

        async def show() -> None:
            self._seen, self._told = await asyncio.to_thread(look)
            self._set()

        self.run_worker(show(), exclusive=True, group="figures")

    def _set(self) -> None:
        """Set the page anew: another screen, width, language or figure."""
        width = self.size.width - (SIDE if self.size.width >= ROOM else 0) - BESIDE
        self._page = page = Page(max(1, min(WIDEST, width)))
        if self.number == 0:
            page.paragraph(typeset.inline(page, self.lesson.title, "title"))
            page.blank()
            typeset.prose(page, self.lesson.introduction, self._seen)
            page.blank()
        typeset.screen(page, self.shown, self._seen, lambda command: self._told.get(command, ()))
        if self._chosen is not None and self._chosen >= len(page.stops):
            self._chosen = None
        self.query_one("#page", Surface).styles.height = len(page.lines) + 1
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        self.query_one("#page", Surface).show([self._row(line) for line in self._page.lines])
        width = self.size.width
        count = f"{self.number + 1}/{len(self.lesson.screens)} "
        title = fit(f" lab learn · {self.lesson.title}", max(0, width - len(count)))
        self.query_one("#head", Surface).show([row((title, "title"), (right(count, len(count)), "dim"))])
        keys = {key: name for _, key, name, _, _ in KEYS}
        self.query_one("#foot", Surface).show([whole(row(*_pairs(keys)), width)])

    def _row(self, line: typeset.Line) -> Row:
        return row(
            *(
                (span.text, "select" if span.stop is not None and span.stop == self._chosen else _style(span))
                for span in line
            )
        )

    def _into_view(self) -> None:
        scroll = self.query_one("#scroll", VerticalScroll)
        places = [
            number
            for number, line in enumerate(self._page.lines)
            if any(span.stop is not None and span.stop == self._chosen for span in line)
        ]
        top, height = scroll.scroll_offset.y, scroll.size.height - 2
        if places and not (top <= places[0] and places[-1] < top + height):
            scroll.scroll_to(y=max(0, places[0] - height // 3), animate=False)

    def _list(self, wanted: str = "") -> None:
        """Fill the contents: all screens, or those that have all the words."""
        options: list[Option | None] = []
        for one in self._lessons:
            found = [(number, screen) for number, screen in enumerate(one.screens, 1) if _has(screen, wanted)]
            if found:
                options.append(Option(self._clean(one.title, 1, 1), disabled=True))
                options += [
                    Option(self._clean(f"{number:>3}  {each.heading}", 0, 5), id=f"{one.day}#{each.id}")
                    for number, each in found
                ]
        if not options:
            options.append(Option(self._clean(tr("nothing of that kind"), 1, 1), disabled=True))
        contents = self.query_one(OptionList)
        contents.set_options(options)
        self._highlight()

    def _highlight(self) -> None:
        contents = self.query_one(OptionList)
        ident = f"{self.lesson.day}#{self.shown.id}"
        for index, option in enumerate(contents.options):
            if option.id == ident:
                contents.highlighted = index
                self.call_after_refresh(contents.scroll_to_highlight, top=True)
                return
        contents.action_first()

    def _clean(self, text: str, first: int, hang: int) -> str:
        """A line of the contents, broken where it is too long."""
        width = SIDE if self.size.width >= ROOM else self.size.width
        plain = text.replace("`", "").replace("*", "")
        lines = wrap(plain, max(20, width - 4), initial_indent=" " * first, subsequent_indent=" " * hang)
        return "\n".join(map(to_ascii, lines) if self._ascii else lines)

    def _copy(self, stop: Stop) -> None:
        self.app.copy_to_clipboard(stop.to)
        first, *more = stop.to.splitlines()
        self._say(tr("copied: {text}", text=f"{first} …" if more else first))

    def _say(self, text: str) -> None:
        self.notify(to_ascii(text) if self._ascii else text, markup=False)

    def _in_terminal(self, words: Sequence[str]) -> None:
        """Hand the terminal over to the command until it has ended and its reader has seen that."""
        with self.app.suspend():
            print(f"$ lab {shlex.join(words)}", flush=True)  # noqa: T201 - the terminal is ours alone meanwhile
            before = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the command's; it does not inherit this
            try:
                subprocess.run([sys.executable, "-m", "lab", *words], check=False)
            finally:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                try:
                    input(f"\n{tr('Enter: back to the lesson')} ")
                except (EOFError, KeyboardInterrupt):
                    pass
                signal.signal(signal.SIGINT, before)


def _style(span: typeset.Span) -> str:
    return STYLES.get(span.style, span.style)


def _pairs(keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key in FOOT:
        yield f" {key} ", "key"
        yield f"{tr(keys[key])} ", "text"


def _has(screen: lesson.Screen, wanted: str) -> bool:
    """Whether all the words stand in the screen, or in the terms that it explains."""
    text = _folded(" ".join([screen.heading, *screen.terms, *(block.text for block in screen.blocks)]))
    return all(word in text for word in _folded(wanted).split())


def _folded(text: str) -> str:
    """In small letters, with one apostrophe for all that people type."""
    return text.casefold().translate({ord(sign): "'" for sign in "‘’ʻʼ`"})
