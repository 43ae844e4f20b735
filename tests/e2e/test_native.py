"""A scenario of each day on real engines, to its end; `python -m tests.native` plays all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.course import days
from tests.native import BESIDES, Case, first, played, settled

pytestmark = [pytest.mark.postgres, pytest.mark.rabbitmq, pytest.mark.redis_server, pytest.mark.timeout(300)]
CASES = [*map(first, days.names()), *(settled(*one) for one in BESIDES if one[2].get("transport") == "broker")]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_scenario_on_real_engines(case: Case, tmp_path: Path) -> None:
    if not case.engines:
        pytest.skip("none of its engines is installed")
    played(tmp_path, case)
