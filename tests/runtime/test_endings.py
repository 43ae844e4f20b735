"""Whatever ends the lab, nothing of it is left: no process, no port, no socket. Each way is proved by pid."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import msgspec
import pytest

from lab.journal.event import Note
from lab.runtime import runs
from lab.runtime.launch import release
from lab.runtime.leftovers import Pid, Remains
from lab.system.model import Link, Service, System
from tests.runtime.live import Footprint, Live, alive, marked, pair, shop, started
from tests.waiting import eventually

STARTER = """
import msgspec, sys, time
from lab.runtime.api import RunOptions
from lab.runtime.launch import launch
from lab.system.model import System

print(launch(msgspec.json.decode(sys.argv[1], type=System), RunOptions(grace=1.0)).id, flush=True)
time.sleep(600)
"""


def gone(footprint: Footprint, live: Live, within: float = 3.0) -> None:
    eventually(lambda: not footprint.left(), within)
    assert not live.record.socket.exists()
    assert not (live.record.folder / "pids.json").exists()


def by_request(live: Live) -> None:
    live.control.stop()


def by_signal(number: signal.Signals) -> Callable[[Live], None]:
    return lambda live: os.kill(live.record.pid, number)


def by_letting_go(live: Live) -> None:
    release(live.record.id)


@pytest.mark.parametrize(
    "end",
    [by_request, by_signal(signal.SIGINT), by_signal(signal.SIGTERM), by_signal(signal.SIGHUP), by_letting_go],
    ids=["stop", "SIGINT", "SIGTERM", "SIGHUP", "lifeline"],
)
def test_an_orderly_end_leaves_nothing(end: Callable[[Live], None]) -> None:
    with started(pair()) as live:
        live.ready()
        footprint = live.footprint()
        end(live)
        gone(footprint, live)
        last = live.events()[-1]
        assert isinstance(last, Note)
        assert last.data["state"] == "stopped"
        assert live.states("back")[-2:] == ["stopping", "stopped"]


@contextlib.contextmanager
def killed_starter(system: System) -> Iterator[Live]:
    """A run whose starter is killed at the end of the block."""
    argv = [sys.executable, "-c", STARTER, msgspec.json.encode(system).decode()]
    starter = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert starter.stdout is not None
        yield Live(runs.find(starter.stdout.readline().strip()))
    finally:
        starter.kill()
        starter.communicate()


def test_a_killed_starter_takes_the_run_along() -> None:
    with killed_starter(pair()) as live:
        live.ready()
        footprint = live.footprint()
    gone(footprint, live)


def test_nobody_holds_up_the_end_who_cannot_answer() -> None:
    """Never asked for, frozen and deaf, waiting for somebody, or elsewhere and silent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        services = (
            shop("asleep", start="on-request"),
            shop("frozen", env={"DEAF": "1"}),
            shop("waiting"),
            Service(name="away", address=f"127.0.0.1:{silent.getsockname()[1]}"),
        )
        links = (Link(source="waiting", target="away", protocol="http"),)
        with killed_starter(System(name="toy", services=services, links=links)) as live:
            live.until("frozen", "ready")
            eventually(lambda: "no answer" in live.process("waiting").reason)
            live.control.act("frozen", "freeze")
            footprint = live.footprint()
            footprint.ports.discard(silent.getsockname()[1])
        gone(footprint, live)


def test_a_killed_runtime_leaves_no_process_and_the_next_command_removes_its_socket() -> None:
    with started(pair()) as live:
        live.ready()
        footprint = live.footprint()
        assert live.pid("back") in marked(live.record.folder), "a forked service carries the run's mark, too"
        os.kill(live.record.pid, signal.SIGKILL)
        eventually(lambda: not footprint.left(), 3)
        runs.clean_leftovers()
        gone(footprint, live)


def test_a_killed_fork_server_ends_the_run_with_a_reason() -> None:
    with started(pair()) as live:
        live.ready()
        footprint = live.footprint()
        os.kill(live.recorded()["fork server"], signal.SIGKILL)
        gone(footprint, live)
        texts = [event.text for event in live.events() if isinstance(event, Note)]
        assert "the fork server died, and every process with it" in texts


HERMIT = Service(name="hermit", command=("sh", "-c", "setsid sleep 600 & sleep 600"), ready="started")
"""It has a child in a session of its own."""


def test_a_killed_fork_server_takes_what_left_the_group_along() -> None:
    with started(System(name="toy", services=(HERMIT,))) as live:
        live.ready()
        folder = live.record.folder
        eventually(lambda: len(marked(folder)) >= 3)
        os.kill(live.recorded()["fork server"], signal.SIGKILL)
        eventually(live.ended)
        assert not marked(folder)


def test_when_all_guards_are_killed_the_next_command_cleans_up() -> None:
    """A shell's child in a session of its own is out of everybody's reach, but carries the run's mark."""
    with started(System(name="toy", services=(HERMIT,))) as live:
        live.ready()
        folder = live.record.folder
        eventually(lambda: len(marked(folder)) >= 3)
        pids = live.recorded()
        for guard in ("fork server", "runtime"):
            os.kill(pids[guard], signal.SIGKILL)
        eventually(live.ended)
        assert marked(folder)
        assert "sleep" in runs.clean_leftovers()
        eventually(lambda: not marked(folder) and not any(map(alive, pids.values())), 3)
        assert runs.clean_leftovers() == []


def test_a_deaf_service_is_killed_after_its_grace() -> None:
    with started(pair(env={"DEAF": "1"})) as live:
        live.ready()
        footprint = live.footprint()
        live.control.stop()
        eventually(lambda: not footprint.left(), 9)


def test_a_frozen_service_stops_too() -> None:
    with started(pair()) as live:
        live.ready()
        footprint = live.footprint()
        live.control.act("back", "freeze")
        live.control.stop()
        gone(footprint, live)


def test_strangers_with_a_recorded_pid_are_left_alone() -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        with started(pair()) as live:
            live.ready()
            os.kill(live.record.pid, signal.SIGKILL)
            eventually(lambda: not marked(live.record.folder))
            path = live.record.folder / "pids.json"
            runs.write(path, Remains([Pid("front", stranger.pid, "boot:12345")], []))
            assert runs.clean_leftovers() == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
