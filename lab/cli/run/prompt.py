"""A question of the scenario on the terminal, or to whatever stdin is."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from lab.cli.output import out, paint
from lab.journal.event import Note
from lab.locale import tr
from lab.runtime.api import ControlError
from lab.runtime.client import Control


class Prompt:
    """Asks on stdin, and tells the run behind `socket`. An empty line, or the end of stdin, goes on without a
    prediction."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def __call__(self, question: Note) -> None:
        ident, choices = str(question.data["id"]), question.data.get("choices") or {}
        for number, text in enumerate(choices.values(), 1):
            out(f"  {number}  {text}")
        while True:
            sys.stdout.write(paint(tr("your prediction (Enter: none): "), "title"))
            sys.stdout.flush()
            typed = _read()
            if not typed.endswith("\n") or not sys.stdin.isatty():
                out()
            try:
                with Control(self._socket) as control:
                    control.predict(ident, typed.strip())
            except ControlError as problem:
                if problem.status == 0 or not typed:
                    return  # the run is over; who reads it says so
                out(str(problem))
            else:
                return


def _read() -> str:
    """A line of stdin. Ctrl-C goes to whoever reads the run, as at any other time."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.readline()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, before)
        signal.raise_signal(signal.SIGINT)
        return ""
    finally:
        signal.signal(signal.SIGINT, before)
