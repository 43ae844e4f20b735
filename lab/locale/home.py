"""Where the lab keeps what is the user's: settings and runs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Literal

from lab.locale import tr


class NoHome(Exception):
    """Nobody knows where the user's home folder is."""


def folder(of: Literal["config", "data"]) -> Path:
    """The platform's place for the lab's settings (`config`) or its runs (`data`). Raises NoHome."""
    import platformdirs

    with suppress(RuntimeError):
        found = platformdirs.user_config_path("lab") if of == "config" else platformdirs.user_data_path("lab")
        if found.is_absolute():
            return found
    raise NoHome(tr("HOME names no folder, and user {uid} has none in the system's list of users.", uid=os.getuid()))


def expanded(path: str | Path) -> Path:
    """The path with `~` expanded; as it is where nobody knows that home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
