"""`lab cohort check` and `lab certificate`: what a teacher sees of a group, and what a learner can show."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import signal
from pathlib import Path

from tests.cli.learner import Learner
from tests.e2e.processes import alive
from tests.waiting import eventually


def test_a_group_is_graded_in_copies_and_told_as_a_table(tmp_path: Path, learner: Learner) -> None:
    learner.begin()
    learner("check")
    group = tmp_path / "group"
    shutil.copytree(learner.workspace, group / "ali")
    learner.solve()
    shutil.copytree(learner.workspace, group / "malika" / "week")
    (group / "broken").mkdir()
    (group / "broken" / "lab.toml").write_text("format = [")
    (group / "notes").mkdir()
    before = {path: path.read_bytes() for path in group.rglob("*") if path.is_file()}

    learner.cwd = tmp_path
    done = learner("cohort", "check", "group", "--seed", "7", "--csv", "g.csv", "--html", "g.html", "--jobs", "2")
    assert done.returncode == 1, done.stderr
    assert "3 learners, seed 7" in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[2:5]] == ["ali", "broken", "malika"]
    assert "broken day9.1: lab.toml has mistakes" in done.stdout
    assert "No name is a greeting too  1 learner" in done.stdout or "1 learner" in done.stdout
    with (tmp_path / "g.csv").open() as file:
        rows = {row["learner"]: row for row in csv.DictReader(file)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "ali": "failing",
        "broken": "broken",
        "malika": "passed",
    }
    assert (rows["ali"]["not_proved"], rows["ali"]["looks_like"], rows["ali"]["attempts"]) == (
        "C1",
        "forgets-the-name",
        "1",
    )
    assert "<td>malika</td>" in (tmp_path / "g.html").read_text()
    assert {path: path.read_bytes() for path in group.rglob("*") if path.is_file()} == before

    data = json.loads(learner("cohort", "check", "group", "9.1", "--json").stdout)
    assert data["misconceptions"] == [{"exercise": "day9.1", "name": "forgets-the-name", "learners": 1}]
    nobody = learner("cohort", "check", str(group / "notes"))
    assert nobody.returncode == 2
    assert "there is no workspace in" in nobody.stderr


def test_ctrl_c_breaks_the_gradings_of_a_group_off(tmp_path: Path, learner: Learner) -> None:
    learner.begin()
    learner.app.write_text(learner.app.read_text() + "\nimport time\ntime.sleep(300)\n")
    for name in ("ali", "malika", "olim"):
        shutil.copytree(learner.workspace, tmp_path / "group" / name)
    learner.cwd = tmp_path
    with learner.typed("cohort", "check", "group", "--jobs", "2") as process:
        eventually(lambda: alive(learner.processes()))
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 130
    eventually(lambda: not alive(learner.processes()))


def test_a_certificate_says_what_was_proved_with_a_digest_over_the_reports(learner: Learner) -> None:
    learner.begin()
    early = learner("certificate")
    assert early.returncode == 2
    assert "there is nothing to certify yet" in early.stderr
    learner("check")
    learner.solve()
    learner("check", "9.1", "--seed", "5")
    told = json.loads(learner("certificate", "--json", "--name", "Malika").stdout)
    (proof,) = told["proofs"]
    assert (proof["record"], proof["behaviours"], proof["seed"]) == ("0002-day9.1", ["C1", "C2"], 5)
    report = (learner.workspace / ".lab" / "records" / proof["record"] / "report.json").read_bytes()
    assert proof["sha256"] == hashlib.sha256(report).hexdigest()
    assert told["digest"] == hashlib.sha256(f"day9.1 {proof['sha256']}\n".encode()).hexdigest()
    written = learner("certificate", "--name", "Malika <K>")
    assert written.returncode == 0, written.stderr
    page = (learner.workspace / "certificate.html").read_text()
    assert "What Malika &lt;K&gt; has proved" in page
    assert told["digest"] in page
