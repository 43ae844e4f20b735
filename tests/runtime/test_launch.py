"""Starting a run: what can go wrong before it lives, how it ends by itself, and where it keeps its things."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import httpx
import pytest

from lab.engines.recipe import EngineUnavailable
from lab.journal.event import Note
from lab.runtime import runs
from lab.runtime.api import RunOptions
from lab.runtime.launch import LaunchError, begin, launch, release
from lab.runtime.runs import list_runs
from lab.system.model import CLIENT, Engine, Journey, Link, Request, Service, System
from lab.system.validate import InvalidSystem
from tests.runtime.live import Live, listening, marked, pair, shop, started
from tests.waiting import eventually

IDLE = System(name="idle", services=(Service(name="idle", command=("sleep", "600"), ready="started"),))


def notes(live: Live) -> list[Note]:
    return [event for event in live.events() if isinstance(event, Note)]


def test_a_wrong_system_is_refused_before_anything_is_made() -> None:
    with pytest.raises(InvalidSystem, match="paymants"):
        launch(System(name="toy", links=(Link(source="client", target="paymants", protocol="http"),)), RunOptions())
    assert list_runs() == []


def test_a_missing_engine_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    system = System(name="toy", engines=(Engine(name="cache", kind="redis"),))
    with pytest.raises(EngineUnavailable, match="apt install redis-server"):
        launch(system, RunOptions(tiers={"*": "native"}))
    assert list_runs() == []


def test_a_home_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(LaunchError, match=r"cannot write to .*Not a directory; LAB_HOME can name a folder"):
        launch(IDLE, RunOptions())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no disk that is always full")
def test_a_full_disk_is_a_reason_and_the_run_goes_on(lab_home: Path) -> None:
    """The journal's file is one that never takes a byte."""
    folder = lab_home / "runs" / "0001-toy"
    with pytest.MonkeyPatch.context() as patch:
        make = Path.mkdir

        def mkdir(path: Path, *args: object, **more: object) -> None:
            make(path, *args, **more)  # type: ignore[arg-type]
            if path == folder:
                (folder / "journal.ndjson").symlink_to("/dev/full")

        patch.setattr(Path, "mkdir", mkdir)
        record = launch(pair(), RunOptions())
    live = Live(record)
    try:
        live.ready()
        assert "the disk is full" in live.status().reason
        assert httpx.get(live.url("client->front") + "/call").status_code == 200
    finally:
        release(record.id)
        eventually(live.ended)


def test_a_run_that_was_begun_answers_later() -> None:
    begun = begin(IDLE, RunOptions())
    try:
        assert not begun.ended(0.0)
        assert Live(begun.answer()).status().id == begun.id
    finally:
        release(begun.id)
    assert begun.ended(20.0)


def test_a_run_that_was_only_begun_can_be_let_go() -> None:
    begun = begin(IDLE, RunOptions())
    release(begun.id)
    assert begun.ended(20.0)


def test_an_unknown_scenario_is_said() -> None:
    with pytest.raises(LaunchError, match="toy has no scenarios"):
        launch(pair(), RunOptions(scenario="happy"))
    eventually(lambda: not any(record.alive for record in list_runs()))


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab home with so long a path that the sockets of its runs need a temporary folder; where these are."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / ("far" * 40)))
    (tmp_path / "t").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    return tmp_path / "t"


def test_a_start_that_fails_leaves_no_temporary_folder(far: Path) -> None:
    with pytest.raises(LaunchError, match="toy has no scenarios"):
        launch(pair(), RunOptions(scenario="happy"))
    assert list(far.iterdir()) == []


