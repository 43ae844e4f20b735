"""What a starter has not yet is told as missing, and as nobody's mistake."""

from __future__ import annotations

import runpy

import pytest

from lab.course import catalog
from lab.grading.checking.expect import BehaviourFailed
from lab.grading.instruments.http import Answer


def test_a_user_without_a_date_of_the_starter_of_1_1_looks_like_no_misconception(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lab.grading.behaviour", lambda *_, **__: lambda check: check)  # a mark of the grading's pytest
    exercise = catalog.named("1.1")
    made = Answer(method="POST", url="", path="/users", request_id="1", seconds=0.0, status=201, json={"id": "1"})
    with pytest.raises(BehaviourFailed) as failed:
        runpy.run_path(str(exercise.folder / "checks.py"))["dated"](made)
    assert failed.value.got == "nothing"
    assert not [wrong.name for wrong in exercise.wrong if failed.value.code in wrong.codes]
