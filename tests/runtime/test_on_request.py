"""Services that start when somebody asks and stay stopped, or run elsewhere."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import psutil
import pytest

from lab.journal.event import Process, from_line
from lab.runtime.api import ControlError
from lab.system.model import CLIENT, Engine, Link, Service, System
from tests.runtime.live import alive, pair, shop, started
from tests.waiting import eventually


def test_a_service_on_request_waits_for_somebody_to_ask() -> None:
    system = System(name="toy", services=(shop("front"), shop("later", start="on-request", restart="never")))
    with started(system) as live:
        live.ready()
        later = live.process("later")
        assert (later.state, later.reason, later.pid) == ("stopped", "starts on request", None)
        live.control.act("later", "start")
        first = live.until("later", "ready").pid
        with pytest.raises(ControlError, match="later is alive already, it is ready"):
            live.control.act("later", "start")
        live.control.act("later", "stop")
        stopped = live.until("later", "stopped")
        assert stopped.pid is None
        assert stopped.reason.startswith("stopped on request: ")
        live.control.act("later", "start")
        assert live.until("later", "ready").pid != first
        assert live.status().state == "ready"


def test_who_waits_for_a_service_on_request_says_so() -> None:
    with started(pair(start="on-request")) as live:
        eventually(lambda: live.process("front").reason.endswith("starts on request"))
        live.control.act("back", "start")
        live.until("front", "ready")
        live.ready()


def test_a_stopped_service_stays_so_whatever_its_policy() -> None:
    with started(System(name="toy", services=(shop("back", restart="always"),))) as live:
        live.ready()
        live.control.act("back", "stop")
        live.until("back", "stopped")
        with pytest.raises(ControlError, match="back has no process now, it is stopped"):
            live.control.act("back", "kill")
        live.control.act("back", "restart")
        live.until("back", "ready")
        live.control.act("back", "freeze")
        live.control.act("back", "stop")
        live.until("back", "stopped", 3)


def test_a_killed_service_that_never_restarts_stays_dead_until_it_is_started() -> None:
    with started(System(name="toy", services=(shop("back", restart="never"),))) as live:
        live.ready()
        live.control.act("back", "kill")
        assert live.until("back", "failed").reason == "killed by SIGKILL (by hand)"
        live.control.act("back", "start")
        live.until("back", "ready")


def test_a_start_need_not_wait_for_the_end_of_the_killed() -> None:
    with started(System(name="toy", services=(shop("back", restart="never"),))) as live:
        live.ready()
        for action in ("kill", "stop"):
            before = live.pid("back")
            live.control.act("back", action)
            live.control.act("back", "start")
            eventually(lambda: (p := live.process("back")).state == "ready" and p.pid not in (None, before))  # noqa: B023


def test_a_killed_engine_stays_dead_on_request() -> None:
    with started(System(name="toy", engines=(Engine(name="cache", kind="redis", restart="never"),))) as live:
        live.ready()
        live.control.act("cache", "kill")
        live.until("cache", "failed")
        live.control.act("cache", "start")
        live.until("cache", "ready")


def test_a_failing_service_is_started_before_its_time() -> None:
    dying = Service(name="dying", command=("sh", "-c", "exit 3"), ready="tcp")
    with started(System(name="toy", services=(dying,))) as live:
        live.until("dying", "failed")
        before = len(live.states("dying"))
        live.control.act("dying", "start")
        eventually(lambda: "starting" in live.states("dying")[before:])
        live.control.act("dying", "stop")
        assert live.until("dying", "stopped").restarts >= 5


def test_what_runs_elsewhere_is_probed_and_tapped() -> None:
    with started(System(name="other", services=(shop("provider"),))) as other:
        other.ready()
        address = other.process("provider").url.removeprefix("http://")
        system = System(
            name="toy",
            services=(shop("front"), Service(name="provider", address=address, role="stub", ready="tcp")),
            links=(
                Link(source=CLIENT, target="front", protocol="http"),
                Link(source="front", target="provider", protocol="http"),
            ),
        )
        with started(system) as live:
            live.ready()
            provider = live.process("provider")
            assert (provider.state, provider.pid, provider.url) == ("ready", None, f"http://{address}")
            assert httpx.get(live.url("client->front") + "/call").status_code == 200
            live.control.add_fault("status front->provider 418")
            assert httpx.get(live.url("client->front") + "/call").status_code == 418
            for action in ("kill", "freeze", "start", "stop", "restart"):
                with pytest.raises(ControlError, match="provider is not started by the lab"):
                    live.control.act("provider", action)
            with pytest.raises(ControlError, match="provider is not started by the lab"):
                live.control.add_fault("kill provider")
            other.control.stop()
            assert "refuses connections" in live.until("provider", "degraded").reason


def test_a_tree_is_frozen_and_killed_whole(tmp_path: Path) -> None:
    script = "sleep 601 & setsid sleep 602 & (sleep 603; true) & wait"
    tree = Service(name="tree", command=("sh", "-c", script), ready="started", restart="never", dir=str(tmp_path))
    with started(System(name="toy", services=(tree,))) as live:
        live.ready()
        shell = psutil.Process(live.pid("tree"))
        members = eventually(lambda: (c := shell.children(recursive=True)) and len(c) == 4 and c)
        assert members
        live.control.act("tree", "freeze")
        eventually(lambda: {member.status() for member in [shell, *members]} == {psutil.STATUS_STOPPED}, 2)
        live.control.act("tree", "thaw")
        eventually(lambda: psutil.STATUS_STOPPED not in {member.status() for member in [shell, *members]})
        eventually(lambda: live.process("tree").rss > shell.memory_info().rss)
        live.control.act("tree", "freeze")
        live.control.act("tree", "kill")
        live.until("tree", "failed")
        eventually(lambda: not any(alive(member.pid) for member in members), 3)


def test_the_grace_is_the_runs() -> None:
    with started(pair(env={"DEAF": "1"}), grace=0.2) as live:
        live.ready()
        live.control.act("back", "stop")
        assert live.until("back", "stopped", 3).reason == "stopped on request: killed by SIGKILL"
        ends = [e for e in map(from_line, live.control.events()) if isinstance(e, Process) and e.code is not None]
        assert [(end.source, end.code) for end in ends] == [("back", -signal.SIGKILL)]
