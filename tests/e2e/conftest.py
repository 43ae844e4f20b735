"""One lab a test, with a home of its own, and nothing of it alive afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Lab, alive


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    home = tmp_path / "home"
    home.mkdir()
    one = Lab(home)
    yield one
    one("down", "--all")
    left = alive([*one.processes(), *one.commands()])
    for process in left:
        process.kill()
    assert not left, f"left behind: {left}"
