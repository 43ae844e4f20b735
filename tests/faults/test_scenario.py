from __future__ import annotations

from pathlib import Path

import pytest

from lab.faults.scenario import InvalidScenario, find, load, names
from lab.faults.timeline import Cue, Scenario, fitted
from lab.locale import speaking

GOOD = """
title = "Trouble"
duration = 30
rate = 4

[[step]]
at = 0
say = "Watch."

[[step]]
at = 5.5
say = "Now."
fault = "latency orders->payments 300ms"
act = "restart broker"

[[step]]
at = 20
say = "Over."
heal = "latency"
rate = 10
"""


def write(folder: Path, text: str, name: str = "trouble") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_a_file_is_a_scenario(tmp_path: Path) -> None:
    assert load(write(tmp_path, GOOD)) == Scenario(
        name="trouble",
        title="Trouble",
        duration=30,
        rate=4,
        steps=(
            Cue(at=0, say="Watch."),
            Cue(at=5.5, say="Now.", fault="latency orders->payments 300ms", act="restart broker"),
            Cue(at=20, say="Over.", heal="latency", rate=10),
        ),
    )


def test_a_restart_may_bring_variables(tmp_path: Path) -> None:
    text = 'title = "T"\nduration = 9\n[[step]]\nat = 1\nsay = "s"\nact = "restart users-1 VERSION=2 NEW="\n'
    assert load(write(tmp_path, text)).steps[0].act == "restart users-1 VERSION=2 NEW="


def test_a_step_is_left_out_where_what_it_is_made_with_was_not_chosen(tmp_path: Path) -> None:
    both = """title = "T"\nduration = 9
[[step]]\nat = 1\nsay = "a call"\nonly = { transport = ["rest", "grpc"] }
[[step]]\nat = 1\nsay = "a message"\nonly = { transport = "broker", without = ["jitter"] }
[[step]]\nat = 2\nsay = "always"
"""
    scenario = load(write(tmp_path, both))

    def said(**settings: str) -> list[str]:
        return [step.say for step in fitted(scenario, settings).steps]

    assert said(transport="grpc") == ["a call", "always"]
    assert said(transport="broker", without="breaker,jitter") == ["a message", "always"]
    assert said(transport="broker", without="breaker") == ["always"]
    assert said() == ["always"]
    with pytest.raises(InvalidScenario, match=r"\[\[step\]\] 1 only transport: expected a list of strings"):
        load(write(tmp_path, both.replace('["rest", "grpc"]', "3")))


def test_a_step_may_scale_a_service(tmp_path: Path) -> None:
    text = 'title = "T"\nduration = 9\n[[step]]\nat = 1\nsay = "s"\nscale = "{}"\n'
    step = load(write(tmp_path, text.format("catalog 3"))).steps[0]
    assert step.scale == ("catalog", 3)
    assert step.disturbs
    for wrong in ("catalog", "catalog 0", "catalog three"):
        with pytest.raises(InvalidScenario, match="catalog 3"):
            load(write(tmp_path, text.format(wrong)))


def test_a_scenario_says_which_comes_next(tmp_path: Path) -> None:
    path = write(tmp_path, 'next = "happy"' + GOOD)
    with pytest.raises(InvalidScenario, match=r'trouble.toml: next: there is no scenario "happy"'):
        load(path)
    write(tmp_path, GOOD, "happy")
    assert load(path).next == "happy"


def test_a_scenario_is_found_by_name_or_what_comes_close(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, "happy")
    assert names(tmp_path) == ["happy", "trouble"]
    assert find(tmp_path, "trouble").title == "Trouble"
    with pytest.raises(InvalidScenario, match='there is no scenario "hapy"; did you mean "happy"'):
        find(tmp_path, "hapy")
    with pytest.raises(InvalidScenario, match="there are happy, trouble"):
        find(tmp_path, "zzz")


