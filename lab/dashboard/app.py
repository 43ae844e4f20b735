"""The App: it hosts screens and ends in good order. What a screen shows and does is the screen's own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.command import CommandPalette
from textual.screen import Screen

from lab.locale import mark, tr


@runtime_checkable
class Commanding(Protocol):
    """A screen that has something to offer in the command palette."""

    def commands(self) -> Iterable[SystemCommand]: ...


INTERRUPTED = 130

OF_TEXTUAL = {
    mark("Theme"): mark("change the colours of the screen"),
    mark("Screenshot"): mark("save the screen as an SVG image"),
}
"""Textual's own commands that are of use here, and what each does."""


class DashboardApp(App[None]):
    """Begins with a screen; others are pushed by whichever is on top."""

    TITLE = "lab"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS = [Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True)]  # noqa: RUF012 - as Textual declares it

    def __init__(self, first: Screen[None]) -> None:
        super().__init__()
        self.first = first

    def on_mount(self) -> None:
        self._leave_on_signals()
        self.push_screen(self.first)

    def action_interrupt(self) -> None:
        """Leave, and say by the exit code that it was Ctrl-C."""
        self.exit(return_code=INTERRUPTED)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the screen offers, and of Textual's own what is of use here."""
        if isinstance(screen, Commanding):
            yield from screen.commands()
        for command in super().get_system_commands(screen):
            if command.title in OF_TEXTUAL:
                yield command._replace(title=tr(command.title), help=tr(OF_TEXTUAL[command.title]))

    def action_command_palette(self) -> None:
        """As Textual does it, with the hint in the language that is spoken."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder=tr("Search for commands…"), id="--command-palette"))

    def _leave_on_signals(self) -> None:
        """A closed terminal or a TERM ends the app in good order, and the terminal is given back."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self.exit)
            except (ValueError, RuntimeError, NotImplementedError):
                return  # Not in the main thread (a test, a server): somebody else answers for signals.
