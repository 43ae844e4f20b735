"""A workspace begins, goes on and begins again without losing a byte of what the learner wrote."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lab.course import labtoml, workspace
from lab.course.exercise import Exercise
from lab.course.labtoml import Entry, InvalidLabToml
from lab.course.manifest import load
from lab.course.workspace import ByHand, InsideWorkspace, NoPlace, NoWorkspace, Workspace
from lab.locale import speaking
from tests.course import TOY

EXERCISE = load(TOY)
HOME = "day9/9.1-greeting"


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    workspace.init(tmp_path / "w", ["day9"])
    return workspace.find(tmp_path / "w")


def again(place: Workspace) -> Workspace:
    return workspace.find(place.folder)


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def later(exercise: Exercise) -> Exercise:
    """An exercise that goes on with the same service."""
    service = replace(exercise.services[0], carries=exercise.id)
    return replace(exercise, id="day9.2", services=(service,))


def test_a_new_folder_becomes_a_workspace(tmp_path: Path) -> None:
    done = workspace.init(tmp_path / "w", ["day1", "day9"], language="go", said_in="uz")
    assert set(done.made) == {"lab.toml", "README.md", ".gitignore", "day1/", "day9/", ".lab/"}
    place = workspace.find(tmp_path / "w" / "day9")
    assert (place.folder, place.toml.language, place.toml.texts) == (tmp_path / "w", "go", "uz")


def test_making_it_again_changes_nothing(place: Workspace) -> None:
    workspace.start(place, EXERCISE)
    before = everything(place.folder)
    assert workspace.init(place.folder, ["day9"]).made == []
    assert everything(place.folder) == before


def test_what_would_do_harm_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    (tmp_path / "link").symlink_to(home)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("mine")
    for folder in (home, Path("/"), tmp_path / "link", foreign, foreign / "thesis.tex"):
        with pytest.raises(NoPlace):
            workspace.init(folder, ["day9"])
    assert not list(home.iterdir())
    assert everything(foreign) == {"thesis.tex": b"mine"}


def test_a_fresh_repository_counts_as_empty_and_keeps_its_files(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("mine\n")
    workspace.init(tmp_path, ["day9"])
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_there_is_no_workspace_inside_a_workspace(place: Workspace) -> None:
    with pytest.raises(InsideWorkspace, match="inside the workspace"):
        workspace.init(place.folder / "day9" / "inner", ["day9"])


def test_outside_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoWorkspace):
        workspace.find(tmp_path)


def test_an_exercise_begins_with_its_text_and_its_starter(place: Workspace) -> None:
    done = workspace.start(place, EXERCISE)
    assert done.made == [f"{HOME}/README.md", "CONTRACT.md", f"{HOME}/greeter/", "lab.toml"]
    files = everything(place.folder / HOME)
    assert files["README.md"].decode().startswith("# 9.1 A greeting\n\n## Hook")
    assert files["greeter/greeter/app.py"] == (TOY / "starter/greeter/greeter/app.py").read_bytes()
    entry = again(place).toml.services["day9.1"]["greeter"]
    assert entry == Entry(dir=f"{HOME}/greeter", run="python -m greeter")
    assert again(place).sources(EXERCISE)["greeter"].dir == place.folder / HOME / "greeter"


def test_beginning_again_changes_nothing(place: Workspace) -> None:
    workspace.start(place, EXERCISE)
    (place.folder / HOME / "greeter" / "greeter" / "app.py").write_text("mine")
    (place.folder / HOME / "README.md").write_text("my notes")
    before = everything(place.folder)
    assert workspace.start(again(place), EXERCISE).made == []
    assert everything(place.folder) == before


def test_what_was_interrupted_is_completed(place: Workspace) -> None:
    workspace.start(place, EXERCISE)
    shutil.rmtree(place.folder / HOME / "greeter")
    assert workspace.start(again(place), EXERCISE).made == [f"{HOME}/greeter/"]


def test_texts_are_in_the_learners_language(tmp_path: Path) -> None:
    workspace.init(tmp_path / "w", ["day9"], said_in="uz")
    assert (tmp_path / "w" / "README.md").read_text().startswith("# Lab uchun xizmatlarim")
    assert "# lab tili" in (tmp_path / "w" / "lab.toml").read_text()
    with speaking("uz"):
        workspace.start(workspace.find(tmp_path / "w"), EXERCISE)
    assert (tmp_path / "w" / HOME / "README.md").read_text().startswith("# 9.1 Salomlashish")


def test_a_brief_follows_the_language_unless_somebody_has_written_in_it(place: Workspace) -> None:
    brief = place.folder / HOME / "README.md"
    workspace.start(place, EXERCISE)
    with speaking("uz"):
        assert workspace.start(again(place), EXERCISE).made == [f"{HOME}/README.md", "CONTRACT.md"]
        assert brief.read_text().startswith("# 9.1 Salomlashish")
        assert workspace.start(again(place), EXERCISE).made == []
        brief.write_text(f"{brief.read_text()}\nMine.\n")
    assert workspace.start(again(place), EXERCISE).made == ["CONTRACT.md"]
    assert brief.read_text().endswith("Mine.\n")


def test_another_language_begins_with_an_empty_folder_and_its_command(place: Workspace) -> None:
    done = workspace.start(place, EXERCISE, "shell")
    assert [(service, entry.build) for service, entry in done.empty] == [("greeter", "no-such-tool build")]
    assert not everything(place.folder / HOME / "greeter")
    entry = again(place).toml.services["day9.1"]["greeter"]
    assert (entry.build, entry.run) == ("no-such-tool build", "./greeter")


def test_each_brief_leads_to_the_contract(place: Workspace) -> None:
    workspace.start(place, EXERCISE)
    brief = (place.folder / HOME / "README.md").read_text()
    (link,) = re.findall(r"\(([./]+CONTRACT\.md)\)", brief)
    contract = (place.folder / HOME / link).read_text()
    assert all(word in contract for word in ("sqlite:///", "?heartbeat=5", "/readyz", "SIGTERM"))


@pytest.mark.parametrize(("file", "tongue"), [("go.mod", "go"), ("package.json", "node"), ("app/main.py", "python")])
def test_the_language_of_a_service_is_what_its_files_say(place: Workspace, file: str, tongue: str) -> None:
    workspace.start(place, EXERCISE, "shell")
    here = again(place)
    assert here.tongue(EXERCISE) == here.toml.language
    path = place.folder / HOME / "greeter" / file
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert Workspace(here.folder, replace(here.toml, language="cobol")).tongue(EXERCISE) == tongue


def test_a_service_goes_on_from_an_earlier_exercise(place: Workspace) -> None:
    workspace.start(place, EXERCISE)
    mine = place.folder / HOME / "greeter"
    (mine / "greeter" / "app.py").write_text("mine")
    (mine / "__pycache__").mkdir()
    done = workspace.start(again(place), later(EXERCISE))
    assert done.carried == [("greeter", "day9.1")]
    copied = place.folder / "day9" / "9.2-greeting" / "greeter"
    assert (copied / "greeter" / "app.py").read_text() == "mine"
    assert not (copied / "__pycache__").exists()


def test_what_an_exercise_adds_stands_beside_what_goes_on(place: Workspace, tmp_path: Path) -> None:
    workspace.start(place, EXERCISE)
    shutil.copytree(EXERCISE.folder, tmp_path / "exercise")
    starter = tmp_path / "exercise" / "starter" / "greeter"
    for path in (starter / "contract" / "greet.proto", starter / "greeter" / "app.py", starter / "notes"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("theirs")
    (place.folder / HOME / "greeter" / "greeter" / "app.py").write_text("mine")
    exercise = later(EXERCISE)
    services = (replace(exercise.services[0], adds=("contract", "greeter")),)
    workspace.start(again(place), replace(exercise, folder=tmp_path / "exercise", services=services))
    copied = place.folder / "day9" / "9.2-exercise" / "greeter"
    assert (copied / "contract" / "greet.proto").read_text() == "theirs"
    assert (copied / "greeter" / "app.py").read_text() == "mine"
    assert not (copied / "notes").exists()


def test_without_an_earlier_one_it_begins_with_the_starter(place: Workspace) -> None:
    assert workspace.start(place, later(EXERCISE)).carried == []
    assert (place.folder / "day9" / "9.2-greeting" / "greeter" / "greeter" / "app.py").exists()


def test_a_reset_keeps_all_there_was(place: Workspace) -> None:
    workspace.start(place, EXERCISE)
    (place.folder / HOME / "greeter" / "greeter" / "app.py").write_text("mine")
    (place.folder / HOME / "notes.md").write_text("notes")
    before = everything(place.folder / HOME)
    done = workspace.reset(again(place), EXERCISE)
    assert done.backup
    assert done.backup.parent == place.folder / ".lab" / "backups"
    assert everything(done.backup / "9.1-greeting") == before
    now = everything(place.folder / HOME)
    assert now["greeter/greeter/app.py"] == (TOY / "starter/greeter/greeter/app.py").read_bytes()
    assert "notes.md" not in now
    another = workspace.reset(again(place), EXERCISE)
    assert another.backup not in (None, done.backup)


def test_a_backup_has_nothing_that_npm_fetched(place: Workspace) -> None:
    workspace.start(place, EXERCISE)
    (place.folder / HOME / "greeter" / "node_modules" / "tea").mkdir(parents=True)
    done = workspace.reset(again(place), EXERCISE)
    assert done.backup
    assert (done.backup / "9.1-greeting" / "greeter" / "greeter").is_dir()
    assert not (done.backup / "9.1-greeting" / "greeter" / "node_modules").exists()


def test_a_reset_takes_the_starters_command_and_keeps_the_rest_of_the_file(place: Workspace) -> None:
    workspace.start(place, EXERCISE)
    path = place.folder / "lab.toml"
    path.write_text(path.read_text().replace("python -m greeter", "./mine") + "\n# my last words\n")
    workspace.reset(again(place), EXERCISE)
    assert again(place).toml.services["day9.1"]["greeter"].run == "python -m greeter"
    assert "# my last words" in path.read_text()


def test_a_reset_leaves_alone_what_the_learner_put_elsewhere(place: Workspace) -> None:
    (place.folder / "mine").mkdir()
    labtoml_ = place.folder / "lab.toml"
    labtoml_.write_text(labtoml_.read_text() + labtoml.table("day9.1", "greeter", Entry(dir="mine", run="./x")))
    with pytest.raises(ByHand, match="yourself"):
        workspace.reset(again(place), EXERCISE)
    assert (place.folder / "mine").is_dir()


def test_the_exercise_of_a_folder_is_known(place: Workspace) -> None:
    workspace.start(place, EXERCISE)
    place = again(place)
    assert place.here(place.folder / HOME / "greeter" / "greeter", [EXERCISE]) == EXERCISE
    assert place.here(place.folder / "day9", [EXERCISE]) is None


def test_the_newest_service_of_a_name_is_the_one_of_the_latest_exercise(place: Workspace) -> None:
    second = later(EXERCISE)
    workspace.start(place, second)
    workspace.start(again(place), EXERCISE)
    exercise, source = workspace.newest(again(place), [second, EXERCISE])["greeter"]
    assert exercise.id == "day9.2"
    assert source.dir == place.folder / "day9" / "9.2-greeting" / "greeter"


# -- lab.toml


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "lab.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format = 1\nlanguage = python\n", "lab.toml: line 2: "),
        ("format = 7\n", "lab.toml: line 1: format: 7 is unknown"),
        ('format = 1\ntexts = "de"\n', 'lab.toml: line 2: texts: "de" is none of en, uz'),
        ('format = 1\nlangage = "go"\n', "lab.toml: line 2: langage: no such key"),
        ('format = 1\n["day9.1".a]\ndir = "a"\n', 'lab.toml: line 2: ["day9.1".a] run: missing'),
        ('format = 1\n["day9.1".a]\ndir = 1\nrun = "x"\n', 'lab.toml: line 3: ["day9.1".a] dir: expected a string'),
        ('format = 1\n["day9.1".a]\ndir="a"\nrun="x \'y"\n', 'line 4: ["day9.1".a] run: "x \'y" is no command'),
        ('format = 1\n["day9.1".a]\ndir="a"\nrnu="x"\n', 'rnu: no such key; did you mean "run"?'),
        ('format = 1\n[day9.1.a]\ndir="a"\n', 'write an exercise in quotes: ["day5.3".gateway]'),
        ('format = 1\n["day9.1"]\na = "x"\n', 'lab.toml: ["day9.1".a]: expected a table with dir and run'),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidLabToml) as caught:
        labtoml.read(write(tmp_path, text))
    assert said in str(caught.value)


def test_the_learners_own_words_in_the_file_stay() -> None:
    text = (
        'format = 1\n# one\n["day9.1".a]\ndir = "a"\nrun = "a"\n\n# of b\n["day9.1".b]\ndir = "b"\nrun = "b" # mine\n'
    )
    new = labtoml.with_table(text, "day9.1", "a", Entry(dir="new", run="./new", build="make"))
    assert new == (
        'format = 1\n# one\n\n# of b\n["day9.1".b]\ndir = "b"\nrun = "b" # mine\n'
        '\n["day9.1".a]\ndir = "new"\nbuild = "make"\nrun = "./new"\n'
    )
    assert labtoml.with_table(text, "day9.2", "a", Entry(dir="x", run="x")).startswith(text)


def with_a_readme(folder: Path) -> Exercise:
    """An exercise whose README the learner writes: its template stands beside the starter's services."""
    shutil.copytree(TOY, folder / TOY.parent.name / TOY.name)
    made = folder / TOY.parent.name / TOY.name / "starter"
    (made / "README.md").write_text("# TODO\n")
    (made / "docs").mkdir()
    (made / "docs" / "first.md").write_text("one")
    return load(made.parent)


def test_where_the_learner_writes_the_readme_the_brief_has_another_name(place: Workspace, tmp_path: Path) -> None:
    exercise = with_a_readme(tmp_path)
    done = workspace.start(place, exercise)
    assert {f"{HOME}/BRIEF.md", f"{HOME}/README.md", f"{HOME}/docs"} <= set(done.made)
    assert (place.folder / HOME / "README.md").read_text() == "# TODO\n"
    assert (place.folder / HOME / "docs" / "first.md").read_text() == "one"
    assert (place.folder / HOME / "BRIEF.md").read_text().startswith("# 9.1 A greeting")


def test_what_the_learner_wrote_beside_the_services_stays(place: Workspace, tmp_path: Path) -> None:
    exercise = with_a_readme(tmp_path)
    workspace.start(place, exercise)
    (place.folder / HOME / "README.md").write_text("mine")
    with speaking("uz"):
        workspace.start(again(place), exercise, "go")
    assert (place.folder / HOME / "README.md").read_text() == "mine"
    assert (place.folder / HOME / "BRIEF.md").read_text().startswith("# 9.1 Salomlashish")
    workspace.reset(again(place), exercise)
    assert (place.folder / HOME / "README.md").read_text() == "# TODO\n"
