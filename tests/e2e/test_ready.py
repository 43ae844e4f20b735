"""Every day is ready within four seconds: what its start takes of a processor leaves room for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.ready import ENOUGH, start
from lab.course import days


@pytest.mark.parametrize("day", days.names())
def test_a_day_is_soon_ready(day: str, tmp_path: Path) -> None:
    # The clock of a busy machine says little. Nothing in a start sleeps, so idle cores need no longer.
    assert start(day, tmp_path).processor < ENOUGH
