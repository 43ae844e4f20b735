"""`lab ps` says which processes are the learner's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli.look.ps import ps
from lab.system.model import Service, System
from tests.runtime.live import started


def test_ps_says_which_service_is_yours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    system = System(
        name="toy",
        services=tuple(
            Service(name=name, command=("sleep", "600"), ready="started", mine=name == "orders")
            for name in ("orders", "users")
        ),
    )
    with started(system):
        ps()
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "yours" in lines["orders"]
    assert "yours" not in lines["users"]
