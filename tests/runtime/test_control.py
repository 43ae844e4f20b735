"""The control API: one live run, asked and disturbed as commands and curl would."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import httpx
import msgspec
import pytest

from lab.journal.event import FaultChange, Flow, Log, from_line
from lab.runtime.api import Action, ControlError, RunOptions
from lab.runtime.client import AsyncControl, Control
from lab.runtime.control import KEEP_ALIVE
from lab.runtime.runs import find, list_runs
from lab.system.model import Journey, Request, System
from lab.system.refusal import Unknown
from tests.runtime.live import Live, pair, started
from tests.waiting import eventually


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One run for all tests of this file; none of them ends it."""
    before = os.environ.get("LAB_HOME")
    os.environ["LAB_HOME"] = str(tmp_path_factory.mktemp("home"))
    parts = pair()
    visit = Journey(name="visit", requests=(Request(method="GET", service="front", path="/call"),))
    system = System(name="toy", title="Toys", services=parts.services, links=parts.links, journeys=(visit,))
    try:
        with started(system, seed=7, rate=4.0) as live:
            yield live.ready()
    finally:
        os.environ.pop("LAB_HOME")
        if before is not None:
            os.environ["LAB_HOME"] = before


@pytest.fixture(autouse=True)
def lab_home(live: Live, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the shared run."""
    home = live.record.folder.parents[1]
    monkeypatch.setenv("LAB_HOME", str(home))
    return home


def plain(live: Live) -> httpx.Client:
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(live.record.socket)), base_url="http://lab")


def test_the_run_tells_what_it_is(live: Live) -> None:
    status = live.status()
    assert (status.id, status.system, status.title, status.seed) == (live.record.id, "toy", "Toys", 7)
    assert {p.name: p.role for p in status.processes} == {"front": "service", "back": "service", "load": "load"}
    assert status.pid == live.record.pid
    link = next(link for link in status.links if link.id == "front->back")
    assert (link.protocol, link.upstream) == ("http", live.process("back").url.removeprefix("http://"))
    assert live.control.system().name == "toy"
    eventually(lambda: live.process("back").rss > 1_000_000)


def test_only_the_owner_may_open_the_socket(live: Live) -> None:
    assert stat.S_IMODE(live.record.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(live.record.folder.stat().st_mode) == 0o700


def test_it_describes_itself(live: Live) -> None:
    with plain(live) as http:
        document = http.get("/openapi.json").json()
        paths = {path: sorted(methods) for path, methods in document["paths"].items()}
        assert paths == {
            "/run": ["get"],
            "/system": ["get"],
            "/processes": ["get"],
            "/processes/{name}/{action}": ["post"],
            "/processes/{name}/environment": ["put"],
            "/processes/{name}/wipe": ["post"],
            "/services/{name}/replicas": ["put"],
            "/faults": ["delete", "get", "post"],
            "/faults/{ident}": ["delete"],
            "/load": ["get", "patch"],
            "/questions/{ident}": ["post"],
            "/checks": ["post"],
            "/events": ["get"],
            "/journal/flush": ["post"],
            "/stop": ["post"],
        }
        action = document["paths"]["/processes/{name}/{action}"]["post"]["parameters"][1]
        assert action["schema"]["enum"] == list(get_args(Action))


def test_flows_over_the_taps_are_journaled(live: Live) -> None:
    httpx.get(live.url("client->front") + "/call", headers={"X-Request-ID": "abc-1"})
    flows = eventually(
        lambda: [e for e in live.events() if isinstance(e, Flow) and e.correlation == "abc-1" and e.link != ""]
    )
    eventually(lambda: {e.link for e in live.events() if isinstance(e, Flow) and e.correlation == "abc-1"} >= {
        "client->front", "front->back",
    })  # fmt: skip
    assert all(flow.status == "200" and flow.ms is not None for flow in flows)


def test_a_fault_disturbs_hits_and_heals(live: Live) -> None:
    fault = live.control.add_fault("status front->back 418 for 60s", owner="a test")
    assert (fault.kind, fault.target, fault.owner) == ("status", "front->back", "a test")
    assert fault.remaining is not None
    assert [f.id for f in live.control.faults()] == [fault.id]
    assert httpx.get(live.url("client->front") + "/call").status_code == 418
    (healed,) = live.control.heal(fault.id)
    assert healed.victims >= 1
    assert live.control.faults() == []
    assert httpx.get(live.url("client->front") + "/call").status_code == 200
    changes = [e.change for e in live.events() if isinstance(e, FaultChange) and e.id == fault.id]
    assert changes[0] == "added"
    assert "hit" in changes


def test_a_fault_heals_by_itself(live: Live) -> None:
    fault = live.control.add_fault("freeze back for 0.3s")
    assert live.process("back").state == "frozen"
    eventually(lambda: live.process("back").state == "ready")
    eventually(
        lambda: [e.change for e in live.events() if isinstance(e, FaultChange) and e.id == fault.id][-1] == "expired"
    )


def test_process_faults_happen(live: Live) -> None:
    before = live.process("back").restarts
    live.control.add_fault("slow-start back 1s")
    fault = live.control.add_fault("kill back")
    assert (fault.victims, fault.remaining) == (1, 0.0)
    eventually(lambda: live.process("back").reason == "slow start: held back for 1 s")
    eventually(lambda: (p := live.process("back")).restarts == before + 1 and p.state == "ready")
    assert live.control.faults() == []


def test_healing_ends_a_slow_start(live: Live) -> None:
    live.control.add_fault("slow-start back 600s")
    live.control.act("back", "restart")
    eventually(lambda: live.process("back").reason.startswith("slow start"))
    live.control.heal()
    live.until("back", "ready")


def test_load_is_adjustable(live: Live) -> None:
    eventually(lambda: live.control.load().ok > 0)
    assert live.control.load().rate == 4.0
    assert live.control.set_rate(9.0).rate == 9.0
    eventually(
        lambda: '"rate":9.0' in live.record.journal.read_text().splitlines()[-1] or live.control.load().rate == 9.0
    )
    with pytest.raises(ControlError, match="rate"):
        live.control.set_rate(-1)


@pytest.mark.parametrize(
    ("ask", "status", "said"),
    [
        (lambda c: c.act("bakc", "kill"), 404, 'there is no process "bakc"\nDid you mean back?'),
        (lambda c: c.act("back", "thaw"), 409, "back is not frozen, it is ready"),
        (lambda c: c.act("back", "explode"), 422, "action"),
        (lambda c: c.set_environment("bakc", {}), 404, "Did you mean back?"),
        (lambda c: c.set_environment("load", {}), 409, "load is no service that the lab starts"),
        (lambda c: c.set_environment("back", {"PORT": "1"}), 409, "PORT stays as it is"),
        (lambda c: c.set_environment("back", {"A-B": "1"}), 422, "A-B"),
        (lambda c: c.set_environment("back", {"A": "\0"}), 422, "A"),
        (lambda c: c.wipe("bakc"), 404, "Did you mean back?"),
        (lambda c: c.wipe("back"), 409, "stop back first: it is ready, and its data is in use"),
        (lambda c: c.heal("f999"), 404, 'there is no active fault "f999"'),
        (lambda c: c.add_fault("latncy front->back"), 422, "latency"),
        (lambda c: c.add_fault("latency front->bakc"), 422, "front->back"),
        (lambda c: c.add_fault("poison front->back"), 422, "amqp"),
    ],
)
def test_refusals_are_in_words(live: Live, ask: object, status: int, said: str) -> None:
    with pytest.raises(ControlError) as caught:
        ask(live.control)  # type: ignore[operator]
    assert caught.value.status == status
    assert said in str(caught.value)


def test_after_a_flush_everything_is_in_the_file(live: Live) -> None:
    for number in range(20):
        httpx.get(live.url("client->front") + "/hello", headers={"X-Request-ID": f"flush-{number}"})
        last = live.control.flush()
        events = [event for event in live.events() if event.seq <= last]
        assert events[-1].seq == last
        seen = {type(event) for event in events if event.correlation == f"flush-{number}"}
        assert {Flow, Log} <= seen


def test_errors_are_problem_documents(live: Live) -> None:
    with plain(live) as http:
        answer = http.post("/faults", json={"text": "nonsense"})
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 422


def test_the_journal_is_streamed(live: Live) -> None:
    lines = list(live.control.events(since=2))
    assert [from_line(line).seq for line in lines[:3]] == [2, 3, 4]
    follower = live.control.events(since=len(lines), follow=True)
    fault = live.control.add_fault("latency front->back 1ms")
    assert any(isinstance(e := from_line(line), FaultChange) and e.id == fault.id for line in follower)
    follower.close()
    live.control.heal()


async def test_the_async_client_has_the_same_names(live: Live) -> None:
    names = {name for name in dir(Control) if not name.startswith("_")}
    assert names == {name for name in dir(AsyncControl) if not name.startswith("_")}
    assert {"run", "act", "add_fault", "flush", "events"} <= names
    async with AsyncControl(live.record.socket) as control:
        assert (await control.run()).id == live.record.id
        assert len(await control.processes()) == 3
        fault = await control.add_fault("latency front->back 1ms")
        assert [f.id for f in await control.heal(fault.id)] == [fault.id]
        async for line in control.events():
            assert json.loads(line)["seq"] == 1
            break
        with pytest.raises(ControlError, match="no process"):
            await control.act("nobody", "kill")


def test_the_run_is_found(live: Live) -> None:
    assert find(None) == find("1") == find("0001") == find(live.record.id) == live.record
    assert [record.id for record in list_runs()] == [live.record.id]
    with pytest.raises(Unknown, match="0001-toy"):
        find("0001-tyo")


def test_nobody_answers_on_a_dead_socket(tmp_path: Path) -> None:
    with Control(tmp_path / "control.sock") as control, pytest.raises(ControlError, match="gone"):
        control.run()


def test_options_survive_the_folder(live: Live) -> None:
    assert live.record.options == RunOptions(seed=7, rate=4.0)
    assert msgspec.json.decode((live.record.folder / "run.json").read_bytes())["pid"] == live.record.pid


def test_a_client_gives_an_idle_connection_up_before_the_run_does() -> None:
    expiry = httpx.Limits().keepalive_expiry
    assert expiry is not None
    assert 2 * expiry < KEEP_ALIVE
