from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli.app import app
from lab.cli.run.compare import _candidates as candidates
from lab.journal.comparison import LABELS, Figures
from lab.journal.curves import Point
from tests import toys


def lab(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    with toys.found():
        return subprocess.run(
            [sys.executable, "-m", "lab", *words],
            env={**os.environ, "LAB_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )


def test_each_value_of_a_setting_is_run_and_measured(tmp_path: Path) -> None:
    done = lab(tmp_path, "compare", "day9", "--vary", "lamps", "--for", "0.5s", "--svg", str(tmp_path / "lamps.svg"))
    assert done.returncode == 0, done.stderr
    head, units, *_ = done.stdout.splitlines()
    assert head.split() == ["lamps", "one", "lamps", "two"]
    assert units.split() == ["deploy", "units", "1", "2"]
    assert "lamps two is running" in done.stderr
    assert (tmp_path / "lamps.svg").read_text().startswith("<svg")


def test_a_scenario_is_played_only_with_what_it_is_made_for(tmp_path: Path) -> None:
    done = lab(tmp_path, "compare", "day9", "--vary", "lamps", "--scenario", "both")
    assert done.returncode != 0
    assert "nothing to compare with" in done.stderr


def test_another_setting_is_fixed_while_one_is_varied(tmp_path: Path) -> None:
    done = lab(tmp_path, "compare", "day9", "--vary", "lamps", "--dim", "--for", "0.5s", "--json")
    assert list(json.loads(done.stdout)) == ["lamps one", "lamps two"], done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("day9", "--vary", "lamps", "--lamps", "one"), "--lamps cannot be fixed and varied at once"),
        (("day9", "--vary", "lamps", "--compose", "batch"), "--compose is a setting of day2, not of day9"),
        (("day1", "day9", "--scenario", "crud"), 'day9 has no scenario "crud"'),
        (("day1", "day9", "--scenario", "curd"), 'there is no scenario "curd"'),
    ],
)
def test_what_cannot_be_compared_is_told_before_anything_runs(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    done = lab(tmp_path, "compare", *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert "is running" not in done.stderr


def test_a_picture_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    done = lab(tmp_path, "compare", "day9", "--vary", "lamps", "--svg", str(tmp_path / "none" / "lamps.svg"))
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
    assert "Next: mkdir -p " in done.stderr
    assert "is running" not in done.stderr


def test_figures_are_there_for_programs(tmp_path: Path) -> None:
    done = lab(tmp_path, "compare", "day9", "--vary", "dim", "--for", "0.5s", "--json")
    assert {name: one["units"] for name, one in json.loads(done.stdout).items()} == {"dim off": 1, "dim on": 1}


def test_what_there_is_to_run_is_listed(tmp_path: Path) -> None:
    told = lab(tmp_path, "days").stdout
    assert "day9  Ninth day: lights" in told
    assert "--lamps one|two  how many lamps there are" in told
    assert "Both lamps  (--lamps two)" in told
    assert "? How often is it lit?" in lab(tmp_path, "days", "day9").stdout
    (day,) = json.loads(lab(tmp_path, "days", "day9", "--json").stdout)
    assert [one["name"] for one in day["settings"]] == ["lamps", "dim", "without"]
    assert {one["name"]: len(one["questions"]) for one in day["scenarios"]}["restart"] == 2


def test_a_value_that_does_not_go_with_what_is_fixed_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    found = [one.name for one in candidates(["day4"], "strategy", None, {"without": "single-flight"})]
    assert "strategy cache-aside" in found
    assert "strategy none" not in found
    assert "left out: --without single-flight makes no sense with --strategy none" in capsys.readouterr().err


def test_curves_of_what_is_compared_are_drawn_together(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = Figures(**dict.fromkeys(LABELS, 1)), {"1 instance": [Point(4, 4.0, 10.0, 20.0, 0)]}
    monkeypatch.setattr("lab.cli.run.compare._run", lambda *_: measured)
    with toys.found():
        told = CliRunner().invoke(app, ["compare", "day9", "--vary", "lamps"]).stdout
        data = json.loads(CliRunner().invoke(app, ["compare", "day9", "--vary", "lamps", "--json"]).stdout)
    assert "answered in a second" in told
    assert "1 lamps one: 1 instance" in told
    assert "2 lamps two: 1 instance" in told
    assert list(data) == ["lamps one", "lamps two", "curves"]
    assert data["curves"]["lamps two: 1 instance"][0]["p95"] == 20.0


def test_scenarios_are_listed_in_the_order_in_which_they_lead_to_each_other(tmp_path: Path) -> None:
    (day,) = json.loads(lab(tmp_path, "days", "day2", "--json").stdout)
    assert [one["name"] for one in day["scenarios"]][:4] == ["crud", "isolation", "cascade", "n-plus-one"]
