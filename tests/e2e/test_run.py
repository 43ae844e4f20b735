"""`lab run` without a screen, as a shell, a pipe and a CI job meet it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.architecture.test_walls import HEAVY, imported_by
from tests.e2e.processes import LAB, Lab, alive
from tests.waiting import eventually

BROKEN = """
name = "broken"
[service.web]
run = "python3 -c 'raise SystemExit(\\"no settings\\")'"
[[link]]
from = "client"
to = "web"
"""

WEB = """
name = "web"
[service.web]
run = "python3 server.py"
ready = "/"
[[link]]
from = "client"
to = "web"
[[journey]]
name = "look"
requests = [{ method = "GET", service = "web", path = "/" }]
"""

SERVER = """
import http.server, os
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ["PORT"]), bind="127.0.0.1")
"""


@pytest.fixture
def web(lab: Lab) -> str:
    """A system of the reader's own, in the folder where they type."""
    (lab.home / "web.toml").write_text(WEB)
    (lab.home / "server.py").write_text(SERVER)
    return "./web.toml"


def test_day3_is_narrated_to_its_end_and_summed_up(lab: Lab) -> None:
    ran = lab("run", "day3", "--plain", "--for", "8s")
    assert ran.returncode == 0, ran.stderr
    assert "the run is ready" in ran.stdout
    assert re.search(r"order \S+ is (confirmed|cancelled)", ran.stdout)
    assert "published order.created" in ran.stdout
    summary = ran.stdout[ran.stdout.index("\nRun 0001-day3: ") :]
    assert "scenario happy" in summary
    for link in ("client->orders", "payments->provider", "orders->broker"):
        assert f"\n{link} " in summary
    assert "Engines: broker embedded" in summary
    assert "confirmed" in summary.split("Orders: ")[1].splitlines()[0]
    assert lab.processes() == []


def test_json_is_the_journal_and_nothing_else_on_stdout(lab: Lab) -> None:
    ran = lab("run", "day3", "--json", "--for", "5s")
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {event["kind"] for event in events} >= {"flow", "log", "process", "engine", "load", "note"}
    assert ran.stdout == (lab.home / "runs" / "0001-day3" / "journal.ndjson").read_text()


def test_a_detached_run_is_watched_disturbed_traced_and_stopped(lab: Lab) -> None:
    started = lab("run", "day3", "--detach", "--rate", "8")
    assert started.returncode == 0, started.stderr
    assert "0001-day3 is running." in started.stdout

    states = {
        process["name"]: process["state"] for process in json.loads(lab("ps", "--json").stdout)["runs"][0]["processes"]
    }
    assert set(states) >= {"users", "orders", "payments", "notifications", "broker"}
    assert "payments" in lab("ps").stdout
    assert not imported_by("ps", home=lab.home) & set(HEAVY)

    added = lab("fault", "add", "latency", "orders:broker", "20ms", "--for", "1m")
    assert added.returncode == 0, added.stderr
    assert added.stdout.startswith("f1 latency orders->broker 20ms")
    eventually(lambda: json.loads(lab("fault", "list", "--json").stdout)["faults"][0]["victims"], 30)
    assert lab("fault", "heal", "f1").stdout.strip() == "healed f1"
    assert "No fault is active" in lab("fault", "list").stdout
    refused = lab("fault", "add", "latency", "orders:paymants", "20ms")
    assert (refused.returncode, refused.stdout) == (2, "")

    assert "16 journeys a second" in lab("load", "up").stdout
    assert "3 journeys a second" in lab("load", "--rate", "3").stdout

    rows = eventually(lambda: [row for row in lab("trace").stdout.splitlines() if "confirmed" in row], 30)
    told = lab("trace", rows[-1].split()[0])
    assert told.returncode == 0, told.stderr
    for step in ("client → orders  POST /orders", "publish order.created", "payments → provider", "is confirmed"):
        assert step in told.stdout
    assert "payments" in lab("logs", "payments", "-n", "3").stdout

    down = lab("down")
    assert down.stdout.strip() == "0001-day3 is stopped."
    assert lab.processes() == []
    assert "No run is alive" in lab("ps").stdout
    assert "ended" in lab("runs").stdout
    assert "Orders: " in lab("replay", "1", "--plain").stdout


def test_ctrl_c_stops_the_run_in_good_order(lab: Lab) -> None:
    with lab.started("run", "day3", "--plain", "--for", "5m") as run:
        assert run.stdout
        for line in run.stdout:
            if "the run is ready" in line:
                break
        mine = lab.at_work()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "stopping: every process is asked to end" in err
    assert "Run 0001-day3: " in out
    assert alive(mine) == []


def test_ctrl_c_twice_ends_it_at_once_and_leaves_nothing(lab: Lab) -> None:
    with lab.started("run", "day3", "--plain", "--for", "5m") as run:
        assert run.stdout
        for line in run.stdout:
            if "the run is ready" in line:
                break
        mine = lab.at_work()
        run.send_signal(signal.SIGINT)
        assert run.stderr
        assert any("stopping" in line for line in run.stderr)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=30)
    assert run.returncode == 130
    eventually(lambda: not alive(mine), 10)


