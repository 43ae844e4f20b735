"""What an author changes in a copy is stored as layers, and laid out again as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.course.exercise import Exercise
from lab.course.manifest import load
from lab.course.pack import pack
from lab.course.variants import NOT_COPIED, Variant, lay_out, variants
from tests.course import TOY

SOLUTION, WRONG = Variant("solution"), Variant("wrong", which="forgets-the-name")


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    folder = tmp_path / "day9" / "greeting"
    shutil.copytree(TOY, folder, ignore=NOT_COPIED)
    return load(folder)


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def laid_out(exercise: Exercise, variant: Variant, folder: Path) -> Path:
    lay_out(exercise, variant, folder)
    return folder / "greeter" / "greeter"


def test_what_was_not_changed_is_stored_as_it_was(exercise: Exercise, tmp_path: Path) -> None:
    before = files(exercise.folder)
    for number, variant in enumerate(variants(exercise)):
        if variant.kind != "starter":
            lay_out(exercise, variant, tmp_path / str(number))
            assert pack(exercise, variant, tmp_path / str(number)) == []
    assert files(exercise.folder) == before


def test_a_solution_keeps_only_what_differs_from_its_starter(exercise: Exercise, tmp_path: Path) -> None:
    package = laid_out(exercise, SOLUTION, tmp_path / "copy")
    (package / "words.py").write_text("HELLO = 1\n")
    (package / "__main__.py").unlink()
    (package / "app.py").write_text((exercise.folder / "starter/greeter/greeter/app.py").read_text())
    wanted = files(tmp_path / "copy")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "app.pyc").write_text("built")
    assert len(pack(exercise, SOLUTION, tmp_path / "copy")) == 3
    assert files(exercise.folder / "solution") == {
        "REMOVED": "greeter/greeter/__main__.py\n",
        "greeter/greeter/words.py": "HELLO = 1\n",
    }
    laid_out(exercise, SOLUTION, tmp_path / "again")
    assert files(tmp_path / "again") == wanted


def test_a_right_service_is_stored_whole(exercise: Exercise, tmp_path: Path) -> None:
    right, copy = Variant("right", which="stdlib"), tmp_path / "copy"
    (exercise.folder / "right" / "stdlib" / "right.toml").write_text('packages = ["json"]\n')
    lay_out(exercise, right, copy)
    (copy / "greeter" / "greeter.py").rename(copy / "greeter" / "main.py")
    pack(exercise, right, copy)
    assert files(exercise.folder / "right" / "stdlib") == files(copy)
    assert set(files(copy)) == {"right.toml", "greeter/main.py"}


def test_what_is_shared_stays_a_link_until_it_is_changed(exercise: Exercise, tmp_path: Path) -> None:
    shared, link = tmp_path / "shared.py", exercise.folder / "solution/greeter/greeter/shared.py"
    shared.write_text("shared")
    link.symlink_to(shared)
    package = laid_out(exercise, SOLUTION, tmp_path / "copy")
    assert pack(exercise, SOLUTION, tmp_path / "copy") == []
    assert link.is_symlink()
    (package / "shared.py").write_text("its own")
    assert pack(exercise, SOLUTION, tmp_path / "copy") == [link]
    assert (link.is_symlink(), link.read_text(), shared.read_text()) == (False, "its own", "shared")


@pytest.mark.parametrize("name", ["forgets-the-name", "shouts"])
def test_a_wrong_service_is_a_patch_of_the_solution(exercise: Exercise, tmp_path: Path, name: str) -> None:
    wrong = Variant("wrong", which=name)
    package = laid_out(exercise, SOLUTION, tmp_path / "copy")
    app = package / "app.py"
    app.write_text(app.read_text().replace("{name}!", "{name.upper()}!"))
    (package / "new.py").write_text("NEW = 1\n")
    assert pack(exercise, wrong, tmp_path / "copy") == [exercise.folder / "wrong" / name / "change.patch"]
    laid_out(exercise, wrong, tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "copy")
