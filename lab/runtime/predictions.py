"""What readers predicted and what was seen then, kept over all runs: a line of JSON each in the lab's own folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from lab.runtime.runs import home
from lab.system.stored import Damaged, decode

FILE = "predictions.ndjson"


class Prediction(msgspec.Struct, kw_only=True, frozen=True):
    """One question of a scenario as its reader answered it; `at` is RFC 3339, wall clock."""

    at: str
    run: str
    system: str
    scenario: str
    question: str
    says: str
    seen: str
    right: bool


def keep(prediction: Prediction) -> None:
    """Add it. A disk that takes nothing loses it: the run's journal has it, too."""
    with suppress(OSError), _file().open("ab") as file:
        file.write(msgspec.json.encode(prediction) + b"\n")


def kept() -> Iterator[Prediction]:
    """All of them, oldest first; damaged lines are left out. Raises OSError."""
    path = _file()
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        with suppress(Damaged):
            yield decode(line, Prediction)


def _file() -> Path:
    return home() / FILE
