"""The monolith, and whoever calls a neighbour reaching it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from lab.day1_monolith.monolith import app as monolith
from lab.day6_integration.calls import neighbour as neighbours


@pytest.fixture
def legacy(tmp_path: Path) -> Iterator[TestClient]:
    """The monolith."""
    url = f"sqlite:///{tmp_path / 'legacy.db'}"
    nobody = "http://127.0.0.1:9"
    app = monolith.create_app(monolith.Settings(service_name="legacy", database_url=url, notify_url=nobody))
    with TestClient(app) as client:
        yield client


@pytest.fixture
def found(legacy: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever calls a neighbour reaches the monolith."""
    monkeypatch.setattr(neighbours, "http_client", lambda *_, **__: legacy)
