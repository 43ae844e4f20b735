"""Where somebody stopped in the lessons, kept in the lab's own folder."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from lab.locale.home import NoHome
from lab.runtime.runs import home, write
from lab.system.stored import Damaged, decode

FILE = "reading.json"


class Place(msgspec.Struct):
    """The day that was read last, and by day the screen where its reader stopped."""

    day: str = ""
    screens: dict[str, str] = {}


def place() -> Place:
    """Where one is; at the beginning if nobody has read anything."""
    with suppress(OSError, Damaged, NoHome):
        return decode((home() / FILE).read_bytes(), Place)
    return Place()


def stop_at(day: str, screen: str) -> None:
    """Remember it. A disk that takes nothing loses it."""
    here = place()
    here.day = day
    here.screens[day] = screen
    with suppress(OSError, NoHome):
        home().mkdir(parents=True, exist_ok=True)
        write(home() / FILE, here)
