"""`lab attack`: a learner breaks a flawed service with faults of their own, and then tries them on their own."""

from __future__ import annotations

import json
import signal

import pytest

from tests.cli.learner import Learner
from tests.e2e.processes import alive
from tests.waiting import eventually

FAULT = "at 100ms: freeze greeter for 300ms\n"


def test_an_attack_is_begun_and_played(learner: Learner) -> None:
    learner.begin()
    listed = learner("attack")
    assert "9.1" in listed.stdout
    assert "lab attack 9.1" in listed.stdout

    begun = learner("attack", "9.1")
    assert (begun.returncode, begun.stderr) == (1, "")
    assert "This greeter greets everybody." in begun.stdout
    file = learner.workspace / "attacks" / "day9.1.txt"
    file.write_text(file.read_text() + FAULT)

    told = learner("attack", "9.1")
    assert told.returncode == 0, told.stderr
    assert FAULT.strip() in told.stdout
    assert "the service with the flaw 100.0 %" in told.stdout  # it forgets every name, fault or not
    assert "lab check 9.1 --my-attack" in told.stdout


def test_the_best_attack_becomes_a_check_of_the_learners_own_service(learner: Learner) -> None:
    learner.begin()
    early = learner("check", "9.1", "--my-attack")
    assert early.returncode == 2
    assert "Next: lab attack 9.1" in early.stderr

    learner("attack", "9.1")
    (learner.workspace / "attacks" / "day9.1.txt").write_text(FAULT)
    played = learner("attack", "9.1", "--json")
    assert played.returncode == 0, played.stderr
    found = json.loads(played.stdout)
    assert (found["schedule"], found["spoilt"], found["shows"]) == ([FAULT.strip()], 100, True)
    assert found["score"] == round(found["damage"]) == round(100 - found["ours"])

    withstood = learner("check", "9.1", "--my-attack")
    assert withstood.returncode == 1  # the starter greets nobody
    assert "It does not withstand your attack." in withstood.stdout
    assert "20 of 20 were spoilt" in withstood.stdout


def test_a_friends_service_is_attacked_where_it_is(learner: Learner) -> None:
    learner.begin()
    learner("attack", "9.1")
    (learner.workspace / "attacks" / "day9.1.txt").write_text(FAULT)
    friend = learner("attack", "9.1", "--against", str(learner.workspace), "--json")
    assert json.loads(friend.stdout)["spoilt"] == 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There is no fault in it."),
        ("later\n", "line 1: expected a second and a fault"),
        ("at 1s: freeze nobody for 1s\n", "nobody"),
        ("at 1s: freeze client->greeter\n", "greeter"),
        ("at 1s: latency client->greeter 300ms for 500ms\n", "only greeter may be hit"),
        ("at 1900ms: freeze greeter for 300ms\n", "it is not over after 2 s"),
        (3 * FAULT, "There are 3 faults in it; 2 are allowed."),
    ],
)
def test_what_an_attack_does_not_allow_is_told(learner: Learner, text: str, said: str) -> None:
    learner.begin()
    learner("attack", "9.1")
    (learner.workspace / "attacks" / "day9.1.txt").write_text(text)
    refused = learner("attack", "9.1")
    assert refused.returncode == 2
    assert "attacks/day9.1.txt cannot be played" in refused.stderr
    assert said in refused.stderr


def test_an_attack_can_be_broken_off(learner: Learner) -> None:
    learner.begin()
    learner("attack", "9.1")
    (learner.workspace / "attacks" / "day9.1.txt").write_text(FAULT)
    with learner.typed("attack", "9.1") as process:
        eventually(lambda: alive(learner.processes()))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    eventually(lambda: not alive(learner.processes()))
