"""Exercises of others: a folder that the environment names, a package that is installed, a skeleton to begin with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.course import beginning, catalog, titles
from lab.course.lint import lint
from lab.course.manifest import load
from tests.cli.learner import Learner
from tests.course import TOY


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    shutil.copytree(TOY, tmp_path / "pack" / "day9" / "greeting")
    return tmp_path / "pack"


def test_a_folder_that_the_environment_names_is_a_pack(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(titles.VARIABLE, str(pack))
    assert catalog.named("9.1").folder == pack / "day9" / "greeting"
    assert catalog.named("5.3").title["en"] == "Circuit breaker"
    assert ("day9.1", "A greeting") in titles.titles()


def test_an_installed_package_with_the_entry_point_is_a_pack(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack.rename(tmp_path / "greetings")
    (tmp_path / "greetings" / "__init__.py").touch()
    described = tmp_path / "greetings-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Name: greetings\nVersion: 1\n")
    (described / "entry_points.txt").write_text(f"[{titles.GROUP}]\ngreetings = greetings\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert catalog.named("greeting").folder == tmp_path / "greetings" / "day9" / "greeting"

    (described / "entry_points.txt").write_text(f"[{titles.GROUP}]\ngreetings = greetigns\n")
    with pytest.raises(titles.NoPack, match="the pack of exercises greetings is not there"):
        catalog.exercises()


def test_a_pack_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(titles.VARIABLE, str(tmp_path / "none"))
    with pytest.raises(titles.NoPack, match="none is not there"):
        catalog.exercises()


def test_two_exercises_cannot_have_one_id(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = pack / "day9" / "hello"
    shutil.copytree(pack / "day9" / "greeting", again)
    monkeypatch.setenv(titles.VARIABLE, str(pack))
    known, (broken,) = catalog.read()
    assert catalog.find("day9.1", known).folder == pack / "day9" / "greeting"
    assert (broken.folder, broken.problems) == (again, (f'exercise.toml: id: "day9.1" is that of {known[-1].folder}',))


def test_a_skeleton_can_be_read_and_is_refused_line_by_line(tmp_path: Path) -> None:
    made = beginning.begin(tmp_path, "day5.20", "hedged_requests", "front")
    folder = tmp_path / "day5" / "hedged_requests"
    assert folder / "solution" / "front" / "front" / "app.py" in made
    exercise = load(folder)
    assert (exercise.id, exercise.slug, exercise.services[0].name) == ("day5.20", "hedged-requests", "front")
    found = lint(exercise, [exercise])
    written = {path for path in made if path.parent == folder and beginning.TODO in path.read_text()}
    assert written == {path for path in made if path.parent == folder}
    for path in written:
        assert any(sentence.startswith(f"{path.name}:") and "still to be written" in sentence for sentence in found)
    assert "wrong: no wrong service fails C1, so nothing shows that its check can fail" in found


@pytest.mark.parametrize(
    ("ident", "slug", "problem"),
    [
        ("5.20", "hedged", '"5.20" is not like day5.20'),
        ("day5.20", "hedged-requests", '"hedged-requests" is no name for a Python package'),
        ("day9.1", "greeting", "is already there"),
    ],
)
def test_what_cannot_be_begun_is_told(pack: Path, ident: str, slug: str, problem: str) -> None:
    with pytest.raises(beginning.NoNewExercise, match=problem):
        beginning.begin(pack, ident, slug, "front")


def test_an_author_begins_with_a_command_and_the_gate_says_what_is_left(tmp_path: Path) -> None:
    author = Learner(tmp_path)
    begun = author("dev", "new", "exercise", "day5.20", "hedged", str(tmp_path / "pack"))
    assert begun.returncode == 0, begun.stderr
    assert begun.stdout.splitlines()[-1] == f"LAB_EXERCISES={tmp_path / 'pack'} lab dev check day5.20"
    author.env[titles.VARIABLE] = str(tmp_path / "pack")
    checked = author("dev", "check", "day5.20", "--seeds", "1")
    assert checked.returncode == 1
    assert "hole     day5.20 exercise.toml:8: is still to be written" in checked.stdout
    again = author("dev", "new", "exercise", "day5.20", "another", str(tmp_path / "pack"))
    assert again.returncode == 2
    assert "day5.20 is the id of another exercise" in again.stderr
