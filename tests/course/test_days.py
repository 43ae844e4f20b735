from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from pkgutil import resolve_name
from string import Formatter

import pytest

from lab.cli import refusals
from lab.course import days, systems
from lab.course.day import Day
from lab.faults import aim
from lab.faults import scenario as scenarios
from lab.faults.text import parse
from lab.faults.timeline import Cue, Scenario, fitted
from lab.journal.window import window
from lab.locale import LANGUAGES
from lab.system.model import System
from lab.system.refusal import Refusal, Unknown
from lab.system.validate import validate
from tests import toys


def system(day: str) -> System:
    return days.system(days.find(day))


def test_day_3_is_found_as_data() -> None:
    assert "day3" in days.names()
    assert days.find("day3").name == system("day3").name == "day3"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("monday", r"Did you mean day1\?"),
        ("Chorshanba", r"Did you mean day3\?"),
        ("microservices", r"Did you mean day2\?"),
        ("4", r"Did you mean day4\?"),
        ("day05", r"Did you mean day5\?"),
        ("day77", "There are: day1, day2"),
        ("holiday", "There are: day1, day2"),
    ],
)
def test_a_day_that_there_is_not_is_told_with_the_one_that_was_meant_or_all(word: str, told: str) -> None:
    with pytest.raises(Unknown, match=f'no day "{word}"\n{told}'):
        days.find(word)


def test_a_day_is_one_folder(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = days.names()
    with toys.found():
        day = days.find("day9")
        assert days.names()[-2:] == [*before[-1:], "day9"]
        assert day.title["uz"] == "To‘qqizinchi kun: chiroqlar"
        assert sorted(day.lesson) == ["en", "uz"]
        usual, two = days.system(day), days.system(day, {"lamps": "two"})
        assert (usual.title, two.title) == ("Ninth day: lights", "Two lamps")
        assert usual.panels_shown == two.panels_shown == ("processes", "logs")
        assert two.settings == {"lamps": "two", "dim": "off", "without": ""}
        for words, told in (
            ((), ("lamp is lit brightly, without 0",)),
            (("--lamps", "two", "--dim"), ("left is lit dimly", "right is lit dimly")),
            (("--without", "fuse, switch"), ("lamp is lit brightly, without 2",)),
        ):
            command = [sys.executable, "-m", "lab", "run", "day9", *words, "--json", "--for", "1s"]
            subprocess.run(command, env={**os.environ, "LAB_HOME": str(tmp_path)}, timeout=60, check=True)
            shown = capfd.readouterr().out
            assert all(line in shown for line in told), shown


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"lamp": "two"}, 'there is no setting "lamp"\nDid you mean lamps?'),
        ({"lamps": "twoo"}, 'there is no value "twoo"\nDid you mean two?'),
        ({"without": "fuse,swich"}, 'there is no value "swich"\nDid you mean switch?'),
        ({"dim": "on", "without": "switch"}, "a lamp without a switch cannot be dimmed"),
    ],
)
def test_what_a_day_cannot_be_set_to_is_told(chosen: dict[str, str], told: str) -> None:
    with toys.found(), pytest.raises(Refusal) as caught:
        days.system(days.find("day9"), chosen)
    assert str(caught.value).startswith(told)


def test_a_scenario_is_played_with_the_settings_that_it_is_made_for() -> None:
    with toys.found():
        assert systems.find("day9", played="both").settings["lamps"] == "two"
        assert systems.find("day9", {"dim": "on"}, "both").settings["dim"] == "on"
        with pytest.raises(Refusal, match="both cannot be played with --lamps one\nIt is made for two"):
            systems.find("day9", {"lamps": "one"}, "both")


def test_what_a_scenario_needs_of_several_joins_what_was_chosen() -> None:
    assert systems.find("day5", played="retry-storm").settings["without"] == "breaker"
    chosen = {"without": "retry-budget, breaker"}
    assert systems.find("day5", chosen, "retry-storm").settings["without"] == "breaker,retry-budget"


def test_a_setting_of_another_day_is_told_as_such() -> None:
    told = "--shape is a setting of day1, day4, not of day2\nThere are: .*contract"
    with pytest.raises(days.NotItsSetting, match=told):
        days.system(days.find("day2"), {"shape": "both"})
    with pytest.raises(days.NotItsSetting, match="not of day3"):
        days.system(days.find("day3"), {"shape": "both"})


@pytest.mark.parametrize(
    ("chosen", "told", "mended"),
    [
        (
            {"strategy": "none", "without": "negative"},
            "--without negative makes no sense with --strategy none\nIt goes with --strategy cache-aside|read-through|",
            {"without": "negative"},
        ),
        (
            {"strategy": "write-through", "invalidate": "before", "workers": "one"},
            "--invalidate before makes no sense with --strategy write-through\nIt goes with --strategy cache-aside.",
            {"invalidate": "before", "workers": "one"},
        ),
    ],
)
def test_settings_that_make_no_sense_together_are_refused_with_what_would(
    chosen: dict[str, str], told: str, mended: dict[str, str]
) -> None:
    day = days.find("day4")
    with pytest.raises(days.NotTogether) as caught:
        days.system(day, chosen)
    assert str(caught.value).startswith(told)
    assert caught.value.chosen == mended
    assert days.system(day, mended).settings["strategy"] == "cache-aside"
    failure = refusals.failure(caught.value)
    assert failure is not None
    assert failure.next == "lab run day4 " + " ".join(f"--{name} {text}" for name, text in mended.items())


