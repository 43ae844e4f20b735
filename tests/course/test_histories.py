"""Stored programs of an exercise on a branch get a repository of their own, with the history that they should have."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lab.course.exercise import Exercise
from lab.course.histories import committed
from lab.course.lint import proved
from lab.course.manifest import InvalidExercise, load
from lab.course.variants import Unusable, Variant
from lab.grading.checking.branch_rules import keeps_the_rules
from lab.grading.checking.expect import BehaviourFailed
from lab.grading.instruments.git import History
from tests.course import TOY

WRONG = Variant("wrong", which="forgets-the-name")


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    copy = tmp_path / "day9" / "greeting"
    shutil.copytree(TOY, copy)
    toml = copy / "exercise.toml"
    toml.write_text(toml.read_text().replace('id = "day9.1"', 'id = "day9.1"\nbranch = "mini/greeting"'))
    return load(copy)


def code(exercise: Exercise, variant: Variant) -> str:
    """What is wrong with the history, by the failure's code."""
    with committed(exercise, variant) as (programs, branch):
        assert branch
        assert list(programs["greeter"].dir.rglob("*.py"))
        try:
            keeps_the_rules(History(branch))
        except BehaviourFailed as failed:
            return failed.code
        return ""


@pytest.mark.parametrize("variant", [Variant("solution"), Variant("right", which="stdlib"), WRONG])
def test_a_program_grows_on_its_branch(exercise: Exercise, variant: Variant) -> None:
    assert code(exercise, variant) == ""


def test_a_wrong_service_may_have_a_wrong_history(exercise: Exercise) -> None:
    history = exercise.folder / "wrong" / WRONG.which / "history.toml"
    history.write_text('[[commits]]\nsays = "All"\npart = 1.0\n')
    assert code(exercise, WRONG) == "too-few-commits"
    history.write_text('also = ["main"]\n')
    assert code(exercise, WRONG) == "same-tip"
    (history.parent / "change.patch").unlink()
    assert code(load(exercise.folder), WRONG) == "same-tip"
    history.write_text("commits = 3\n")
    with pytest.raises(Unusable, match=r"history\.toml"), committed(exercise, WRONG):
        pass


def test_nothing_is_left_of_it(exercise: Exercise) -> None:
    with committed(exercise, Variant("solution")) as (programs, branch):
        assert branch
        tree, repository = programs["greeter"].dir, Path(branch.repository)
    assert not tree.exists()
    assert not repository.exists()


def test_an_exercise_that_names_no_branch_is_graded_as_it_lies(exercise: Exercise) -> None:
    with committed(replace(exercise, branch=""), Variant("solution")) as (_, branch):
        assert branch is None


def test_the_name_of_a_branch_is_checked(exercise: Exercise) -> None:
    toml = exercise.folder / "exercise.toml"
    toml.write_text(toml.read_text().replace("mini/greeting", "mini..greeting"))
    with pytest.raises(InvalidExercise, match=r"is not like mini/event-flow"):
        load(exercise.folder)


def test_a_borrowed_check_proves_a_behaviour() -> None:
    assert proved('check_x = borrowed("C2", other.check_x)\nLIMIT = 3\n') == {"C2": ["check_x"]}
