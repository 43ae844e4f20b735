"""Fixtures that tests of several rooms share: the AMQP brokers to meet, each started once a session."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from lab.locale import VARIABLE
from tests.brokers import EmbeddedBroker, PrivateBroker, RabbitNode, rabbitmq_installed

BOTH_BROKERS = [pytest.param("embedded", id="embedded"), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)]


def pytest_configure() -> None:
    """Tests are started alike everywhere.

    A shell starts background jobs deaf to Ctrl-C, nohup starts anything deaf to a closed terminal: so would be every
    command that the tests interrupt.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    os.environ[VARIABLE] = "en"  # whatever the machine's language is; a test of another says so


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """The embedded broker; names of queues and exchanges are each test's own to choose."""
    with EmbeddedBroker(tmp_path_factory.mktemp("embedded")) as broker:
        yield broker


@pytest.fixture(scope="session")
def rabbitmq_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """A private RabbitMQ node; skips where RabbitMQ is not installed."""
    if not rabbitmq_installed():
        pytest.skip("RabbitMQ is not installed")
    with RabbitNode(tmp_path_factory.mktemp("rabbitmq")) as node:
        yield node


@pytest.fixture(params=BOTH_BROKERS)
def amqp_broker(request: pytest.FixtureRequest) -> PrivateBroker:
    """The embedded broker and, where it is installed, a real RabbitMQ: one test, both engines."""
    name = "embedded_broker" if request.param == "embedded" else "rabbitmq_node"
    broker: PrivateBroker = request.getfixturevalue(name)
    return broker


@pytest.fixture
def amqp_url(amqp_broker: PrivateBroker) -> str:
    """The URL of the same."""
    return amqp_broker.url
