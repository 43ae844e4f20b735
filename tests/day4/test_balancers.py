"""Thursday's catalog behind a balancer of production: it deals requests out, and who goes away is not missed."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest

from lab.course import systems
from lab.day4_cache import system
from lab.day4_cache.balancer import haproxy, nginx
from lab.day4_cache.balancer.__main__ import instances
from lab.journal.event import Flow, Log
from lab.runtime.api import ControlError
from lab.system.refusal import NotInstalled
from tests.runtime.live import Live, started
from tests.waiting import eventually

INSTALLED = [
    pytest.param(
        kind, marks=pytest.mark.skipif(not shutil.which(kind, path=f"/usr/sbin:{path}"), reason="not installed")
    )
    for kind, path in (("haproxy", "/usr/bin:/opt/homebrew/bin"), ("nginx", "/usr/bin:/opt/homebrew/bin"))
]


def asked(live: Live, since: float) -> Counter[str]:
    """What visitors asked of each instance; a balancer asks, too, whether they are ready."""
    flows = [event for event in live.events() if isinstance(event, Flow) and event.source == "balancer"]
    return Counter(flow.target for flow in flows if flow.t > since and flow.role == "call" and "/products" in flow.op)


def failures(live: Live) -> list[Flow]:
    flows = [event for event in live.events() if isinstance(event, Flow) and event.source == "client"]
    return [flow for flow in flows if flow.outcome != "ok" or flow.status.startswith("5")]


@pytest.mark.parametrize("kind", INSTALLED)
def test_it_deals_requests_out_and_an_instance_that_stops_is_not_missed(kind: str) -> None:
    chosen = systems.find("day4", {"balancer": kind, "replicas": "three"}, None)
    with started(chosen, rate=15.0) as live:
        live.ready()
        eventually(lambda: sum(asked(live, 0.0).values()) >= 60)
        dealt = asked(live, 0.0)
        assert set(dealt) == {"catalog-1", "catalog-2", "catalog-3"}
        assert min(dealt.values()) > 0.6 * max(dealt.values())

        live.control.act("catalog-2", "stop")
        live.until("catalog-2", "stopped")
        since = live.status().elapsed
        eventually(lambda: sum(asked(live, since).values()) >= 40)
        live.control.act("catalog-2", "start")
        live.until("catalog-2", "ready")
        since = live.status().elapsed
        eventually(lambda: asked(live, since)["catalog-2"] > 5)
        assert failures(live) == []
        assert kind in next(
            line.message for line in live.events() if isinstance(line, Log) and line.source == "balancer"
        )

        with pytest.raises(ControlError, match="cannot be scaled here"):
            live.control.scale("catalog", 4)


@pytest.mark.parametrize("kind", INSTALLED[:1])
def test_haproxy_asks_who_is_ready_and_leaves_the_others_alone(kind: str) -> None:
    with started(systems.find("day4", {"balancer": kind, "replicas": "three"}, None), rate=10.0) as live:
        live.ready()
        eventually(lambda: asked(live, 0.0)["catalog-3"] > 3)
        live.control.act("catalog-3", "freeze")
        eventually(lambda: any("catalog-3 is DOWN" in line for line in live.logged("balancer")))
        since = live.status().elapsed + 0.5
        eventually(lambda: asked(live, since)["catalog-1"] > 10)
        assert asked(live, since)["catalog-3"] == 0
        live.control.act("catalog-3", "thaw")
        since = live.status().elapsed + 5.5  # what it was asked before is answered now
        eventually(lambda: asked(live, since)["catalog-3"] > 3)


@pytest.mark.parametrize("kind", [haproxy, nginx])
def test_the_configuration_names_each_instance_and_where_it_is(kind: object) -> None:
    env = {"CATALOG_1_URL": "http://127.0.0.1:7001", "CATALOG_2_URL": "http://127.0.0.1:7002", "CATALOG": "no"}
    found = instances(env)
    assert found == {"catalog-1": "127.0.0.1:7001", "catalog-2": "127.0.0.1:7002"}
    text = kind.configuration("127.0.0.1:9000", found)  # type: ignore[attr-defined]
    assert "127.0.0.1:9000" in text
    for name, address in found.items():
        (line,) = [line for line in text.splitlines() if address in line]
        assert name in line


def test_what_is_not_installed_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(system, "SYSTEM_FOLDERS", "/nowhere")
    with pytest.raises(NotInstalled, match="haproxy is not installed") as refused:
        systems.find("day4", {"balancer": "haproxy"}, None)
    assert "apt install haproxy" in refused.value.why
    assert refused.value.instead == "lab run day4 --balancer own"
