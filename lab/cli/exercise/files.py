"""Files that a command is told to write."""

from __future__ import annotations

import os
from pathlib import Path

from lab.cli import exits
from lab.cli.failure import Failure
from lab.locale import tr


def must_be_writable(file: Path | None) -> None:
    """Refuse before the work, not after it. Raises Failure."""
    if file is not None and (file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK)):
        raise Failure(
            tr("{file} cannot be written", file=file),
            why=tr("Its folder must be there and be yours to write to."),
            code=exits.USAGE,
        )
