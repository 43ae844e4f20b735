"""Commands on runs that were recorded, and what commands say when they cannot do what they are asked."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from lab.cli.app import app
from lab.cli.commands import COMMANDS
from tests.cli.recorded import record

runner = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lab(*words: str) -> Result:
    return runner.invoke(app, words)


def test_alone_it_says_what_to_type_next() -> None:
    ran = lab()
    assert ran.exit_code == 0
    assert "lab run day3" in ran.stdout


@pytest.mark.parametrize(
    "command",
    [
        *("run", "export", "down", "runs", "replay", "dash", "ps", "logs", "trace", "load", "tap", "doctor", "help"),
        *("broker", "broker status", "broker tail"),
        *("init", "start", "try", "check", "watch", "hint", "explain", "solution", "reset", "status", "dev check"),
        *("dev unpack", "dev pack"),
        *("fault add", "fault list", "fault heal", "fault kinds"),
    ],
)
def test_every_command_explains_itself_with_examples(command: str) -> None:
    ran = lab(*command.split(), "-h")
    assert ran.exit_code == 0
    assert f"$ lab {command}" in ran.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    assert COMMANDS[name].load(name).help.split("\n")[0] == COMMANDS[name].summary


def test_exit_codes_are_documented() -> None:
    text = lab("help", "exit-codes").stdout
    assert [line.split()[0] for line in text.splitlines()] == ["0", "1", "2", "3", "130"]


def test_runs_are_listed_the_latest_last() -> None:
    record()
    record()
    lines = lab("runs").stdout.splitlines()
    assert lines[1].split()[:2] == ["0001-shop", "ended"]
    assert lines[2].split()[0] == "0002-shop"
    listed = json.loads(lab("runs", "--json").stdout)
    assert listed["schema_version"] == 1
    assert [run["id"] for run in listed["runs"]] == ["0001-shop", "0002-shop"]


def test_logs_of_one_service_by_level() -> None:
    record()
    everything = lab("logs").stdout.splitlines()
    assert len(everything) == 5
    assert "provider is slow seconds=2" in everything[-1]
    assert len(lab("logs", "orders").stdout.splitlines()) == 4
    assert len(lab("logs", "--level", "warning").stdout.splitlines()) == 1
    assert lab("logs", "-n", "2").stdout.splitlines() == everything[-2:]


def test_following_the_logs_of_an_ended_run_ends() -> None:
    record()
    assert lab("logs", "-f").stdout == lab("logs").stdout


def test_a_story_is_found_by_the_beginning_of_an_id() -> None:
    record()
    by_order = lab("trace", "5f3a")
    assert by_order.stdout.splitlines()[0] == "order 5f3a9c1e is confirmed"
    assert "orders → payments  POST /charges  201  305 ms" in by_order.stdout
    assert "! fault f1 begins: latency orders->payments 300ms for 5s" in by_order.stdout
    assert "77b0d2aa" not in by_order.stdout
    told = json.loads(lab("trace", "req-5f3a9c1e", "--json").stdout)
    assert [step["who"] for step in told["story"]["steps"] if step["kind"] == "call"] == ["client", "orders"]


def test_without_an_id_the_latest_orders_are_listed() -> None:
    record()
    lines = [line.split() for line in lab("trace").stdout.splitlines()]
    assert lines[1:3] == [["5f3a9c1e", "order", "confirmed"], ["77b0d2aa", "order", "cancelled"]]
    latest = json.loads(lab("trace", "--json").stdout)["latest"]
    assert latest[0] == {"id": "5f3a9c1e", "entity": "order", "state": "confirmed"}


def test_a_story_that_is_not_there_says_what_an_id_is() -> None:
    record()
    ran = lab("trace", "nobody")
    assert ran.exit_code == 1
    assert 'nothing in this run belongs to "nobody"' in ran.stderr
    assert "lab trace, which lists" in ran.stderr


def test_a_recorded_run_is_narrated_with_its_summary() -> None:
    record()
    ran = lab("replay", "1", "--plain")
    assert ran.exit_code == 0
    assert "0.900s  ▶ The first visitors come" in ran.stdout
    assert "FAULT f1 is over after 2 victims" in ran.stdout
    assert "Orders: 1 confirmed, 1 cancelled" in ran.stdout
    links = {line.split()[0]: line.split()[1] for line in ran.stdout.splitlines() if "->" in line.split(" ")[0]}
    assert links == {"client->orders": "2", "orders->payments": "2"}


def test_a_recorded_run_as_ndjson_is_its_journal_byte_for_byte() -> None:
    folder = record()
    ran = lab("replay", "0001-shop", "--json")
    assert ran.stdout_bytes == (folder / "journal.ndjson").read_bytes()


def test_a_replay_can_keep_the_runs_own_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("lab.cli.run.replay.time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    record()
    lab("replay", "1", "--json", "--speed", "4")
    assert now[0] == pytest.approx(101.5, abs=0.01)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "dya3"], 2, "Did you mean day3"),
        (["run", "day33"], 2, "There are: day1, day2"),
        (["run", "./nowhere.toml"], 2, "there is no file nowhere.toml"),
        (["run", "day3", "--scenario", "hapy"], 2, "Did you mean happy?"),
        (["run", "day3", "--engine", "mongo=native"], 2, "amqp, kafka, redis, sql"),
        (["run", "day3", "--for", "soon"], 2, "30s, 500ms or 2m"),
        (["run", "day3", "--plain", "--json"], 2, "give only one of"),
        (["fault", "add", "latncy", "orders:payments"], 2, 'did you mean "latency"'),
        (["fault", "add", "kill", "payments"], 1, "no run is alive"),
        (["fault", "list"], 1, "no run is alive"),
        (["load"], 1, "no run is alive"),
        (["load", "up", "--rate", "3"], 2, "contradict"),
        (["run", "day3", "--lang", "uz"], 2, "--lang stands before the command: lab --lang uz run"),
        (["broker", "status", "--lang=uz"], 2, "--lang stands before the command: lab --lang uz broker status"),
        (["ps", "--version"], 2, "--version stands alone: lab --version"),
        (["run", "day3", "--plian"], 2, "No such option: --plian (Possible options: --plain)"),
        (["logs"], 1, "there is no run yet"),
        (["trace", "x"], 1, "there is no run yet"),
        (["replay", "9999-nothing"], 1, "9999-nothing"),
        (["broker", "status"], 1, "no broker is running"),
        (["broker", "status", "--data", "nowhere"], 1, "no broker is running on nowhere"),
        (["broker", "status", "--data", ".", "--run", "1"], 2, "not both"),
        (["broker", "tail", "events"], 1, "no broker is running"),
        (["broker", "tail", "events", "--url", "127.0.0.1"], 2, "no AMQP URL"),
        (["broker", "tail", "events", "--url", "amqp://127.0.0.1:x"], 2, "no AMQP URL"),
        (["broker", "tail", ""], 2, "default exchange"),
        (["broker", "--data", ".", "status"], 2, "stand after its name"),
        (["dash"], 3, "a dashboard needs a terminal"),
        (["down", "9999-nothing"], 1, "9999-nothing"),
        (["down", "1", "--all"], 2, "not both"),
        (["help", "exit-code"], 2, "Did you mean exit-codes?"),
        (["falt"], 2, "fault"),
        (["tap", "http", "8001", "nowhere"], 2, "HOST:PORT"),
        (["tap", "http", "0", "1", "--fault", "miss"], 2, "this tap speaks http"),
    ],
)
def test_what_cannot_be_done_is_said_on_stderr_with_the_way_out(words: list[str], code: int, said: str) -> None:
    ran = lab(*words)
    assert ran.stdout == ""
    assert said in " ".join(ran.stderr.replace("│", " ").split())
    assert ran.exit_code == code


def test_a_wrong_system_file_is_refused_with_the_exact_place(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('[service.orders]\nrun = "x"\n[[link]]\nfrom = "orders"\nto = "paymants"\n')
    ran = lab("run", "./shop.toml")
    assert ran.exit_code == 2
    assert "shop.toml does not describe a system yet" in ran.stderr
    assert "paymants" in ran.stderr
    (tmp_path / "shop.toml").write_text('[service.orders\nrun = "x"\n')
    ran = lab("run", "./shop.toml")
    assert ran.exit_code == 2
    assert "line 1" in ran.stderr


def test_services_that_a_run_does_not_have_are_refused() -> None:
    record()
    ran = lab("logs", "paymets")
    assert ran.exit_code == 2
    assert "Did you mean payments?" in ran.stderr


def test_a_dead_run_cannot_be_disturbed() -> None:
    record()
    ran = lab("fault", "list", "--run", "1")
    assert ran.exit_code == 1
    assert "0001-shop has ended" in ran.stderr
    assert "lab replay --run 0001-shop" in ran.stderr
