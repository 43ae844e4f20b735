"""A change calls for the gradings of what it touched and for a sample of all others, told again by the seed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lab.course import gate
from lab.course.exercise import Exercise
from lab.course.gate import Planned
from lab.course.manifest import load
from lab.course.sample import Change, UnknownRevision, sample, since
from tests.course import TOY

APP = "lab/exercises/day9/greeting/starter/greeter/greeter/app.py"


class Checkout:
    """A repository with exercises in it, like ours."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.exercises: list[Exercise] = []
        for number, name in enumerate(("greeting", "parting", "waiting"), 1):
            folder = top / "lab" / "exercises" / "day9" / name
            shutil.copytree(TOY, folder)
            self.exercises.append(replace(load(folder), id=f"day9.{number}"))
        self.git("init", "-q")
        self.commit()

    def git(self, *words: str) -> None:
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
        subprocess.run(["git", *who, *words], cwd=self.top, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "more")

    def change(self, name: str) -> Change:
        """The change of one file, since the last commit."""
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write("\n")
        return since("HEAD", self.top)

    def touched(self, change: Change) -> list[str]:
        return [exercise.folder.name for exercise in self.exercises if change.touches(exercise)]

    @property
    def planned(self) -> list[Planned]:
        return [(exercise, *one) for exercise in self.exercises for one in gate.plan(exercise, [1])]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_change_is_what_was_committed_edited_or_added_since(checkout: Checkout) -> None:
    checkout.change("lab/a.py")
    checkout.commit()
    checkout.change(APP)
    checkout.change("lab/new.py")
    assert since("HEAD~1", checkout.top / "lab").files == {Path("lab/a.py"), Path("lab/new.py"), Path(APP)}
    assert since("HEAD", checkout.top).files == {Path("lab/new.py"), Path(APP)}


def test_what_git_does_not_know_is_said(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UnknownRevision, match="nowhere"):
        since("nowhere", checkout.top)
    with pytest.raises(UnknownRevision, match="not a git repository"):
        since("HEAD", tmp_path_factory.mktemp("bare"))


def test_an_exercise_is_touched_by_its_folder_but_not_by_its_texts(checkout: Checkout) -> None:
    assert checkout.touched(checkout.change("lab/exercises/day9/greeting/brief.en.md")) == []
    assert checkout.touched(checkout.change("lab/exercises/day9/greeting2/checks.py")) == []
    assert checkout.touched(checkout.change(APP)) == ["greeting"]


def test_an_exercise_is_touched_by_what_it_links_to(checkout: Checkout) -> None:
    shared = checkout.top / "lab" / "exercises" / "shared.py"
    shared.touch()
    link = checkout.exercises[1].folder / "starter" / "greeter" / "shared.py"
    link.symlink_to("../../../../shared.py")
    checkout.commit()
    assert checkout.touched(checkout.change("lab/exercises/shared.py")) == ["parting"]


@pytest.mark.parametrize(
    ("name", "ground"),
    [
        ("lab/grading/expect.py", True),
        ("lab/chassis/web.py", True),
        ("pyproject.toml", True),
        ("lab/dashboard/app.py", False),
        ("lab/day3_events/system.py", False),
        ("tests/grading/test_expect.py", False),
        (APP, False),
    ],
)
def test_ground_is_what_every_grading_stands_on(name: str, ground: bool) -> None:
    assert Change(top=Path("/"), files=frozenset({Path(name)})).ground is ground


def names(planned: tuple[Planned, ...]) -> list[str]:
    return [f"{exercise.id} {variant.name}" for exercise, variant, _ in planned]


def test_touched_exercises_are_graded_whole_and_others_by_chance(checkout: Checkout) -> None:
    change, planned = checkout.change(APP), checkout.planned
    ours = [name for name in names(tuple(planned)) if name.startswith("day9.1 ")]
    assert names(sample(planned, change, most=None, seed=1).planned) == ours
    quiet = sample(planned, change, most=8, seed=1)
    assert (quiet.touched, len(quiet.planned), quiet.possible) == (len(ours), len(ours) + 2, len(planned))
    assert set(ours) < set(names(quiet.planned))
    checkout.change("lab/grading/expect.py")
    ground = sample(planned, since("HEAD", checkout.top), most=8, seed=1)
    assert (ground.touched, len(ground.planned)) == (len(ours), 8)


def test_too_many_of_what_was_touched_are_graded_without_some_wrong_services(checkout: Checkout) -> None:
    taken = sample(checkout.planned, checkout.change(APP), most=3, seed=1)
    assert names(taken.planned)[:2] == ["day9.1 starter", "day9.1 solution"]
    assert (len(taken.planned), taken.touched) == (3, 3)


def test_without_a_change_it_is_a_sample_of_all_and_the_seed_says_which(checkout: Checkout) -> None:
    planned = checkout.planned
    once = [names(sample(planned, None, most=4, seed=seed).planned) for seed in range(5)]
    assert once == [names(sample(planned, None, most=4, seed=seed).planned) for seed in range(5)]
    assert all(len(found) == 4 for found in once)
    assert len({tuple(found) for found in once}) > 1
    assert names(sample(planned, None, most=99, seed=1).planned) == names(tuple(planned))


def test_a_long_grading_counts_for_several(checkout: Checkout) -> None:
    long = [(replace(exercise, budget=100.0), variant, seed) for exercise, variant, seed in checkout.planned]
    assert len(sample(long, None, most=8, seed=1).planned) == 2
    assert len(sample(checkout.planned, None, most=8, seed=1).planned) == 8
