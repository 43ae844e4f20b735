"""`lab check`, `watch`, `try` and `dev check` on real processes, as a learner and an author meet them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

import psutil

from tests.cli.learner import Learner
from tests.e2e.processes import alive
from tests.waiting import eventually


def until(process: subprocess.Popen[str], words: str) -> str:
    """What the command prints up to the line with these words."""
    assert process.stdout
    told = ""
    for line in process.stdout:
        told += line
        if words in line:
            return told
    raise AssertionError(f"it ended without {words!r}:\n{told}")


def interrupted(learner: Learner, process: subprocess.Popen[str]) -> None:
    """Ctrl-C ends the command with nothing left."""
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    eventually(lambda: not alive(learner.processes()))


def test_from_the_starters_failure_to_a_pass(learner: Learner) -> None:
    learner.begin()
    failed = learner("check")
    assert failed.returncode == 1, failed.stderr
    assert "day9.1 C1" in failed.stdout
    assert "lab explain forgets-the-name" in failed.stdout
    seed = re.search(r"seed (\d+)", failed.stdout)
    assert seed
    learner.solve()
    passed = learner("check", "9.1", "--seed", seed[1], "--junit", "report.xml", "--html", "report.html")
    assert passed.returncode == 0, passed.stdout
    assert f"seed {seed[1]}" in passed.stdout
    assert re.search(r"letters of a greeting, lower is better +\d+ +\d+ +12", passed.stdout)
    assert "“letters of a greeting” and “warmth of a greeting” pull against each other" in passed.stdout
    suite = ElementTree.parse(learner.workspace / "report.xml").getroot()
    assert len(list(suite.iter("testcase"))) == 2
    assert "<html" in (learner.workspace / "report.html").read_text()
    (one, two) = sorted((learner.workspace / ".lab" / "records").iterdir())
    assert json.loads((one / "report.json").read_text())["passed"] is False
    assert json.loads((two / "report.json").read_text())["passed"] is True
    status = json.loads(learner("status", "--json").stdout)["exercises"][0]
    assert (status["passed"], status["attempts"]) == (True, 2)


def test_faults_that_cannot_be_played_are_refused_before_anything_starts(learner: Learner) -> None:
    learner.begin()
    schedule = learner.workspace / "storm.txt"
    schedule.write_text("# a storm\nat 2s: kill greeter\nat 3s: kill nobody\n")
    unknown = learner("check", "9.1", "--schedule", str(schedule))
    assert unknown.returncode == 2
    assert "at 3s: kill nobody" in " ".join(unknown.stderr.split())
    schedule.write_text("kill greeter\n")
    assert "line 1" in learner("check", "9.1", "--schedule", str(schedule)).stderr
    assert "2,5 or none" in " ".join(learner("check", "9.1", "--faults", "x").stderr.split())
    schedule.write_text("at 2s: kill greeter\n")
    assert "no fault 2" in learner("check", "9.1", "--schedule", str(schedule), "--faults", "2").stderr


def test_two_gradings_are_put_beside_each_other(learner: Learner) -> None:
    learner.begin()
    nothing = learner("diff", "9.1")
    assert nothing.returncode == 2
    assert "there are no two gradings of day9.1" in nothing.stderr
    learner("check", "--seed", "1")
    learner.solve()
    learner("check", "--seed", "2")
    told = learner("diff").stdout
    assert told.startswith("0001-day9.1 (seed 1, not passed) → 0002-day9.1 (seed 2, passed)")
    assert "C1  FAIL → PASS  Whoever says their name is greeted by it." in told
    assert re.search(r"client->greeter +GET /greet/… +1 +2", told)
    assert "+++ 0002-day9.1/greeter/greeter/app.py" in told
    learner("check", "9.1", "--seed", "3")
    same = learner("diff")
    assert "No behaviour has changed." in same.stdout
    assert "Your code is the same." in same.stdout
    found = json.loads(learner("diff", "1", "3", "--json").stdout)
    assert (found["before"], found["after"]) == ("0001-day9.1", "0003-day9.1")
    assert {"id": "C1", "before": "fail", "after": "pass"} in found["behaviours"]
    runs = [one["id"] for one in json.loads(learner("runs", "--json").stdout)["runs"]]
    beside = learner("diff", runs[0], runs[1])
    assert beside.returncode == 0, beside.stderr
    assert "visitors' requests" in beside.stdout
    assert learner("diff", "1", "9").returncode == 2


def test_ctrl_c_breaks_off_all_shares_of_a_grading(learner: Learner) -> None:
    learner.begin()
    learner.app.write_text(learner.app.read_text() + "\nimport time\ntime.sleep(300)\n")
    records = learner.workspace / ".lab" / "records" / "0001-day9.1"
    records.mkdir(parents=True)
    slow: list[dict[str, object]] = [
        {"behaviour": ident, "gold": False, "verdict": "pass", "seconds": 9.0, "says": {}} for ident in ("C1", "C2")
    ]
    told = {"schema": 1, "exercise": "day9.1", "title": {}, "seed": 1, "started_at": "", "seconds": 9.0}
    (records / "report.json").write_text(json.dumps({**told, "findings": slow}))
    (records / "attempt.json").write_text(json.dumps({"code": "", "whole": True}))
    with learner.typed("check", "9.1") as process:
        eventually(lambda: len(list((learner.home / "runs").glob("*"))) == 2)
        interrupted(learner, process)


def test_several_runs_say_how_stable_it_is_and_json_is_for_programs(learner: Learner) -> None:
    learner.begin()
    learner.solve()
    ran = learner("check", "9.1", "--runs", "2", "--seed", "7")
    assert ran.returncode == 0, ran.stdout
    assert "2/2" in ran.stdout or "2 of 2" in ran.stdout
    only = learner("check", "--behaviour", "C1", "--json", "--seed", "7", "day9.1")
    (report,) = json.loads(only.stdout)["reports"]
    assert [finding["behaviour"] for finding in report["findings"]] == ["C1"]
    assert report["left_out"] == ["C2"]
    assert report["seed"] == 7
    assert json.loads(learner("status", "--json").stdout)["exercises"][0]["attempts"] == 2


def test_a_report_that_cannot_be_written_is_refused_before_the_grading(learner: Learner) -> None:
    learner.begin()
    refused = learner("check", "--html", "nowhere/report.html")
    assert refused.returncode == 2
    assert "nowhere/report.html cannot be written" in refused.stderr
    assert not list((learner.workspace / ".lab").glob("records/*"))


def test_a_service_that_dies_at_its_start_is_not_passed(learner: Learner) -> None:
    learner.begin()
    learner.app.write_text("raise SystemExit('no config')\n")
    ran = learner("check")
    assert ran.returncode == 1
    assert "never became healthy" in ran.stdout
    assert "no config" in ran.stdout


def test_interrupting_a_grading_leaves_nothing(learner: Learner) -> None:
    learner.begin()
    learner.app.write_text("import time\ntime.sleep(600)\n")
    with learner.typed("check") as process:
        eventually(lambda: alive(learner.processes()), 60)
        interrupted(learner, process)


def test_each_save_is_graded(learner: Learner) -> None:
    learner.begin()
    with learner.typed("watch") as process:
        assert "FAIL" in until(process, "waiting for you to save")
        learner.solve()
        (learner.app.parent / "__pycache__").mkdir(exist_ok=True)
        assert "PASSED" in until(process, "waiting for you to save")
        interrupted(learner, process)


def test_services_can_be_tried_by_hand(learner: Learner) -> None:
    learner.begin()
    learner.solve()
    with learner.typed("try") as process:
        told = until(process, "Ctrl-C ends it")
        url = re.search(r"curl -i (http://\S+/greet/1)", told)
        assert url
        with urllib.request.urlopen(url[1], timeout=10) as answer:
            assert json.load(answer) == {"greeting": "Salom, 1!"}
        assert "GET /greet/1" in until(process, "GET /greet/1")
        interrupted(learner, process)


def test_a_build_that_fails_is_told_with_its_last_words(learner: Learner) -> None:
    learner.begin()
    manifest = learner.workspace / "lab.toml"
    manifest.write_text(manifest.read_text().replace("run = ", 'build = "echo no compiler here >&2; exit 3"\nrun = '))
    for words in (["try"], ["check"]):
        ran = learner(*words)
        assert ran.returncode == 1
        assert "`echo no compiler here >&2; exit 3` ended with code 3" in ran.stdout + ran.stderr
        assert "  no compiler here" in ran.stdout + ran.stderr


def test_the_author_gate_proves_the_toy(learner: Learner) -> None:
    ran = learner("dev", "check", "--seeds", "1", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (row,) = json.loads(ran.stdout)["rows"]
    assert (row["must"], row["gold"], row["wrong"], row["caught"], row["holes"]) == (1, 1, 2, 2, [])
    assert "day9.1 wrong/forgets-the-name, seed 1: as it should be" in ran.stderr
    assert not list(Path(__file__).parents[1].glob("course/toy/**/__pycache__/app*"))


def test_interrupting_the_gate_leaves_nothing(learner: Learner) -> None:
    with learner.typed("dev", "check", "--seeds", "9") as process:
        until(process, "day9.1 solution, seed 1")
        started = psutil.Process(process.pid).children(recursive=True)
        interrupted(learner, process)
        eventually(lambda: not alive(started))


def test_a_gate_that_is_killed_leaves_nothing(learner: Learner) -> None:
    with learner.typed("dev", "check", "--seeds", "9") as process:
        until(process, "day9.1 solution, seed 1")
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
        process.kill()
        eventually(lambda: not alive([*started, *learner.processes()]), 30)


def test_one_stored_program_is_graded_with_its_report(learner: Learner) -> None:
    ran = learner("dev", "check", "day9.1", "--wrong", "forgets-the-name", "--behaviour", "C1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "a greeting of guest-" in ran.stdout


def test_a_right_service_is_graded_like_the_solution(learner: Learner) -> None:
    ran = learner("dev", "check", "day9.1", "--right", "stdlib")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("  PASS  ") == 2


def test_a_day_without_a_service_of_the_learners_is_refused(learner: Learner) -> None:
    learner.begin()
    refused = learner("run", "day3", "--mine", "--plain", "--for", "1s")
    assert refused.returncode == 2
    assert "you have not written any service of day3 yet" in refused.stderr
