"""`lab check --my-tests`: a learner's tests meet a correct service and wrong ones, and hear what they do not notice."""

from __future__ import annotations

import json
import shutil
import signal

import pytest

from lab.course.manifest import load
from lab.course.my_tests import Ended, Score, Tried
from lab.course.variants import Variant
from tests.cli.learner import Learner
from tests.course import TOY
from tests.e2e.processes import alive
from tests.waiting import eventually

TESTS = """
import os
import httpx

def test_the_name_comes_back():
    said = httpx.get(os.environ["GREETER_URL"] + "/greet/Lola").json()["greeting"]
    assert {expected}
"""


def test_tests_are_begun_with_an_example_and_graded_by_what_they_notice(learner: Learner) -> None:
    learner.begin()
    begun = learner("check", "9.1", "--my-tests")
    assert (begun.returncode, begun.stderr) == (1, "")
    assert "day9/9.1-greeting/tests/" in begun.stdout
    folder = learner.workspace / "day9" / "9.1-greeting" / "tests"
    example = folder / "test_service.py"
    assert 'SERVICE = os.environ["GREETER_URL"]' in example.read_text()

    first = learner("check", "9.1", "--my-tests")
    assert first.returncode == 1
    assert "C1   0 of 1 noticed" in first.stdout
    assert "unguarded: C1" in first.stdout

    example.write_text(TESTS.format(expected='"Lola" in said'))
    guarded = learner("check", "9.1", "--my-tests", "--json")
    assert guarded.returncode == 0, guarded.stderr
    found = json.loads(guarded.stdout)
    assert (found["good"], found["noticed"], found["possible"]) == (True, ["forgets-the-name"], 2)

    example.write_text(TESTS.format(expected='said == "Good morning"'))
    unjust = learner("check", "9.1", "--my-tests")
    assert unjust.returncode == 1
    assert "Your tests fail with a service that is correct" in unjust.stdout
    assert "Good morning" in unjust.stdout
    assert "noticed" not in unjust.stdout


def test_tests_whose_folder_is_gone_are_told_at_once(learner: Learner) -> None:
    learner.begin()
    learner("check", "9.1", "--my-tests")
    shutil.rmtree(learner.workspace / "day9" / "9.1-greeting" / "tests")
    gone = learner("check", "9.1", "--my-tests")
    assert gone.returncode == 2
    assert "there is no folder" in gone.stderr


def test_ctrl_c_ends_tests_that_go_on_for_ever(learner: Learner) -> None:
    learner.begin()
    learner("check", "9.1", "--my-tests")
    example = learner.workspace / "day9" / "9.1-greeting" / "tests" / "test_service.py"
    begun = learner.workspace / "begun"
    example.write_text(
        f"import pathlib, time\ndef test_it():\n    pathlib.Path({str(begun)!r}).touch()\n    time.sleep(300)\n"
    )
    with learner.typed("check", "9.1", "--my-tests") as process:
        eventually(begun.exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    eventually(lambda: not alive(learner.processes()))


@pytest.mark.parametrize(
    ("solution", "forgets", "english", "noticed", "unguarded", "good"),
    [
        ("passed", "failed", "failed", 2, [], True),
        ("passed", "failed", "passed", 1, [], True),  # C2 is gold
        ("passed", "passed", "failed", 1, ["C1"], False),
        ("passed", "late", "failed", 1, ["C1"], False),
        ("passed", "not run", "failed", 1, [], True),
        ("failed", "failed", "failed", 2, [], False),
        ("late", "failed", "failed", 2, [], False),
    ],
)
def test_tests_are_good_when_correct_services_pass_and_each_behaviour_is_guarded(
    solution: Ended, forgets: Ended, english: Ended, noticed: int, unguarded: list[str], good: bool
) -> None:
    tried = [
        (Variant("solution"), solution),
        (Variant("wrong", which="forgets-the-name"), forgets),
        (Variant("wrong", which="always-in-english"), english),
    ]
    score = Score(
        exercise=load(TOY), tried=tuple(Tried(variant=variant, ended=ended, seconds=1) for variant, ended in tried)
    )
    assert (len(score.noticed), score.unguarded, score.good) == (noticed, unguarded, good)
