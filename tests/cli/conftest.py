"""A learner a test, and nothing of what they started alive afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.learner import Learner
from tests.e2e.processes import alive
from tests.waiting import eventually


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Learner]:
    one = Learner(tmp_path)
    yield one
    eventually(lambda: not alive(one.processes()))