def test_what_is_said_may_be_there_in_each_language(tmp_path: Path) -> None:
    both = GOOD.replace('title = "Trouble"', 'title.en = "Trouble"\ntitle.uz = "Balo"')
    both = both.replace('say = "Watch."', 'say.en = "Watch."\nsay.uz = "Kuzating."')
    path = write(tmp_path, both)
    assert load(path).title == "Trouble"
    with speaking("uz"):
        assert load(path).title == "Balo"
        assert [step.say for step in load(path).steps] == ["Kuzating.", "Now.", "Over."]


STEP = 'title = "T"\nduration = 10\n[[step]]\nat = 1\nsay = "s"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "trouble.toml: "),
        ("duration = 10", "trouble.toml: title: missing"),
        ('title = "T"', "trouble.toml: duration: missing"),
        ('title = ""\nduration = 10', "trouble.toml: title: missing"),
        ('title = "T"\nduration = -1', "trouble.toml: duration: expected a number that is not negative"),
        ('title = "T"\nduration = true', "trouble.toml: duration: expected a number, got true or false"),
        ('title = "T"\nduration = 10\nlenght = 3', "lenght: no such key"),
        ('title = "T"\nduration = 10\nstep = 3', "trouble.toml: step: expected a list of tables, got a whole number"),
        ('title = "T"\nduration = 10\n[[step]]\nat = 1', "trouble.toml: [[step]] 1 say: missing"),
        (STEP + 'fualt = "kill x"', '[[step]] 1 fualt: no such key; did you mean "fault"?'),
        (STEP + 'fault = "latencey a->b"', "[[step]] 1 fault: 'latencey' is not a fault"),
        (STEP + 'hidden = "kill x"', "[[step]] 1 hidden: expected a list of strings"),
        (STEP + 'hidden = ["freeze x", "kill x"]', "[[step]] 1 hidden: kill cannot be hidden: the process shows it"),
        (STEP + 'hidden = ["latencey a->b"]', "[[step]] 1 hidden: 'latencey' is not a fault"),
        (STEP + 'act = "restart"', "[[step]] 1 act: expected kill | terminate"),
        (STEP + 'act = "explode broker"', "[[step]] 1 act: expected kill | terminate"),
        (STEP + 'act = "restart users version"', "[[step]] 1 act: expected kill | terminate"),
        (STEP + 'act = "kill users VERSION=2"', "[[step]] 1 act: expected kill | terminate"),
        (STEP + '[[step]]\nat = 0.5\nsay = "s"', "[[step]] 2 at: 0.5 is before that of the step above it (1)"),
        (STEP + '[[step]]\nat = 11\nsay = "s"', "[[step]] 2 at: 11 is after the end (10)"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidScenario) as error:
        load(write(tmp_path, text))
    assert message in str(error.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidScenario) as error:
        load(write(tmp_path, 'duration = 10\n[[step]]\nat = "1"\nsay = "s"\n[[step]]\nat = 11\nact = "restart"\n'))
    assert str(error.value).splitlines() == [
        "trouble.toml: [[step]] 1 at: expected a number, got a string",
        "trouble.toml: [[step]] 2 say: missing",
        "trouble.toml: [[step]] 2 act: expected kill | terminate | freeze | thaw | restart and a name, not 'restart'",
        "trouble.toml: [[step]] 2 at: 11 is after the end (10)",
        "trouble.toml: title: missing",
    ]


def test_one_of_several_faults_may_be_hidden_and_each_answer_may_have_its_reason(tmp_path: Path) -> None:
    choice = '[[step.ask.choice]]\nis = "{0}"\nen = "{0}!"\nuz = "{0}!"\n'
    ask = '[step.ask]\nen = "Which?"\nuz = "Qaysi?"\nanswer = "culprit"\nbecause = "So it is."\n'
    path = write(
        tmp_path,
        STEP
        + 'hidden = ["freeze a", "latency a->b 1s"]\n[[step]]\nat = 5\nsay = "s"\nreveal = true\n'
        + ask
        + choice.format("freeze a")
        + 'because.en = "It stood still."\n'
        + choice.format("latency a->b"),
    )
    hides, reveals = load(path).steps
    assert hides.hidden == ("freeze a", "latency a->b 1s")
    assert reveals.reveal
    assert reveals.ask is not None
    assert reveals.ask.reasons == {"freeze a": "It stood still."}
