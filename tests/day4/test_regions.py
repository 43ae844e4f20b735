"""What Thursday claims of two regions is so each time that it is played."""

from __future__ import annotations

from pathlib import Path

from lab.journal.event import Flow, Log
from tests.playing import Played, play

CUT = 8
"""Second of the scenario in which the line between the regions is cut."""


def test_availability_answers_everybody_and_pays_with_stale_answers_and_conflicts(tmp_path: Path) -> None:
    played = play(tmp_path, "day4", "partition")
    what, conflicts = played.answers
    assert (what, conflicts) == ("done", 10), "one for each traveller: residents are written where they live"
    assert played.measure("failed") == played.measure("refused_reads") == played.measure("refused_writes") == 0
    assert 0 < float(played.measure("outdated", CUT)) < float(played.measure("told_stale", CUT))
    assert float(played.measure("oldest")) > 10
    _in_step(played)


def test_consistency_refuses_in_the_region_that_is_cut_off_and_pays_with_nothing_else(tmp_path: Path) -> None:
    played = play(tmp_path, "day4", "partition", prefer="consistency")
    assert played.answers == ["refused", 0]
    for measure in ("reads", "writes"):
        assert 0 < float(played.measure(f"refused_{measure}")) < float(played.measure(measure, CUT)) * 0.7
    assert played.measure("outdated") == played.measure("told_stale") == 0
    refused = {
        event.correlation
        for event in played.events
        if isinstance(event, Flow) and event.status == "503" and _writes(event)
    }
    done = {event.correlation for event in played.events if isinstance(event, Log) and event.event == "written"}
    assert refused
    assert not refused & done, "what was refused is not done, also not when the line is back"
    assert not [e for e in played.events if isinstance(e, Flow) and e.link == "client->tashkent" and e.status == "503"]
    _in_step(played)


def test_each_operation_may_choose_for_itself(tmp_path: Path) -> None:
    played = play(tmp_path, "day4", "partition", prefer="per-operation")
    assert played.answers == ["refused", 0]
    assert float(played.measure("refused_writes")) > 0
    assert played.measure("refused_reads") == 0
    assert float(played.measure("told_stale")) > 0
    _in_step(played)


def _writes(flow: Flow) -> bool:
    return flow.source == "client" and flow.op.startswith("PUT ")


def _in_step(played: Played) -> None:
    """Soon after the line is back both regions have all that was promised anywhere, and they count it alike."""
    assert played.measure("different") == 0
    assert 0 < float(played.measure("converged")) < 5
    latest = dict[str, dict[str, dict[str, int]]]()
    for event in played.events:
        if isinstance(event, Log) and event.event in ("written", "replicated", "conflict"):
            latest.setdefault(event.data["id"], {})[event.source] = event.data["versions"]
    travellers = [regions for user, regions in latest.items() if user.startswith("traveller-")]
    assert len(travellers) == 10
    assert all(regions["tashkent"] == regions["samarkand"] for regions in travellers)
