"""`lab init`, `start`, `reset`, `status`, `hint`, `explain`: what a learner types before anything is graded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lab.cli.app import app
from lab.grading.model import Report
from lab.locale import speaking
from tests import toys
from tests.course import TOY
from tests.course.test_progress import graded, report


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.course.titles.ROOT", TOY.parents[1])
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the toy exercise, and the current folder."""
    lab("init", "w")
    monkeypatch.chdir(tmp_path / "w")
    lab("start", "9.1")
    return tmp_path / "w"


def lab(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def note(place: Path, result: Report, code: str = "mine") -> None:
    graded(place / ".lab", result, code=code)


def test_a_workspace_begins_and_says_what_to_type_next(tmp_path: Path) -> None:
    made = lab("init", "w")
    assert made.exit_code == 0
    assert "lab start 9.1" in made.stdout
    assert "nothing was changed" in lab("init", "w").stdout
    assert (tmp_path / "w" / "day9").is_dir()


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    refused = lab("init", ".")
    assert refused.exit_code == 2
    assert "It contains thesis.tex" in refused.stderr


def test_outside_of_a_workspace_it_is_said_how_to_get_one() -> None:
    for words in (["start", "9.1"], ["check"], ["status"], ["hint"], ["solution"], ["watch"], ["try"]):
        refused = lab(*words)
        assert refused.exit_code == 2, words
        assert "Next: lab init" in refused.stderr, words


def test_an_exercise_is_begun_once(place: Path) -> None:
    (place / "day9" / "9.1-greeting" / "greeter" / "mine.txt").write_text("mine")
    again = lab("start", "greeting")
    assert again.exit_code == 0
    assert "nothing was changed" in again.stdout
    assert (place / "day9" / "9.1-greeting" / "greeter" / "mine.txt").read_text() == "mine"


@pytest.mark.usefixtures("place")
def test_an_unknown_exercise_is_said_with_those_there_are() -> None:
    refused = lab("start", "9.7")
    assert refused.exit_code == 2
    assert 'there is no exercise "9.7"' in refused.stderr
    assert "day9.1" in refused.stderr


def test_a_reset_says_where_the_backup_is(place: Path) -> None:
    reset = lab("reset", "9.1")
    assert reset.exit_code == 0
    backup = place / reset.stdout.rpartition("Your earlier files are in ")[2].strip()
    assert (backup / "9.1-greeting" / "greeter" / "greeter" / "app.py").exists()


def test_a_broken_lab_toml_is_said_with_its_line(place: Path) -> None:
    with (place / "lab.toml").open("a") as file:
        file.write("this is no toml\n")
    for words in (["status"], ["check"], ["start", "9.1"]):
        refused = lab(*words)
        assert refused.exit_code == 2
        assert "lab.toml: line 10:" in refused.stderr
        assert "this is no toml" in refused.stderr


def test_a_service_that_lab_toml_does_not_lead_to_is_named(place: Path) -> None:
    (place / "day9" / "9.1-greeting" / "greeter").rename(place / "elsewhere")
    refused = lab("check", "9.1")
    assert refused.exit_code == 2
    assert "There is no folder" in refused.stderr
    assert not list((place / ".lab").glob("records/*"))


def test_a_hint_in_a_fresh_workspace_is_not_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab("init", "fresh")
    monkeypatch.chdir(tmp_path / "fresh")
    for words in (["hint"], ["hint", "9.1"]):
        refused = lab(*words)
        assert refused.exit_code == 2
        assert "lab start 9.1" in refused.stderr
    lab("start", "9.1")
    assert "hint 1 of 3" in lab("hint").stdout


@pytest.mark.usefixtures("place")
def test_hints_open_one_after_the_other() -> None:
    assert lab("hint", "--step", "2").exit_code == 2
    first = lab("hint").stdout
    assert "hint 1 of 3 on C1" in first
    assert "Who came in?" in first
    assert "Who came in?" in lab("hint", "--step", "1").stdout
    assert "hint 2 of 3 on C1" in lab("hint", "9.1").stdout
    assert "hint 3 of 3 on C1" in lab("hint").stdout
    last = lab("hint")
    assert "hint 3 of 3 on C1" in last.stdout
    assert "All hints on C1 are open" in last.stdout
    assert lab("hint", "--step", "4").exit_code == 2


@pytest.mark.usefixtures("place")
def test_a_hint_and_an_explanation_lead_to_the_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(TOY, tmp_path / "toys" / "day9" / "greeting")
    with (tmp_path / "toys" / "day9" / "greeting" / "exercise.toml").open("a") as file:
        file.write('read = "day9#two-are-brighter"\n')
    monkeypatch.setattr("lab.course.titles.ROOT", tmp_path / "toys")
    led = "read: lab learn day9#two-are-brighter: Two lamps are brighter than one"
    with toys.found():
        assert led in lab("hint", "--about", "C2").stdout
        assert led in lab("explain", "always-in-english").stdout
        assert "lab learn" not in lab("hint", "--about", "C1").stdout


@pytest.mark.usefixtures("place")
def test_code_in_a_hint_has_the_colour_of_names_and_no_backticks(monkeypatch: pytest.MonkeyPatch) -> None:
    lab("hint")
    lab("hint")
    assert "\nSay something with their name.\n" in lab("hint").stdout
    monkeypatch.setattr("lab.cli.exercise.reports.coloured", lambda: True)
    shown = CliRunner().invoke(app, ["hint"], color=True).stdout
    assert "their \x1b[36mname\x1b[0m." in shown


def test_the_first_behaviour_that_failed_says_what_a_hint_is_on(place: Path) -> None:
    lab("hint")
    lab("hint")
    note(place, report("pass", "fail"))
    assert "hint 1 of 3 on C2" in lab("hint").stdout
    note(place, report("fail"))
    assert "hint 3 of 3 on C1" in lab("hint").stdout
    assert "Look at the path." in lab("hint", "--about", "C1", "--step", "2").stdout
    assert lab("hint", "--about", "C9").exit_code == 2


def test_the_solution_is_shut_until_it_was_earned(place: Path) -> None:
    mine = place / "day9" / "9.1-greeting" / "greeter" / "greeter" / "app.py"
    before = mine.read_bytes()
    shut = lab("solution")
    assert shut.exit_code == 1
    assert "You have 0 so far" in shut.stderr
    note(place, report("pass"))
    opened = lab("solution")
    assert opened.exit_code == 0
    assert '+        return {"greeting": f"{WORDS[settings.language]}, {name}!"}' in opened.stdout
    assert mine.read_bytes() == before


@pytest.mark.usefixtures("place")
def test_a_misconception_is_explained_in_the_learners_language() -> None:
    told = lab("explain", "always-in-english").stdout
    assert "The language is built in" in told
    assert "day9.1 C2: The greeting is in the language" in told
    assert "seen in https://example.org/greeter" in told
    with speaking("uz"):
        assert "Til ichiga qotirilgan" in lab("explain", "always-in-english").stdout
    unknown = lab("explain", "always-in-english-")
    assert unknown.exit_code == 2
    assert "Did you mean always-in-english?" in unknown.stderr


def test_the_week_shows_attempts_points_and_what_comes_next(place: Path) -> None:
    assert "begun" in lab("status").stdout
    note(place, report("fail", "fail"))
    shown = lab("status").stdout
    assert "failing" in shown
    assert "fails C1" in shown
    assert "next: lab check 9.1" in shown
    note(place, report("pass"), code="better")
    shown = lab("status").stdout
    assert "Day 9  1 of 1 passed" in shown
    assert "11 of 11 points" in shown
    (row,) = json.loads(lab("status", "--json").stdout)["exercises"]
    assert (row["passed"], row["points"], row["attempts"], row["gold"]) == (True, 11, 2, 1)


def test_progress_that_cannot_be_read_is_rebuilt(place: Path) -> None:
    note(place, report("pass"))
    (place / ".lab" / "progress.db").write_bytes(b"x" * 9000)
    shown = lab("status")
    assert "1 of 1 passed" in shown.stdout
    assert "rebuilt from your results" in shown.stderr
    assert list((place / ".lab").glob("progress.db.*.bak"))


def test_the_exercise_of_the_folder_is_meant(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note(place, report("pass"))
    refused = lab("check")
    assert refused.exit_code == 2
    assert "you have passed every exercise" in refused.stderr
    monkeypatch.chdir(place / "day9" / "9.1-greeting" / "greeter")
    assert "hint 1 of 3" in lab("hint").stdout


@pytest.mark.usefixtures("place")
def test_words_that_exclude_or_are_unknown_are_usage_errors() -> None:
    assert lab("check", "--behaviour", "C9").exit_code == 2
    assert lab("check", "day8").exit_code == 2
    assert lab("check", "--engine", "mysql=native").exit_code == 2
    assert lab("dev", "check", "day9.1", "--solution", "--starter").exit_code == 2
    assert lab("dev", "check", "day9.1", "--wrong", "nobody").exit_code == 2
    assert lab("dev", "check", "day9.1", "--right", "nobody").exit_code == 2
    assert lab("dev", "check", "day9.1", "--right", "stdlib", "--solution").exit_code == 2
    assert lab("dev", "check", "day9.1", "--behaviour", "C1").exit_code == 2
    assert lab("dev", "check", "day7").exit_code == 2
    assert lab("dev", "check", "day9.1", "--solution", "--most", "3").exit_code == 2
    assert lab("dev", "check", "--changed", "nowhere").exit_code == 2
    assert lab("dev", "unpack", "day9.1", "copy", "--language", "cobol").exit_code == 2
    assert lab("dev", "unpack", "day9.1", "copy", "--language", "shell", "--wrong", "forgets-the-name").exit_code == 2
    assert lab("dev", "unpack", "day9.1", "copy", "--right", "stdlib", "--wrong", "forgets-the-name").exit_code == 2


def test_an_author_lays_a_program_out_and_stores_it_again(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert lab("dev", "unpack", "9.1", str(copy), "--wrong", "forgets-the-name").exit_code == 0
    assert "{name}!" not in (copy / "greeter" / "greeter" / "app.py").read_text()
    assert lab("dev", "unpack", "9.1", str(copy)).exit_code == 1
    stored = lab("dev", "pack", "9.1", str(copy), "--wrong", "forgets-the-name")
    assert (stored.exit_code, stored.stdout) == (0, "")
