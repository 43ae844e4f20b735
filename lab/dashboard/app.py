"""The App: one screen of a run, live or recorded, and everything that reaches out from it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from time import monotonic

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from lab.dashboard import control, detail, figures, pages
from lab.dashboard.control import Controls
from lab.dashboard.desk import Desk
from lab.dashboard.feed import THE_END, LiveFeed, ReplayFeed
from lab.dashboard.keys import AddFault, Key, Refusal, decide, table
from lab.dashboard.map_view import Vitals
from lab.dashboard.run_screen import RunScreen
from lab.journal.picture.link import LinkPicture
from lab.runtime.api import RunStatus

POLL = 1.0
"""Seconds between two looks at what only the runtime knows (cpu, memory, its clock)."""

JUMP = 10.0
SLOWEST, FASTEST = 0.25, 32.0


class DashboardApp(App[None]):
    """Shows a Desk. With `controls` the run is live and keys act on it; without, the feed is a recording."""

    TITLE = "lab"
    ENABLE_COMMAND_PALETTE = True
    CSS = """
    Screen { background: $background; }
    """
    BINDINGS = [Binding("ctrl+c", "quit", "Quit", show=False, priority=True)]  # noqa: RUF012 - as Textual declares it

    def __init__(self, desk: Desk, controls: Controls | None = None, *, ascii: bool = False) -> None:
        super().__init__()
        self.desk = desk
        self.controls = controls
        self.ascii = ascii
        self.run_screen = RunScreen(desk, ascii=ascii)

    def on_mount(self) -> None:
        self._leave_on_signals()
        self.push_screen(self.run_screen)
        if isinstance(self.desk.feed, LiveFeed):
            self.run_worker(self._follow(self.desk.feed), exit_on_error=False)
        if self.controls is not None:
            self.run_worker(self._poll(self.controls), exit_on_error=False)
        else:
            self.set_interval(0.2, self._tell_replay)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every key of the table can be found by its name, too."""
        for key in table(self.desk.live):
            if key.group not in ("looking",) or key.name in ("zoom", "help"):
                pressed = key.key.split(",")[0]
                run = partial(self.run_screen.action_press, key.key, pressed)
                yield SystemCommand(f"{key.name}  ({key.shown})", key.help, run)
        yield from (
            command for command in super().get_system_commands(screen) if command.title in ("Theme", "Screenshot")
        )

    @on(RunScreen.Pressed)
    def _pressed(self, event: RunScreen.Pressed) -> None:
        key, desk = event.key, self.desk
        if key not in table(desk.live):
            self.run_screen.say(f"This is a recording: {key.name} is for live runs.", "warn")
            return
        if key.text or key.act:
            decision = decide(key, desk.selection, desk.system, desk.picture, control.OWNER)
            if isinstance(decision, Refusal):
                self.run_screen.say(decision.reason, "warn")
            else:
                self._ask_run(lambda controls: control.carry_out(controls, decision))
            return
        if isinstance(desk.feed, ReplayFeed) and self._replay_key(key, desk.feed):
            return
        match key.name:
            case "heal all":
                frozen = [process.name for process in desk.picture.processes.values() if process.state == "frozen"]
                self._ask_run(lambda controls: control.heal_all(controls, frozen))
            case "more load":
                self._ask_run(lambda controls: control.change_load(controls, control.MORE))
            case "less load":
                self._ask_run(lambda controls: control.change_load(controls, control.LESS))
            case "any fault":
                link = desk.selection if "->" in desk.selection else ""
                example = "latency payments->provider 300ms 20% for 30s"
                self.run_screen.ask("fault", "fault", f"latency {link} " if link else "", example)
            case "help":
                self.push_screen(pages.Pages("Keys", pages.help_rows(table(desk.live)), ascii=self.ascii))
            case "palette":
                self.action_command_palette()
            case "detail":
                self._detail()
            case "quit":
                self.exit()

    @on(RunScreen.FaultTyped)
    def _fault_typed(self, event: RunScreen.FaultTyped) -> None:
        self._ask_run(lambda controls: control.carry_out(controls, AddFault(event.text)))

    def _detail(self) -> None:
        """Enter: in a list the line's story; on the map all about the process, or only this link's flows."""
        desk = self.desk
        item = desk.chosen() if desk.in_list else desk.picture.processes.get(desk.selection)
        if item is None and isinstance(desk.picture.links.get(desk.selection), LinkPicture):
            desk.set_filter(f"link:{desk.selection}")
            desk.show_tab("flows")
            self.run_screen.say("only the flows of this link; Esc clears the filter", "dim")
            return
        if item is None:
            return
        title, rows = detail.about(item, desk.picture, desk.whole, int(self.size.width * 0.94) - 1)
        self.push_screen(pages.Pages(title, rows, ascii=self.ascii))

    def _ask_run(self, what: Callable[[Controls], object]) -> None:
        if self.controls is not None:
            self.run_worker(self._ask(what(self.controls)), exit_on_error=False)

    async def _ask(self, request: object) -> None:
        try:
            said = await request  # type: ignore[misc]
        except Exception as error:  # The runtime's no, or no runtime at all: either is a line for the person.
            self.run_screen.say(str(error) or type(error).__name__, "bad")
        else:
            self.run_screen.say(said)

    async def _poll(self, controls: Controls) -> None:
        """Once a second, until the run is gone: what the journal does not tell."""
        while not self.desk.feed.ended:
            try:
                self._heard(await controls.run())
            except Exception:
                # Whether the run is really gone is the feed's to say; a slow answer is not the end.
                self.run_screen.elapsed = None
            await asyncio.sleep(POLL)

    async def _follow(self, feed: LiveFeed) -> None:
        """Read to the end, then say how it ended; the last picture stays."""
        await feed.read()
        desk = self.desk
        self.run_screen.elapsed = None
        picture = desk.picture
        if desk.feed.ended == THE_END:
            at = figures.clock(picture.events[-1].t if picture.events else picture.now)
            failure = picture.failure()
            ended = f"The run failed at {at}: {failure}." if failure else f"The run has ended at {at}."
            desk.banner = f"{ended} This is its last picture; q leaves."
        else:
            why = "" if "gone" in desk.feed.ended else f" ({desk.feed.ended})"
            at = figures.clock(picture.now)
            desk.banner = f"The runtime is gone{why}. This is the last picture, of {at}; q leaves."
        desk.about = replace(desk.about, state="ended", behind=0.0)

    def _heard(self, status: RunStatus) -> None:
        desk = self.desk
        if desk.feed.ended:
            return
        desk.vitals = {process.name: Vitals(process.cpu, process.rss) for process in status.processes}
        self.run_screen.elapsed = status.elapsed - monotonic()
        behind = status.elapsed - desk.picture.now
        desk.about = replace(
            desk.about,
            state="live" if status.state == "ready" else status.state,
            seed=status.seed,
            scenario=status.scenario,
            tiers=tuple(status.tiers.items()),
            behind=behind if desk.picture.seq and behind > 3 else 0.0,
        )
        match status.state:
            case "failed":
                desk.banner = f"The run failed: {status.reason}"
            case "ready" if status.reason:  # the journal cannot be written: what is shown falls behind
                desk.banner = f"{status.reason[0].upper()}{status.reason[1:]}"
            case _:
                desk.banner = ""

    def _replay_key(self, key: Key, feed: ReplayFeed) -> bool:
        match key.name:
            case "pause":
                feed.paused = not feed.paused
                self.desk.pause(feed.paused)
            case "back":
                feed.seek(feed.head - JUMP)
            case "on":
                feed.seek(feed.head + JUMP)
            case "faster":
                feed.speed = min(FASTEST, feed.speed * 2)
            case "slower":
                feed.speed = max(SLOWEST, feed.speed / 2)
            case _:
                return False
        self._tell_replay()
        return True

    def _tell_replay(self) -> None:
        feed = self.desk.feed
        if isinstance(feed, ReplayFeed):
            state = "paused" if feed.paused else "ended" if feed.ended else "replay"
            self.desk.about = replace(self.desk.about, state=state, speed=feed.speed)
            self.desk.banner = f"{feed.ended.capitalize()}. , goes back; q leaves." if feed.ended else ""

    def _leave_on_signals(self) -> None:
        """A closed terminal or a TERM ends the screen in good order, and the terminal is given back."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self.exit)
            except (ValueError, RuntimeError, NotImplementedError):
                return  # Not in the main thread (a test, a server): somebody else answers for signals.
