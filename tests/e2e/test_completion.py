"""What the shell offers after <Tab>."""

from __future__ import annotations

import pytest

from lab.course import days
from tests.cli.recorded import record
from tests.e2e.processes import Lab


def offers(lab: Lab, line: str) -> list[str]:
    """The words that bash gets for `line`, whose last word is being typed."""
    words = line.split(" ")
    lab.env |= {"_LAB_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return lab().stdout.split()


def test_days_scenarios_and_fault_kinds_are_offered(lab: Lab) -> None:
    assert offers(lab, "lab run da") == days.names()
    assert "poison-message" in offers(lab, "lab run day3 --scenario ")
    assert offers(lab, "lab fault add lat") == ["latency"]
    assert "exit-codes" in offers(lab, "lab help ")


def test_exercises_and_misconceptions_are_offered(lab: Lab) -> None:
    assert "day5.3" in offers(lab, "lab start day5")
    assert {"day5", "day5.3"} <= set(offers(lab, "lab check day5"))
    assert offers(lab, "lab check al") == ["all"]
    assert "C4" in offers(lab, "lab check day5.3 --behaviour ")
    assert "no_jitter" in offers(lab, "lab explain no_j")


def test_runs_and_services_are_offered(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(lab.home))
    record()
    assert offers(lab, "lab replay 0") == ["0001-shop"]
    assert offers(lab, "lab logs --run 0001-shop pay") == ["payments"]
    assert offers(lab, "lab fault add --run 0001-shop latency orders") == ["orders:payments"]
    assert offers(lab, "lab fault add --run 0001-shop kill ") == ["orders", "payments"]


def test_nothing_is_offered_where_nothing_is_known(lab: Lab) -> None:
    assert offers(lab, "lab logs ") == []
    assert offers(lab, "lab fault heal ") == []
