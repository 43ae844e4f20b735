"""The screen in Uzbek, whose words are longer than the English ones: every line fits, and its names are whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from rich.cells import cell_len

WIDTH, HEIGHT = 80, 24
PROGRAM = """
import asyncio
import json
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import opened, shown, some

async def screens():
    seen = {}
    async with opened(FakeRun(some()), (WIDTH, HEIGHT)) as (app, pilot):
        for key in ("1", "2", "3", "4", "5", "6", "7", "question_mark"):
            await pilot.press(key)
            await pilot.pause()
            names = ("page",) if key == "question_mark" else ("top", "story", "tabs", "list", "said", "keys")
            seen[key] = {name: shown(app, name).split("\\n") for name in names}
    print(json.dumps(seen))

asyncio.run(screens())
"""
"""A process of its own, because the words of keys and panels are chosen as they are imported."""


def test_an_uzbek_screen_fits_a_small_terminal() -> None:
    program = PROGRAM.replace("WIDTH", str(WIDTH)).replace("HEIGHT", str(HEIGHT))
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "LAB_LANG": "uz"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    seen = json.loads(ran.stdout)
    for key, parts in seen.items():
        for name, lines in parts.items():
            assert [line for line in lines if cell_len(line) > WIDTH] == [], (key, name)
    for key in "1234567":
        tabs, said, keys = (" ".join(seen[key][name]) for name in ("tabs", "said", "keys"))
        assert all(f"{number} " in tabs for number in range(1, 8)), tabs
        assert "…" not in tabs + keys + " ".join(seen[key]["top"] + seen[key]["story"])
        assert "q chiqish" in keys
        assert "tanlangan" in said
    for key, heading in (("3", ("navbat", "ready", "unacked", "oxirgi daqiqa")), ("4", ("jarayon", "holat", "sabab"))):
        assert all(word in seen[key]["list"][0] for word in heading), seen[key]["list"][0]
    assert "Tugmalar" in seen["question_mark"]["page"][0]
