"""What README promises in names and numbers is so; what it shows to type is understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from lab.cli import exits
from lab.cli.commands import COMMANDS
from lab.course import days
from lab.faults import scenario
from lab.journal.journal import PLENTY
from lab.runtime import runs

README = Path(__file__).parents[1].joinpath("README.md").read_text()
TEXT = " ".join(README.split())
TYPED = [
    found[1].strip()
    for line in re.findall(r"^    (.*)$", README, re.MULTILINE)
    for part in re.split(r" && | \| ", line.partition("  #")[0])
    if (found := re.match(r"(?:python3 .*&& )?(lab .*)$", part.strip()))
] + re.findall(r"`(lab [a-z][^`]*)`", README)


@pytest.mark.parametrize("typed", dict.fromkeys(TYPED))
def test_what_it_shows_to_type_is_understood(typed: str) -> None:
    _, name, *rest = shlex.split(typed)
    command = COMMANDS[name].load(name)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    command.make_context(name, rest)


def test_there_is_something_to_type() -> None:
    assert len(TYPED) > 40
    assert "lab run day3 --scenario duplicate-delivery" in TYPED


def test_its_scenarios_are_those_of_day_3() -> None:
    (told,) = re.findall(r"The scenarios are (.*?)\. The same seed", TEXT)
    folder = Path(days.system(days.find("day3")).scenarios or "")
    assert sorted(re.findall(r"`([\w-]+)`", told)) == scenario.names(folder)


def test_its_numbers_are_those_of_the_program() -> None:
    assert f"the last {runs.KEPT}, and for good those that you name" in TEXT
    assert f"After {PLENTY // 10**6} MB a run's journal keeps" in TEXT
    (told,) = re.findall(r"Exit codes: (.*?)\. See", TEXT)
    codes = [exits.OK, exits.FAILED, exits.USAGE, exits.MISSING, exits.INTERRUPTED]
    assert [int(code) for code in re.findall(r"\b(\d+) ", told)] == codes


def test_its_week_has_all_days() -> None:
    assert re.findall(r"\*\*\w+, `lab run (day\d)`:", TEXT) == sorted(days.names())
