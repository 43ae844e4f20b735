from __future__ import annotations

import asyncio
from collections.abc import Collection
from itertools import count
from pathlib import Path
from unittest.mock import AsyncMock, Mock

from lab.faults import scenario
from lab.journal.window import Measured
from lab.runtime.player import Player

SCENARIO = """
title = "Two figures"
duration = 0.02
[[step]]
at = 0
say = "Look."
[step.ask]
en = "How many?"
uz = "Nechta?"
answer = "attempts"
until = 0.01
because.en = "{attempts} for {calls}."
because.uz = "{calls} uchun {attempts}."
"""


def test_an_answer_and_its_reason_look_at_the_same_stretch(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(SCENARIO)
    looked = list[tuple[str, float, float]]()
    seconds = count()

    async def measure(names: Collection[str], since: float, until: float) -> dict[str, Measured]:
        looked.extend((name, since, until) for name in names)
        return dict.fromkeys(names, until)

    def now() -> float:
        return float(next(seconds))

    questions = Mock(ask=AsyncMock())
    player = Player(Mock(), Mock(), Mock(), Mock(), Mock(), questions, measure, now)
    asyncio.run(player.play(scenario.find(tmp_path, "two")))
    assert {name for name, *_ in looked} == {"attempts", "calls"}
    assert len({(since, until) for _, since, until in looked}) == 1
    _, seen, because = questions.answer.call_args.args
    assert because == f"{seen:.0f} for {seen:.0f}."
