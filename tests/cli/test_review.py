"""`lab review` asks what was due, tells what was right, and lets it come back."""

from __future__ import annotations

import json
from datetime import date, timedelta

from tests.cli.learner import Learner


def yesterdays(learner: Learner) -> None:
    """A grading of yesterday in which the name was forgotten."""
    learner.begin()
    assert "There is nothing to review" in learner("review").stdout
    learner("check")
    assert "Nothing is due today" in learner("review").stdout
    (report,) = (learner.workspace / ".lab" / "records").glob("*/report.json")
    day = (date.today() - timedelta(days=2)).isoformat()
    told = json.loads(report.read_text())
    report.write_text(json.dumps({**told, "started_at": f"{day}T12:00:00+00:00"}))


def test_a_misconception_comes_back_as_a_question(learner: Learner) -> None:
    yesterdays(learner)
    assert learner("review", "--answer", "9").returncode == 2
    asked = json.loads(learner("review", "--json").stdout)["card"]
    titles = [choice["en"] for choice in asked["choices"]]
    right = 1 + next(number for number, title in enumerate(titles) if title == "A greeting for nobody")
    assert "+++" in asked["patch"]
    wrong = learner("review", "--answer", str(3 - right))
    assert wrong.returncode == 1
    assert "Not that" in wrong.stdout
    assert "Nothing is due today" in learner("review").stdout