def test_a_reader_that_had_enough_ends_the_run(lab: Lab) -> None:
    ran = subprocess.run(
        ["bash", "-c", f"{LAB} run day3 --json --for 5m | head -n 3; exit ${{PIPESTATUS[0]}}"],
        env=lab.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0
    assert len(ran.stdout.splitlines()) == 3
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr
    eventually(lambda: not lab.processes(), 10)


def test_a_system_that_never_becomes_ready_exits_with_1_and_says_what_is_missing(lab: Lab) -> None:
    (lab.home / "broken.toml").write_text(BROKEN)
    ran = lab("run", "./broken.toml", "--plain", "--for", "4s")
    assert ran.returncode == 1
    assert "no settings" in ran.stdout
    assert "never became ready; still missing: web" in ran.stderr


@pytest.mark.parametrize("killed", ["runtime", "fork server"])
def test_a_run_that_breaks_off_exits_with_1_and_says_why(lab: Lab, web: str, killed: str) -> None:
    with lab.started("run", web, "--plain", "--for", "5m") as run:
        assert run.stdout
        for line in run.stdout:
            if "the run is ready" in line:
                break
        mine = lab.at_work(least=3)
        runtime = psutil.Process(lab.runtime())
        (fork_server,) = runtime.children()
        (runtime if killed == "runtime" else fork_server).kill()
        out, err = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "Run 0001-web: " in out
    says = {
        "runtime": "0001-web stopped unexpectedly: its runtime was killed",
        "fork server": "0001-web failed\n  the fork server",
    }
    assert says[killed] in err
    eventually(lambda: not alive(mine), 3)


def test_a_system_of_ones_own_runs_with_its_own_command(lab: Lab, web: str) -> None:
    ran = lab("run", web, "--plain", "--for", "4s", "--rate", "5")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "client asked web GET /: 200" in ran.stdout
    assert "client->web" in ran.stdout[ran.stdout.index("\nRun ") :]


def test_two_labs_run_side_by_side(lab: Lab, web: str) -> None:
    for _ in range(2):
        assert lab("run", web, "--detach").returncode == 0
    runs = json.loads(lab("ps", "--json").stdout)["runs"]
    assert [run["id"] for run in runs] == ["0001-web", "0002-web"]
    assert [run["state"] for run in runs] == ["ready", "ready"]
    assert len({process["url"] for run in runs for process in run["processes"] if process["name"] == "web"}) == 2
    assert lab("fault", "add", "refuse", "client:web", "--run", "1").returncode == 0
    assert "f1" in lab("fault", "list", "--run", "1").stdout
    assert "No fault" in lab("fault", "list", "--run", "2").stdout
    lab("down", "1")
    assert [run["id"] for run in json.loads(lab("ps", "--json").stdout)["runs"]] == ["0002-web"]
    assert lab("down", "--all").stdout.strip() == "0002-web is stopped."


def test_a_folder_that_cannot_be_written_is_a_clear_message(lab: Lab) -> None:
    lab.env["LAB_HOME"] = "/proc/lab"
    ran = lab("run", "day3", "--plain")
    assert ran.returncode == 3
    assert "LAB_HOME" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_run_that_cannot_be_recorded_says_so_and_exits_with_3(lab: Lab, web: str) -> None:
    """A limit on the size of files stands for a full disk, which only root could make."""
    command = f"ulimit -f 16; exec {LAB} run {web} --plain --for 8s --rate 20"
    ran = subprocess.run(
        ["bash", "-c", command], env=lab.env, cwd=lab.home, capture_output=True, text=True, timeout=90, check=False
    )
    assert ran.returncode == 3, ran.stderr
    assert ran.stderr.count("lab: the journal is not being written: File too large") == 1
    assert "the recording of 0001-web is incomplete" in ran.stderr
    assert "Run 0001-web: " in ran.stdout
    assert lab.processes() == []


@pytest.mark.skipif(os.environ.get("LAB_AMQP_URL") is not None, reason="the machine has a broker at a URL")
def test_an_engine_that_is_not_there_says_how_to_get_it(lab: Lab) -> None:
    lab.env["PATH"] = str(Path(LAB).parent)
    ran = lab("run", "day3", "--plain", "--engine", "amqp=url")
    assert ran.returncode == 3
    assert "LAB_AMQP_URL" in ran.stderr


def test_ctrl_c_while_a_detached_run_starts_ends_it_with_a_word(lab: Lab) -> None:
    with lab.started("run", "day3", "--detach") as run:
        mine = lab.at_work(3)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=40)
    assert run.returncode == 130, err
    assert "it is stopped" in err
    assert not alive(mine)
    assert "No run is alive" in lab("ps").stdout


def test_a_runtime_that_stands_still_is_said_to_and_is_ended_all_the_same(lab: Lab, web: str) -> None:
    assert lab("run", web, "--detach").returncode == 0
    mine = lab.at_work(2)
    os.kill(lab.runtime(), signal.SIGSTOP)
    told = lab("ps")
    assert "does not answer" in told.stderr
    assert "No run is alive" not in told.stdout
    down = lab("down")
    assert "ending it at once" in down.stderr
    assert down.stdout.strip().endswith("is stopped.")
    eventually(lambda: not alive(mine), 10)


def test_a_system_of_eighty_services_runs_and_ends(lab: Lab) -> None:
    """Where a service is one small process: what limits them is the machine, not the lab."""
    services = "".join(f'[service.s{number}]\nrun = "sleep 600"\nready = "started"\n' for number in range(80))
    (lab.home / "many.toml").write_text(f'name = "many"\n{services}')
    started = lab("run", "./many.toml", "--detach")
    assert started.returncode == 0, started.stderr
    listed = json.loads(lab("ps", "--json").stdout)["runs"][0]["processes"]
    assert [one["state"] for one in listed] == ["ready"] * 80
    mine = [psutil.Process(one["pid"]) for one in listed]
    down = lab("down")
    assert down.returncode == 0, down.stderr
    assert not alive(mine)