def test_a_start_that_is_broken_off_leaves_no_temporary_folder(far: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        assert list(far.iterdir()) != []
        raise KeyboardInterrupt

    monkeypatch.setattr("lab.runtime.launch._start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        launch(pair(), RunOptions())
    assert list(far.iterdir()) == []


def test_a_detached_run_outlives_its_starter() -> None:
    with started(pair(), detach=True) as live:
        live.ready()
        release(live.record.id)
        assert httpx.get(live.url("client->front") + "/call").status_code == 200
        live.control.stop()
        eventually(live.ended)


def test_a_detached_run_ends_with_a_starter_that_died_before_it_answered() -> None:
    launching = begin(pair(), RunOptions(detach=True))
    release(launching.id)  # what the system does for a starter that is killed
    assert launching.ended(within=20)
    assert not marked(launching.folder)


def test_a_run_with_a_duration_ends_by_itself() -> None:
    with started(IDLE, duration=0.5) as live:
        eventually(live.ended, 20)
        last = notes(live)[-1]
        assert (last.text, last.data["state"]) == ("stopped: ran for 0.5 s", "stopped")


def test_a_run_that_nobody_steers_gives_up_when_it_cannot_become_ready() -> None:
    system = System(name="toy", services=(Service(name="nobody", command=("no-such-program",)), shop("back")))
    with started(system, duration=60.0) as live:
        eventually(live.ended, 20)
        last = notes(live)[-1]
        assert last.data["state"] == "failed"
        assert "nobody failed: cannot start no-such-program" in last.text


def test_a_scenario_is_played(tmp_path: Path) -> None:
    (tmp_path / "storm.toml").write_text(
        """
        title = "A storm"
        duration = 1.2
        [[step]]
        at = 0.1
        say = "It gets slow."
        fault = "latency front->back 1ms"
        [[step]]
        at = 0.3
        say = "It stands still."
        act = "freeze back"
        [[step]]
        at = 0.5
        say = "It is gone."
        act = "kill nobody"
        [[step]]
        at = 0.7
        say = "All is well."
        act = "thaw back"
        heal = "latency front->back"
        """
    )
    parts = pair()
    system = System(name="toy", services=parts.services, links=parts.links, scenarios=str(tmp_path))
    with started(system, scenario="storm", duration=1.5) as live:
        eventually(live.ended, 30)
        told = [note.text for note in notes(live) if note.topic == "scenario"]
        assert told == [
            "A storm",
            "It gets slow.",
            "It stands still.",
            "It is gone.",
            'this step failed: there is no process "nobody"',
            "All is well.",
            "the scenario is over",
        ]
        assert [s for s in live.states("back") if s == "frozen"] == ["frozen"]
        changes = [event for event in live.events() if event.source == "front" and event.link == "front->back"]
        assert [getattr(event, "change", "") for event in changes] == ["added", "healed"]


def test_a_long_home_puts_the_socket_where_it_fits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / ("long" * 30)))
    with started(IDLE) as live:
        live.ready()
        socket_folder = live.record.socket.parent
        assert socket_folder != live.record.folder
        assert socket_folder.stat().st_mode & 0o777 == 0o700
        live.control.stop()
        eventually(live.ended)
        eventually(lambda: not socket_folder.exists())


def test_only_the_last_runs_are_kept(monkeypatch: pytest.MonkeyPatch, lab_home: Path) -> None:
    monkeypatch.setattr(runs, "KEPT", 3)
    for _ in range(5):
        runs.create(IDLE, RunOptions(), "2026-01-01T00:00:00Z")
    assert [record.id for record in list_runs()] == ["0003-idle", "0004-idle", "0005-idle"]
    (lab_home / "runs" / "0004-idle" / "run.json").write_text("torn")
    assert [record.id for record in list_runs()] == ["0003-idle", "0005-idle"]


def test_a_live_run_is_never_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEPT", 1)
    with started(IDLE) as live:
        for _ in range(3):
            runs.create(IDLE, RunOptions(), "")
        assert live.record.id in [record.id for record in list_runs()]


def test_visitors_come_when_also_those_are_up_for_whom_nobody_waits() -> None:
    visit = Journey(name="visit", requests=(Request(method="GET", service="front", path="/call"),))
    links = (
        Link(source=CLIENT, target="front", protocol="http"),
        Link(source="front", target="back", protocol="http", env="PROVIDER_URL", wait="no"),
    )
    services = (shop("front"), shop("back", env={"SLOW": "1"}))
    with started(System(name="toy", services=services, links=links, journeys=(visit,)), rate=20.0) as live:
        eventually(lambda: live.control.load().ok > 2)
        assert live.control.load().failed == 0


def test_a_service_gets_another_port_when_its_own_was_taken() -> None:
    with started(pair()) as live:
        live.ready()
        port = int(live.process("back").url.rpartition(":")[2])
        live.control.add_fault("slow-start back 3s")
        live.control.act("back", "kill")
        eventually(lambda: not listening(port))
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind(("127.0.0.1", port))
            thief.listen()
            eventually(lambda: live.process("back").state == "ready" and live.process("back").restarts == 1)
            assert live.process("back").url != f"http://127.0.0.1:{port}"
            assert httpx.get(live.url("client->front") + "/call").status_code == 200


def test_the_environment_is_the_services_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody-elses")
    monkeypatch.setenv("TZ", "Asia/Tashkent")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    printer = Service(name="printer", command=("env",), ready="started", env={"COLOUR": "green"}, restart="never")
    links = (
        Link(source="printer", target="back", protocol="http", suffix="/v1"),
        Link(source="printer", target="db", protocol="sql"),
    )
    system = System(name="toy", services=(printer, shop("back")), engines=(Engine(name="db", kind="sql"),), links=links)
    with started(system) as live:
        live.until("printer", "stopped")
        eventually(lambda: live.states("printer")[-1] == "stopped")
        told = dict(line.split("=", 1) for line in live.logged("printer") if "=" in line)
        assert told["DATABASE_URL"] == f"sqlite:///{live.record.folder}/data/printer/printer.db"
        assert told["BACK_URL"] == live.url("printer->back")
        assert told["BACK_URL"].endswith("/v1")
        assert (told["TZ"], told["COLOUR"], told["HOST"]) == ("Asia/Tashkent", "green", "127.0.0.1")
        assert not {"HTTP_PROXY", "all_proxy"} & set(told)
        (said,) = [event.text for event in notes(live) if "do not get" in event.text]
        assert "HTTP_PROXY, all_proxy" in said
        assert (told["SERVICE_NAME"], told["INSTANCE_ID"]) == ("printer", "printer-1")
        assert live.process("printer").url == f"http://127.0.0.1:{told['PORT']}"
        assert "LAB_HOME" not in told
