"""Processes seen from outside: why they wait, when they are ready, how they die and come back."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from lab.journal.event import Log, Note, Process
from lab.system.model import CLIENT, Link, Service, System
from tests.runtime.live import ROOT, listening, pair, shop, started
from tests.waiting import eventually

SH = "/bin/sh"


def command(name: str, *argv: str, **more: object) -> Service:
    return Service(name=name, command=argv, **{"ready": "started", **more})  # type: ignore[arg-type]


def test_a_service_waits_for_its_provider_and_says_why() -> None:
    with started(pair(env={"SLOW": "3"})) as live:
        eventually(lambda: live.process("front").reason.startswith("waiting for back (since"))
        assert live.process("front").state == "pending"
        eventually(lambda: "refuses connections" in live.process("front").reason)
        live.ready()
        events = [e for e in live.events() if isinstance(e, Process)]
        back_ready = next(e.seq for e in events if e.source == "back" and e.state == "ready")
        front_started = next(e.seq for e in events if e.source == "front" and e.state == "starting")
        assert back_ready < front_started


def test_an_unready_answer_is_told_and_a_degraded_one_is_ready_enough(tmp_path: Path) -> None:
    (tmp_path / "unready").touch()
    system = System(
        name="toy",
        services=(
            command("full", sys.executable, "-m", "tests.runtime.toy.shop", dir=str(tmp_path), ready="/readyz",
                    env={"PYTHONPATH": str(ROOT)}),
            shop("worn", env={"STATUS": "degraded", "DISK": "slow"}),
        ),
    )  # fmt: skip
    with started(system) as live:
        eventually(lambda: live.process("full").reason == "GET /readyz answers 503: disk: full")
        assert live.process("full").state == "starting"
        assert live.until("worn", "degraded").reason == "disk: slow"
        (tmp_path / "unready").unlink()
        live.until("full", "ready")
        live.ready()
        (tmp_path / "unready").touch()
        assert live.until("full", "degraded").reason == "not ready any more: GET /readyz answers 503: disk: full"


def test_a_crash_shows_its_traceback_and_the_service_comes_back() -> None:
    with started(pair()) as live:
        live.ready()
        first = live.pid("back")
        with pytest.raises(httpx.HTTPError):
            httpx.get(live.process("back").url + "/crash")
        eventually(lambda: live.process("back").restarts == 1)
        assert live.until("back", "ready").pid != first
        assert "backoff" in live.states("back")
        assert any("SystemExit: asked to crash" in line for line in live.logged("back"))
        assert live.process("front").state == "ready"


def test_a_panic_is_among_the_last_words_below_all_its_stacks() -> None:
    stacks = "for i in $(seq 300); do echo goroutine $i; done"
    dying = command("dying", SH, "-c", f"echo 'panic: no disk' >&2; exec >&2; {stacks}; exit 2", ready="tcp")
    with started(System(name="toy", services=(dying,))) as live:
        tail = live.until("dying", "failed", 30).tail
        assert tail[:2] == ("panic: no disk", "goroutine 1")
        assert tail[-1] == "goroutine 300"
        assert len(tail) < 30


def test_a_service_that_keeps_dying_is_given_up_and_the_rest_goes_on() -> None:
    dying = command(
        "dying", SH, "-c", "for i in $(seq 30); do echo line $i; done; echo no disk >&2; exit 3", ready="tcp"
    )
    system = System(
        name="toy",
        services=(dying, shop("back"), shop("front")),
        links=(Link(source="front", target="dying", protocol="tcp"),),
    )
    with started(system) as live:
        failed = live.until("dying", "failed", 30)
        assert failed.reason == "exited with code 3, the 5th time in a row"
        assert len(failed.tail) == 20
        assert "line 30" in failed.tail
        assert "no disk" in failed.tail
        (event,) = eventually(lambda: [e for e in live.events() if isinstance(e, Process) and e.state == "failed"])
        assert event.tail == failed.tail
        delays = [
            e.reason.rpartition(" in ")[2] for e in live.events() if isinstance(e, Process) and e.state == "backoff"
        ]
        assert delays == ["0.3 s", "0.6 s", "1.2 s", "2.4 s"]
        assert live.status().state == "failed"
        assert live.status().reason == "dying failed: exited with code 3, the 5th time in a row"
        assert live.process("back").state == "ready"
        assert live.process("front").reason.endswith(": failed")
        live.control.act("dying", "restart")
        eventually(lambda: live.process("dying").restarts > 4)


def test_restart_policies() -> None:
    system = System(
        name="toy",
        services=(
            command("done", SH, "-c", "exit 0"),
            command("gone", SH, "-c", "exit 7", restart="never"),
            command("again", SH, "-c", "exit 0", restart="always"),
        ),
    )
    with started(system) as live:
        assert live.until("done", "stopped").reason == "exited with code 0"
        assert live.until("gone", "failed").reason == "exited with code 7"
        eventually(lambda: live.process("again").restarts >= 2)
        assert live.process("done").restarts == live.process("gone").restarts == 0


def test_actions_on_a_process() -> None:
    with started(pair()) as live:
        live.ready()
        back = live.pid("back")
        url = live.process("back").url

        assert live.control.act("back", "freeze").state == "frozen"
        eventually(lambda: psutil.Process(back).status() == psutil.STATUS_STOPPED)
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(url + "/healthz", timeout=0.3)
        live.control.act("back", "thaw")
        assert httpx.get(url + "/healthz").status_code == 200

        live.control.act("back", "kill")
        eventually(lambda: (p := live.process("back")).restarts == 1 and p.state == "ready")
        assert any("killed by SIGKILL" in e.reason for e in live.events() if isinstance(e, Process))

        live.control.act("back", "terminate")
        eventually(lambda: (p := live.process("back")).restarts == 2 and p.state == "ready")

        live.control.act("back", "restart")
        eventually(lambda: (p := live.process("back")).restarts == 3 and p.state == "ready")
        assert live.process("back").url == url
        assert live.pid("back") != back


def test_a_killed_process_is_noticed_whoever_killed_it() -> None:
    with started(pair()) as live:
        live.ready()
        os.kill(live.pid("back"), signal.SIGKILL)
        eventually(lambda: (p := live.process("back")).restarts == 1 and p.state == "ready")


def test_services_in_any_language(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello")
    services = [
        command("files", "python3", "-m", "http.server", "$PORT", "--bind", "$HOST", dir=str(tmp_path), ready="/"),
        command("shell", SH, "-c", "python3 -m http.server $PORT --bind $HOST", dir=str(tmp_path), ready="tcp"),
    ]
    if node := shutil.which("node"):
        script = "require('http').createServer((q, s) => s.end('hello')).listen(process.env.PORT, process.env.HOST)"
        services.append(command("node", node, "-e", script, ready="/"))
    system = System(
        name="toy",
        services=tuple(services),
        links=tuple(Link(source=CLIENT, target=service.name, protocol="http") for service in services),
    )
    with started(system) as live:
        live.ready()
        footprint = live.footprint()
        for link in live.status().links:
            assert httpx.get(link.url).text == "hello"
        live.control.stop()
        eventually(lambda: not footprint.left(), 3)


def test_a_module_is_executed_plainly_on_request() -> None:
    with started(System(name="toy", services=(shop("forked"), shop("plain", exec=True)))) as live:
        live.ready()
        assert "tests.runtime.toy.shop" in psutil.Process(live.pid("plain")).cmdline()
        assert "tests.runtime.toy.shop" not in psutil.Process(live.pid("forked")).cmdline()


def test_what_cannot_be_started_says_so() -> None:
    with started(System(name="toy", services=(command("nobody", "no-such-program"), shop("back")))) as live:
        assert live.until("nobody", "failed").reason == "cannot start no-such-program: No such file or directory"
        live.until("back", "ready")


def test_a_fixed_port_in_use_is_named_with_its_owner() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with started(System(name="toy", services=(shop("back", env={"PORT": str(port)}),))) as live:
            reason = eventually(lambda: live.process("back").reason)
            eventually(lambda: f"port {port} is in use" in live.process("back").reason)
            assert f"(pid {os.getpid()})" in live.process("back").reason, reason
            taken.close()
            live.control.act("back", "restart")
            live.until("back", "ready")
            assert live.process("back").url == f"http://127.0.0.1:{port}"


def test_a_flood_of_output_is_bounded_and_said() -> None:
    flood = command(
        "flood", SH, "-c", "yes | head -n 300000; sleep 2; head -c 100000 /dev/zero | tr '\\0' x; echo; sleep 60"
    )
    with started(System(name="toy", services=(flood,))) as live:
        live.ready()
        notes = eventually(lambda: [e.text for e in live.events() if isinstance(e, Note) and "left out" in e.text])
        assert "more than 2,000 a second" in notes[0]
        eventually(lambda: any("more bytes" in e.text for e in live.events() if isinstance(e, Note)), 15)
        assert max(len(e.message) for e in live.events() if isinstance(e, Log)) == 16_384
        assert live.control.processes()


def test_json_log_lines_are_lifted() -> None:
    with started(pair()) as live:
        live.ready()
        httpx.get(live.url("client->front") + "/hello", headers={"X-Request-ID": "r-1"})
        (line,) = eventually(lambda: [e for e in live.events() if isinstance(e, Log) and e.correlation == "r-1"])
        assert (line.source, line.level, line.message, line.data) == ("front", "info", "request", {"path": "/hello"})
        first = next(e for e in live.events() if isinstance(e, Log))
        assert (first.event, first.message) == ("started", "listening")


def test_two_runs_side_by_side() -> None:
    with started(pair()) as one, started(pair()) as other:
        one.ready()
        other.ready()
        assert one.record.id != other.record.id
        one.control.stop()
        eventually(one.ended)
        assert httpx.get(other.url("client->front") + "/call").status_code == 200
        assert listening(int(other.process("front").url.rpartition(":")[2]))
