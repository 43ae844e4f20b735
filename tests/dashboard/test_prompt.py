"""A question of the scenario stands over the screen until it is answered."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from lab.dashboard.prompt import Prompt
from lab.journal.event import Note
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, some, until

QUESTION = "How many charges does the provider see for the order whose payment is delivered to payments a second time?"


def asked(t: float, **choices: str) -> Note:
    return Note(t=t, topic="question", text=QUESTION, data={"id": "2", "choices": choices, "waits": True})


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_question_waits_for_what_is_expected(size: tuple[int, int]) -> None:
    run = FakeRun(some())
    async with opened(run, size) as (app, pilot):
        run.feed(asked(4.1, once="one", twice="two: one for each delivery"))
        await until(lambda: isinstance(app.screen, Prompt) and "two: one for" in shown(app, "told"))
        assert "second time?" in shown(app, "told")
        assert "embedded" in app.export_screenshot(), "the map stands behind it"
        box = app.screen.query_one("#prompt").region
        assert box.width == (80 if size == NARROW else 72), "beside it are no ends of words"
        run.refusal = "choose one by its number, 1 to 2"
        await pilot.press(*"3", "enter")
        await until(lambda: "choose one by its number" in shown(app, "foot"))
        run.refusal = ""
        app.screen.query_one(Input).value = ""
        await pilot.press(*"2", "enter")
        await until(lambda: not isinstance(app.screen, Prompt))
        assert ("predict", "2", "2") in run.calls


async def test_escape_goes_on_without_a_prediction_even_if_the_run_is_gone() -> None:
    run = FakeRun(some())
    async with opened(run) as (app, pilot):
        run.feed(asked(4.1))
        await until(lambda: isinstance(app.screen, Prompt))
        run.refusal = "the run is gone"
        await pilot.press("escape")
        await until(lambda: not isinstance(app.screen, Prompt))


async def test_a_question_that_waits_for_nobody_is_only_told() -> None:
    run = FakeRun(some())
    async with opened(run) as (app, _):
        note = asked(4.1)
        note.data["waits"] = False
        run.feed(note, Note(t=4.2, topic="scenario", text="And on it goes."))
        await until(lambda: "And on it goes." in shown(app))
        assert not isinstance(app.screen, Prompt)
