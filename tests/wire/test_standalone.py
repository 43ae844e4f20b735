from __future__ import annotations

import asyncio
import contextlib

import httpx
import pytest

from lab.faults.text import FaultError
from lab.journal.event import Event, FaultChange, Flow, Note
from lab.system.model import Link
from lab.wire.standalone import aimed, serve
from tests.waiting import aeventually
from tests.wire.loops import in_both_loops
from tests.wire.rig import Web, serving

LINK = Link(source="client", target="server", protocol="tcp")


@in_both_loops
async def test_a_tap_alone_decodes_disturbs_and_ends() -> None:
    events: list[Event] = []
    async with serving(Web()) as upstream:
        task = asyncio.ensure_future(
            serve(
                "http", ("127.0.0.1", 0), upstream, ['status 503 on "POST *"', "latency 1ms for 200ms"], events.append
            )
        )
        await aeventually(lambda: events)
        assert isinstance(events[0], Note)
        port = int(events[0].text.split(" ")[3].rpartition(":")[2])
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert (await client.get("/x")).status_code == 200
            assert (await client.post("/x")).status_code == 503
        flows = [event for event in events if isinstance(event, Flow)]
        assert [(flow.op, flow.status) for flow in flows] == [("GET /x", "200"), ("POST /x", "503")]
        await aeventually(lambda: any(isinstance(e, FaultChange) and e.change == "expired" for e in events))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


def test_a_fault_needs_no_target_and_no_end() -> None:
    fault = aimed("latency 300ms 20%", LINK, "http")
    assert (fault.target, fault.params["delay"], fault.share, fault.duration) == ("client->server", 0.3, 0.2, None)
    assert aimed("latency a->b 300ms for 5s", LINK, "http") == aimed("latency 300ms for 5s", LINK, "http")
    assert aimed("refuse", LINK, "http").duration is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kill", "one process"),
        ("partition", "whole system"),
        ("miss", "is for redis"),
        ('latency on "publish order.*"', 'write it like "POST /orders'),
        ("latency 3", "3ms or 3s"),
        ("nonsense", "not a fault"),
    ],
)
def test_a_fault_that_does_not_fit(text: str, says: str) -> None:
    with pytest.raises(FaultError, match=says):
        aimed(text, LINK, "http")
