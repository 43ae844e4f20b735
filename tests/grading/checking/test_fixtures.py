"""What a check is given."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab.grading.checking.expect import Attention
from lab.grading.checking.fixtures import SystemUnderTest, Wire
from lab.journal.event import Flow


@pytest.mark.parametrize(("code", "remarks"), [(0, 0), (-signal.SIGTERM, 0), (-signal.SIGKILL, 1)])
def test_a_service_that_is_deaf_to_sigterm_is_remarked(
    code: int, remarks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(Attention, "warned", heard.append)
    bench = SimpleNamespace(
        processes=SimpleNamespace(stop=lambda _: None), seen=SimpleNamespace(exit_code=lambda _: code)
    )
    SystemUnderTest(cast(Any, bench)).stop("orders")
    assert [("orders" in words, "SIGTERM" in words) for words in heard] == [(True, True)] * remarks


def _delivered(**more: Any) -> Flow:
    return Flow(seq=1, link="payments->amqp", role="delivery", back=True, message="m", queue="q", **more)


def _answered(**more: Any) -> Flow:
    return Flow(seq=2, link="payments->amqp", role="ack", message="m", queue="q", **more)


@pytest.mark.parametrize(
    ("flows", "acknowledged"),
    [
        ([_delivered(), _answered()], True),
        ([_delivered(status="no-ack")], True),
        ([_delivered()], False),
        ([_delivered(), _answered(outcome="lost", status="connection lost")], False),
        ([_delivered(status="no-ack", outcome="lost")], False),
    ],
)
def test_a_delivery_that_was_cut_off_is_not_acknowledged(flows: list[Flow], acknowledged: bool) -> None:
    bench = SimpleNamespace(seen=SimpleNamespace(flows=lambda: flows))
    wire = Wire(cast("Any", bench))
    assert wire.acknowledged("payments->amqp", ["m"]) is acknowledged
    assert not wire.acknowledged("payments->amqp", ["another"])
    assert not wire.acknowledged("payments->amqp", ["m"], since=2)
