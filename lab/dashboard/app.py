"""The App: it hosts screens and ends in good order. What a screen shows and does is the screen's own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen


@runtime_checkable
class Commanding(Protocol):
    """A screen that has something to offer in the command palette."""

    def commands(self) -> Iterable[SystemCommand]: ...


class DashboardApp(App[None]):
    """Begins with a screen; others are pushed by whichever is on top."""

    TITLE = "lab"
    ENABLE_COMMAND_PALETTE = True
    CSS = """
    Screen { background: $background; }
    """
    BINDINGS = [Binding("ctrl+c", "quit", "Quit", show=False, priority=True)]  # noqa: RUF012 - as Textual declares it

    def __init__(self, first: Screen[None]) -> None:
        super().__init__()
        self.first = first

    def on_mount(self) -> None:
        self._leave_on_signals()
        self.push_screen(self.first)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the screen offers, and of Textual's own what is of use here."""
        if isinstance(screen, Commanding):
            yield from screen.commands()
        yield from (
            command for command in super().get_system_commands(screen) if command.title in ("Theme", "Screenshot")
        )

    def _leave_on_signals(self) -> None:
        """A closed terminal or a TERM ends the app in good order, and the terminal is given back."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self.exit)
            except (ValueError, RuntimeError, NotImplementedError):
                return  # Not in the main thread (a test, a server): somebody else answers for signals.
