"""A game day: what the seed breaks, what visitors had of it, and what holds all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.faults.catalogue import KINDS
from lab.journal.budget import budget, words
from lab.journal.event import Event, FaultChange, Note
from lab.journal.invariants import MONEY, invariants
from lab.journal.query import read
from tests.playing import play


def drilled(home: Path, *more: str) -> tuple[list[Event], str]:
    """The journal of a drill, and what it said at its end."""
    command = [sys.executable, "-m", "lab", "run", "day6", "--scenario", "drill", "--plain", *more]
    done = subprocess.run(
        command, env={**os.environ, "LAB_HOME": str(home)}, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    (journal,) = home.glob("runs/*/journal.ndjson")
    events = list(read(journal))
    assert not [one for one in events if isinstance(one, Note) and one.topic == "scenario" and one.level != "info"]
    return events, done.stdout


def test_a_drill_breaks_something_of_each_sort_and_the_shop_keeps_what_it_promised(tmp_path: Path) -> None:
    events, said = drilled(tmp_path)
    begun = [one for one in events if isinstance(one, FaultChange) and one.change == "added"]
    ended = {one.id for one in events if isinstance(one, FaultChange) and one.change in ("healed", "expired")}
    assert len({one.fault for one in begun}) == len(begun) == 4
    assert {one.id for one in begun if not KINDS[one.fault].instant} <= ended

    costs = {one.text: one for one in budget(events).faults}
    assert costs["kill gateway"].failed > 0, "who has no way in notices"
    assert costs["blackhole orders->legacy for 4s"].failed > 0, "nobody else can place orders"
    assert costs["refuse users->broker for 4s"].failed == 0, "what is to be told waits in the outbox"

    verdicts = invariants(events).verdicts()
    assert len(verdicts) == 7
    assert all(one.holds and not one.owed and one.checked for one in verdicts), verdicts

    answers = [one.data["seen"] for one in events if isinstance(one, Note) and one.topic == "answer"]
    assert answers[0] == "yes"
    assert 2 <= answers[1] <= 4
    assert answers[2] == 0
    for line in (words(budget(events)), "no order is lost", "kill gateway", "no money is unaccounted"):
        assert line in said


def test_over_kafka_it_keeps_it_as_well(tmp_path: Path) -> None:
    pytest.importorskip("confluent_kafka")
    events, _ = drilled(tmp_path, "--broker", "kafka", "--seed", "4")
    assert len(budget(events).faults) == 4
    verdicts = invariants(events).verdicts()
    assert all(one.holds and not one.owed for one in verdicts), verdicts


@pytest.mark.parametrize("naive", ["off", "on"])
def test_a_shop_that_loses_updates_breaks_an_invariant_and_the_journal_shows_it(tmp_path: Path, naive: str) -> None:
    chosen = {"naive": "on"} if naive == "on" else {}
    played = play(tmp_path, "day1", "one-transaction", shape="monolith", **chosen)
    (money,) = [one for one in invariants(played.events).verdicts() if one.name == MONEY]
    assert money.holds is (naive == "off"), money
