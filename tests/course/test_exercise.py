"""An exercise's folder is read whole, or refused with every problem and its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.course import catalog, texts
from lab.course.exercise import Command
from lab.course.manifest import InvalidExercise, load
from lab.course.titles import titles
from lab.system.refusal import Unknown
from tests.course import TOY

Edit = Callable[[str, str], list[str]]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "day9" / "greeting"
    shutil.copytree(TOY, folder)
    return folder


@pytest.fixture
def problems(copy: Path) -> Edit:
    """The problems of the exercise after a change of its manifest."""

    def edit(old: str, new: str) -> list[str]:
        manifest = copy / "exercise.toml"
        text = manifest.read_text()
        assert old in text
        manifest.write_text(text.replace(old, new, 1))
        with pytest.raises(InvalidExercise) as caught:
            load(copy)
        return list(caught.value.problems)

    return edit


def test_everything_is_read() -> None:
    exercise = load(TOY)
    assert (exercise.id, exercise.day, exercise.number, exercise.slug) == ("day9.1", "day9", "9.1", "greeting")
    assert exercise.title["uz"] == "Salomlashish"
    assert [(one.id, one.gold, one.needs) for one in exercise.behaviours] == [("C1", False, ()), ("C2", True, ("C1",))]
    assert exercise.behaviour("C1").why["en"] == "A greeting without a name is noise."
    assert [(one.name, one.fails, one.codes) for one in exercise.wrong] == [
        ("forgets-the-name", "C1", ("nameless",)),
        ("always-in-english", "C2", ("foreign",)),
    ]
    assert exercise.service("greeter").env == {"LANGUAGE": "uz"}
    assert exercise.run["shell"].build == "no-such-tool build"


def test_the_brief_says_what_the_contract_says() -> None:
    exercise = load(TOY)
    said = texts.brief(exercise, "en")
    assert "- `GET /greet/{name}` → 200 `{greeting}`; nobody of that name → 404 `unknown_guest`" in said
    assert "- Environment: `LANGUAGE` (uz)." in said
    assert "bunday ismli odam yo‘q → 404 `unknown_guest`" in texts.brief(exercise, "uz")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("status = 404, ", "", "answers 2 status: missing"),
        (', uz = "bunday ismli odam yo‘q"', "", "answers 2: says something in en only"),
        ('body = "{greeting}"', 'body = "{greeting}", code = "odd"', "answers 1: has either a code or a body"),
        ("status = 200", "stauts = 200", "stauts: no such key"),
    ],
)
def test_an_unclear_contract_is_refused(problems: Edit, old: str, new: str, problem: str) -> None:
    assert any(problem in found for found in problems(old, new))


def test_its_figures_are_read() -> None:
    letters, warmth = load(TOY).figures
    assert (letters.name, letters.better, letters.ours, letters.against) == ("letters", "lower", 12, "warmth")
    assert (warmth.unit, warmth.says["uz"]) == ("°C", "salomning iliqligi")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('better = "lower"', 'better = "less"', '"less" is neither lower nor higher'),
        ('against = "warmth"', 'against = "letters"', '"letters" is no other figure'),
        ('name = "warmth"', 'name = "letters"', "stands there twice"),
        ("ours = 12\n", "", "[[figures]] letters ours: missing"),
    ],
)
def test_an_unclear_figure_is_refused(problems: Edit, old: str, new: str, problem: str) -> None:
    assert any(problem in found for found in problems(old, new))


def test_a_language_is_run_as_ever_but_for_what_differs(copy: Path) -> None:
    manifest = copy / "exercise.toml"
    manifest.write_text(manifest.read_text().replace("shell = {", 'go = { build = "make" }\nshell = {'))
    assert load(copy).run == {
        "python": Command(run="python -m {service}"),
        "go": Command(build="make", run="./bin/{service}"),
        "node": Command(run="node main.js"),
        "shell": Command(build="no-such-tool build", run="./greeter"),
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "format = 2", "exercise.toml: format: 2 is unknown; this lab reads 1"),
        ('id = "day9.1"', 'id = "day8.1"', 'exercise.toml: id: "day8.1" stands in the folder day9'),
        ("points = 10", "pionts = 10", 'exercise.toml: pionts: no such key; did you mean "points"?'),
        ("points = 10", "points = 0", "exercise.toml: points: 0 is not above 0"),
        ("minutes = 5", 'minutes = "5"', "exercise.toml: minutes: expected a whole number, got a string"),
        ('uz = "Salomlashish"\n', "", "exercise.toml: title.uz: missing"),
        (
            'why.uz = "Ismsiz',
            'whi.uz = "Ismsiz',
            'exercise.toml: [[behaviours]] C1 whi: no such key; did you mean "why"?',
        ),
        ('id = "C2"', 'id = "C1"', "exercise.toml: [[behaviours]] C1: stands there twice"),
        ('needs = ["C1"]', 'needs = ["C7"]', 'exercise.toml: [[behaviours]] C2 needs: "C7" is no behaviour above it'),
        (
            "[services.greeter]",
            '[services.greeter]\nlinks = ["users"]',
            'exercise.toml: [services.greeter] links: "users" is no stub, engine or service of this exercise',
        ),
        (
            "[services.greeter]",
            '[services.greeter]\nendpoints = ["grpc"]',
            "exercise.toml: [services.greeter] endpoints: are http and, after it, any of grpc",
        ),
        (
            "[services.greeter]",
            '[services.greeter]\nvariables = { users = "USERS" }',
            'exercise.toml: [services.greeter] variables: "users" is none of its links',
        ),
        (
            "[services.greeter]",
            '[services.greeter]\nlinks = ["amqp:smtp"]',
            'exercise.toml: [services.greeter] links: "amqp:smtp" is no stub, engine or service of this exercise',
        ),
        ("[services.greeter]", "[services.redis]", 'exercise.toml: [services.redis]: "redis" is the name of an engine'),
        ('LANGUAGE = "uz"', "PORT = 8000", "exercise.toml: [services.greeter] env.PORT: expected a string"),
        ('id = "C1"', 'id = "C3"', 'wrong/forgets-the-name/wrong.toml: fails: "C1" is no behaviour of day9.1'),
        (
            'build = "no-such-tool build", run = "./greeter"',
            'build = "make"',
            "exercise.toml: [run] shell run: missing",
        ),
        ("shell = {", "go = { tool = 1 }\nshell = {", "exercise.toml: [run] go tool: no such key"),
    ],
)
def test_a_problem_is_said_with_its_place(problems: Edit, old: str, new: str, said: str) -> None:
    assert said in problems(old, new)


def test_all_problems_are_said_at_once(problems: Edit, copy: Path) -> None:
    (copy / "wrong" / "forgets-the-name" / "change.patch").unlink()
    (copy / "wrong" / "always-in-english" / "wrong.toml").write_text('fails = "C2"\ncodes = ["Bad Code"]\n')
    found = problems("points = 10", "points = -1")
    assert len([one for one in found if one.startswith("exercise.toml: ")]) == 1
    assert "wrong/forgets-the-name/change.patch: missing" in found
    assert 'wrong/always-in-english/wrong.toml: codes: "Bad Code" is not in kebab-case' in found
    assert "wrong/always-in-english/wrong.toml: title.en: missing" in found


def test_what_is_no_toml_is_said_with_its_line(problems: Edit) -> None:
    (said,) = problems('id = "day9.1"', "id = day9.1")
    assert said.startswith("exercise.toml: line 2: ")
    assert said.endswith("id = day9.1")


def test_a_broken_exercise_leaves_the_others_alone(copy: Path) -> None:
    (copy / "exercise.toml").write_text("format = ")
    shutil.copytree(TOY, copy.parent / "other")
    found, (broken,) = catalog.read(copy.parents[1])
    assert [exercise.folder.name for exercise in found] == ["other"]
    assert broken.means("day9")
    assert broken.means("greeting")
    assert not broken.means("day1")


def test_an_exercise_is_found_by_id_number_and_slug() -> None:
    known = [load(TOY)]
    for word in ("day9.1", "9.1", "greeting"):
        assert catalog.find(word, known) == known[0]
    for word in ("day9", "9", "all", "9.1"):
        assert catalog.select(word, known) == known
    for word in ("day1", "day9.2", "", "."):
        with pytest.raises(Unknown):
            catalog.select(word, known)


def test_titles_are_read_without_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.course.titles.ROOT", TOY.parents[1])
    assert list(titles()) == [("day9.1", "A greeting")]


def test_hints_are_steps_on_behaviours() -> None:
    hints = texts.hints(TOY, "en")
    assert [topic.behaviours for topic in hints] == [("C1",), ("C2",)]
    assert hints[1].steps == ("In which language?", "Look at the environment.", "Read it once, at the start.")
    (two,) = texts.parse_hints("## C1, C3\n\n1. Why?\n2. `a`\n   goes on\n")
    assert (two.behaviours, two.steps) == (("C1", "C3"), ("Why?", "`a`\n   goes on"))


SPOKEN = """\
- for all
- [python] `with`
  goes on
- [go] `defer`
- [go, node] `{}`

## C1

1. Why?
2. [python] `a`
2. [go] `b`
"""


def test_an_item_speaks_to_those_who_write_its_language() -> None:
    assert texts.spoken_to("go", SPOKEN).startswith("- for all\n- `defer`\n- `{}`\n\n## C1\n\n1. Why?\n2. `b`")
    assert texts.spoken_to("python", SPOKEN).startswith("- for all\n- `with`\n  goes on\n\n## C1")
    assert "- Python: `with`\n  goes on\n- Go: `defer`\n- Go, Node: `{}`\n" in texts.spoken_to("java", SPOKEN)


@pytest.mark.parametrize(("tongue", "second"), [("go", "`b`"), ("java", "Python: `a`\nGo: `b`")])
def test_a_step_is_one_whomever_it_speaks_to(tongue: str, second: str) -> None:
    (topic,) = texts.parse_hints(texts.spoken_to(tongue, SPOKEN))
    assert topic.steps == ("Why?", second)
