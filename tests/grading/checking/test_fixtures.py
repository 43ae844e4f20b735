"""What a check is given."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab.grading.checking.expect import Attention
from lab.grading.checking.fixtures import SystemUnderTest


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
