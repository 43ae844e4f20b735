"""A broker for each test of the chassis: the embedded one, and RabbitMQ for tests that ask for `any_broker`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import EmbeddedBroker, PrivateBroker, RabbitNode, rabbitmq_installed


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PrivateBroker]:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    if not rabbitmq_installed():
        pytest.skip("RabbitMQ is not installed")
    with RabbitNode(tmp_path_factory.mktemp("rabbit")) as broker:
        yield broker


@pytest.fixture(params=["embedded", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def any_broker(request: pytest.FixtureRequest) -> PrivateBroker:
    found = request.getfixturevalue("broker" if request.param == "embedded" else "rabbit")
    assert isinstance(found, PrivateBroker)
    return found
