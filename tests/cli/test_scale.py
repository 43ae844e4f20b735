"""`lab scale` waits for what it asked for, says what there is then, and what can be scaled where something cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.cli import complete, exits
from lab.cli.disturb.scale import scale
from lab.cli.failure import Failure
from lab.system.model import Service, System
from tests.runtime.live import started

SYSTEM = System(
    name="toy",
    services=(
        Service(name="orders", command=("sleep", "600"), ready="started", replicas=1),
        Service(name="users", command=("sleep", "600"), ready="started"),
    ),
)


def offered(completer: Callable[[Any, str], list[tuple[str, str]]]) -> set[str]:
    return {word for word, _ in completer(SimpleNamespace(params={}), "")}


def test_a_service_is_scaled_and_what_there_is_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    with started(SYSTEM) as live:
        live.ready()
        scale("orders", 3)
        out = capsys.readouterr().out
        assert out.splitlines()[-1] == "orders has 3 instances"
        assert [line.split()[:2] for line in out.splitlines()[:-1]] == [
            [f"orders-{number}", "ready"] for number in (1, 2, 3)
        ]
        assert [process.name for process in live.status().processes] == ["orders-1", "orders-2", "orders-3", "users"]
        assert offered(complete.replicated) == {"orders"}
        assert offered(complete.services) == {"orders", "orders-1", "orders-2", "orders-3", "users"}
        scale("orders", 3)
        assert "as before" in capsys.readouterr().out
        scale("orders", 1, as_json=True)
        told = json.loads(capsys.readouterr().out)
        assert (told["service"], told["before"]) == ("orders", 3)
        assert [one["name"] for one in told["instances"]] == ["orders-1"]
        assert [process.name for process in live.status().processes] == ["orders-1", "users"]
        scale("orders")
        assert capsys.readouterr().out.endswith("orders has 1 instance\n")

        for name, problem in (("users", "one process"), ("oders", "no service oders"), ("orders-1", "an instance")):
            with pytest.raises(Failure, match=problem) as refused:
                scale(name, 2)
            assert refused.value.next == "lab scale orders 3"
            assert refused.value.code == exits.USAGE
