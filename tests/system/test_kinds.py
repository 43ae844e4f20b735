"""Protocols and kinds of engines are found as data; one more of each is one more folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest

from lab.engines import catalog
from lab.grading.instruments import Opener
from lab.journal.event import Flow
from lab.system import kinds
from lab.system.model import Engine, Link, Service, System
from lab.system.toml import load
from lab.system.validate import InvalidSystem, validate
from tests import toys
from tests.runtime.live import started
from tests.waiting import eventually

SYSTEM = System(
    name="toy",
    services=(Service(name="writer", command=("sh", "-c", "echo at $BOARD_ADDRESS; sleep 600"), ready="started"),),
    engines=(Engine(name="wall", kind="board"),),
    links=(Link(source="writer", target="wall", protocol="lines"),),
)


@pytest.fixture
def toy_kinds() -> Iterator[None]:
    with toys.found():
        yield


def test_every_record_names_code_that_there_is() -> None:
    for protocol in kinds.protocols().values():
        assert not protocol.session or callable(resolve_name(protocol.session))
    for kind in kinds.engine_kinds().values():
        assert set(kind.protocols) <= set(kinds.protocols())
        tiers = resolve_name(kind.tiers)
        for name in ("embedded", *(("native", "find", "version") if kind.native else ())):
            assert callable(getattr(tiers, name))
        for reference in filter(None, (kind.ready, kind.queues, kind.instrument)):
            assert callable(resolve_name(reference))


def test_a_folder_that_is_not_there_is_a_kind_that_is_not_there() -> None:
    with pytest.raises(InvalidSystem, match="'board' is none of amqp, kafka, redis, sql"):
        validate(SYSTEM)


@pytest.mark.usefixtures("toy_kinds")
def test_a_protocol_and_an_engine_are_each_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    validate(SYSTEM)
    with started(SYSTEM) as live:
        live.ready()
        assert live.status().tiers == {"wall": "embedded"}
        tap, direct = live.url("writer->wall"), live.process("wall").url
        eventually(lambda: f"at {tap}" in live.logged("writer"))
        opener: Opener = resolve_name(kinds.engine_kinds()["board"].instrument)
        through, past = opener(tap, list, lambda: None), opener(direct, list, lambda: None)
        assert through.ask("PIN hello") == 1  # type: ignore[attr-defined]
        past.start_over()
        assert through.ask("COUNT") == 0  # type: ignore[attr-defined]
        for instrument in (through, past):
            instrument.close()
        flows = [event for event in live.events() if isinstance(event, Flow)]
        assert [(flow.protocol, flow.op, flow.status) for flow in flows] == [
            ("lines", "PIN hello", "1"),
            ("lines", "COUNT", "0"),
        ]
        live.control.act("wall", "kill")
        eventually(lambda: live.process("wall").restarts == 1 and live.process("wall").state == "ready")


@pytest.mark.usefixtures("toy_kinds")
def test_a_new_kind_is_known_to_files_doctor_and_the_reader(tmp_path: Path) -> None:
    file = tmp_path / "notes.toml"
    file.write_text(
        '[service.writer]\nrun = "sleep 600"\n[engine.wall]\nkind = "board"\n[[link]]\nfrom = "writer"\nto = "wall"\n'
    )
    assert load(file).links[0].protocol == "lines"
    report = next(report for report in catalog.doctor(env={}) if report.kind == "board")
    assert [tier.tier for tier in report.tiers] == ["embedded", "url"]
    assert "lines" in kinds.tappable()