def test_what_a_scenario_is_made_for_counts_before_what_goes_together() -> None:
    with pytest.raises(systems.OtherSetting, match="redis-frozen cannot be played with --strategy none"):
        systems.find("day4", {"strategy": "none", "redis-client": "default"}, "redis-frozen")


def test_what_a_setting_needs_is_something_that_there_is(tmp_path: Path) -> None:
    (tmp_path / "day.toml").write_text(
        'format = 1\ntitle = { en = "x", uz = "x" }\nabout = { en = "x", uz = "x" }\n'
        '[settings.lamps]\nvalues = ["one", "two"]\nabout = { en = "x", uz = "x" }\n'
        '[settings.dim]\nabout = { en = "x", uz = "x" }\nneeds = { lamps = ["three"], fuse = ["on"] }\n'
    )
    with pytest.raises(days.InvalidDay) as caught:
        days.load(tmp_path)
    assert list(caught.value.problems) == [
        '[settings.dim] needs: there is no value "three"',
        '[settings.dim] needs: there is no setting "fuse"',
    ]


def test_what_is_wrong_in_a_days_file_is_told_in_place(tmp_path: Path) -> None:
    (tmp_path / "day.toml").write_text(
        'format = 2\nsettings = { One = { several = true } }\ntitel = 1\n[about]\nen = "x"\nuz = "y"\n'
    )
    (tmp_path / "lesson.en.md").touch()
    with pytest.raises(days.InvalidDay) as caught:
        days.load(tmp_path)
    assert list(caught.value.problems) == [
        'titel: no such key; did you mean "title"?',
        "format: 2 is unknown; this lab reads 1",
        "[settings.One]: 'One' is no word of small letters, digits and dashes",
        "[settings.One] several: several of no values",
        "[settings.One] about.en: missing",
        "[settings.One] about.uz: missing",
        "lesson.uz.md: missing",
        "title.en: missing",
        "title.uz: missing",
    ]


@pytest.mark.parametrize("spoken", LANGUAGES)
@pytest.mark.parametrize("day", days.names())
def test_what_is_told_while_the_system_moves_is_short(day: str, spoken: str) -> None:
    for path in sorted(Path(system(day).scenarios or "").glob("*.toml")):
        for step in tomllib.loads(path.read_text(encoding="utf-8"))["step"]:
            said = step["say"][spoken]
            assert len(said) <= 170, f"{path.name}: {len(said)} characters: {said}"


@pytest.mark.parametrize("day", days.names())
def test_a_day_is_valid_and_its_scenarios_hit_what_there_is(day: str) -> None:
    usual = system(day)
    folder = Path(usual.scenarios or "")
    names = scenarios.names(folder)
    assert usual.first in names, "a run without a screen plays this one"
    for name in names:
        scenario = scenarios.find(folder, name)
        assert scenario.steps, name
        for settings in _ways(days.find(day), scenario):
            shown = systems.find(day, settings, name)
            validate(shown)
            for step in fitted(scenario, shown.settings).steps:
                _can_be_done(step, shown)
        for step in scenario.steps:
            asked = step.ask
            said = [step.say, asked.because] if asked else [step.say]
            for measure in {named for text in said for named in _named(text)} | ({asked.answer} if asked else set()):
                of_nothing = resolve_name(f"{usual.measures}:{measure}")(window(usual, (), 0.0, 1.0))
                assert isinstance(of_nothing, str | float | int), f"{name}: {measure}"
                if asked and asked.choices and measure == asked.answer:
                    assert of_nothing in asked.choices
        assert any(step.ask for step in scenario.steps), f"{name} asks nothing"


def _ways(day: Day, scenario: Scenario) -> Iterator[dict[str, str]]:
    """Every way in which the scenario may be played: what it is made for, and what its steps tell apart."""
    apart = {name: values for step in scenario.steps for name, values in step.only.items()}
    for name, values in apart.items():
        assert set(values) <= set(day.settings[name].values), f"{scenario.name}: {name}"
    settings = {**{name: day.settings[name].values for name in apart}, **scenario.settings}
    for values in product(*settings.values()):
        yield dict(zip(settings, values, strict=True))


def _can_be_done(step: Cue, shown: System) -> None:
    processes = {name for service in shown.services for name in (service.name, *service.instances)}
    processes |= {engine.name for engine in shown.engines}
    for fault in filter(None, (step.fault, *step.hidden)):
        aim.aimed(parse(fault), shown)
    if step.act:
        assert step.act.split()[1] in processes
    if step.scale:
        service = shown.service(step.scale[0])
        assert service is not None
        assert service.replicas is not None
    if step.send:
        assert step.send[0] in {journey.name for journey in shown.journeys}


def _named(text: str) -> list[str]:
    """The measures that a text names."""
    return [name for _, name, _, _ in Formatter().parse(text) if name]


def test_day_3_has_the_scenarios_of_its_lesson_and_they_are_short() -> None:
    folder = Path(system("day3").scenarios or "")
    played, name = [], "happy"
    while name:
        played.append(name)
        name = scenarios.find(folder, name).next
    assert sorted(played) == scenarios.names(folder), "each leads to the next"
    lengths = {name: scenarios.find(folder, name).duration for name in scenarios.names(folder)}
    assert lengths.keys() == {
        "happy",
        "declined-payment",
        "duplicate-delivery",
        "consumer-down",
        "poison-message",
        "broker-restart",
        "out-of-order",
        "orchestrator-dies",
        "rebalance",
    }
    assert lengths["happy"] == 20
    assert max(lengths.values()) <= 60
