"""A scenario's questions at the terminal: asked before the fault, answered by what was seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import toys


def lab(home: Path, *words: str, typed: str = "") -> str:
    with toys.found():
        done = subprocess.run(
            [sys.executable, "-m", "lab", *words],
            env={**os.environ, "LAB_HOME": str(home)},
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_predictions_are_asked_for_and_kept(tmp_path: Path) -> None:
    told = lab(tmp_path, "run", "day9", "--scenario", "restart", "--plain", "--predict", typed="many\n2\n2\n")
    assert "How often is it lit?" in told
    assert "a number, or a range like 3-10" in told
    assert "you predicted 2, seen: 1. It was lit 1 times." in told
    assert "Since then: 1." in told
    assert "2  with all its light" in told
    assert "as you predicted: with all its light. You see it." in told
    assert "the scenario is over" in told
    kept = json.loads(lab(tmp_path, "predictions", "--json"))
    assert [(one["question"], one["says"], one["seen"], one["right"]) for one in kept] == [
        ("How often is it lit?", "2", "1", False),
        ("And how?", "with all its light", "with all its light", True),
    ]
    assert "1 of 2 predictions were right" in lab(tmp_path, "predictions")


def test_without_predict_a_question_waits_for_nobody(tmp_path: Path) -> None:
    told = lab(tmp_path, "run", "day9", "--scenario", "restart", "--plain")
    assert "How often is it lit? seen: 1. It was lit 1 times." in told
    assert "your prediction" not in told
    assert "predicted nothing yet" in lab(tmp_path, "predictions")


def test_who_says_nothing_goes_on(tmp_path: Path) -> None:
    told = lab(tmp_path, "run", "day9", "--scenario", "restart", "--plain", "--predict", typed="\n")
    assert told.count("your prediction (Enter: none)") == 2
    assert "How often is it lit? seen: 1." in told


@pytest.mark.parametrize("nobody", ["--json", "--detach"])
def test_nobody_is_asked_where_nobody_is(tmp_path: Path, nobody: str) -> None:
    with pytest.raises(AssertionError, match="have nobody to"):
        lab(tmp_path, "run", "day9", "--predict", nobody)
