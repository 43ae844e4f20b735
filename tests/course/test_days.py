from __future__ import annotations

from pathlib import Path

import pytest

from lab.course import days
from lab.faults import aim, timeline
from lab.faults.text import parse
from lab.system.validate import validate


def test_day_3_is_found_as_data() -> None:
    assert "day3" in days.names()
    assert days.find("day3").name == "day3"


def test_a_day_that_there_is_not_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        days.find("day99")


@pytest.mark.parametrize("day", days.names())
def test_a_day_is_valid_and_its_scenarios_hit_what_there_is(day: str) -> None:
    system = days.find(day)
    validate(system)
    folder = Path(system.scenarios or "")
    names = timeline.names(folder)
    assert "happy" in names, "a run without a choice plays this one"
    processes = {service.name for service in system.services} | {engine.name for engine in system.engines}
    for name in names:
        scenario = timeline.find(folder, name)
        assert scenario.steps, name
        for step in scenario.steps:
            if step.fault:
                aim.aimed(parse(step.fault), system)
            if step.act:
                assert step.act.split()[1] in processes
            assert len(step.say) <= 170, f"{name}: a line of narration is read while the system moves: {step.say}"


def test_day_3_has_the_scenarios_of_its_lesson_and_they_are_short() -> None:
    folder = Path(days.find("day3").scenarios or "")
    lengths = {name: timeline.find(folder, name).duration for name in timeline.names(folder)}
    assert lengths.keys() == {
        "happy",
        "declined-payment",
        "duplicate-delivery",
        "consumer-down",
        "poison-message",
        "broker-restart",
    }
    assert lengths["happy"] == 20
    assert max(lengths.values()) <= 45
