"""What tests of several rooms share: how they start and in which order, their metrics, the AMQP brokers to meet."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import prometheus_client
import pytest
from hypothesis import HealthCheck, settings
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from lab.locale import VARIABLE
from tests.brokers import EmbeddedBroker, PrivateBroker, rabbitmq_installed, shared_rabbit

# Tests start hundreds of interpreters; each would compile the lab for itself where nothing compiled may be kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Hypothesis judges what comes out, not how long a busy machine took for it.
settings.register_profile("lab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lab")


class Metrics(CollectorRegistry):
    """A service is a process, and its days name their metrics alike; here they all meet in one. The last one stands."""

    def register(self, collector: Collector) -> None:
        for name in self._get_names(collector):  # type: ignore[no-untyped-call]
            if (known := self._names_to_collectors.get(name)) is not None:
                self.unregister(known)
        super().register(collector)


prometheus_client.REGISTRY.__class__ = Metrics

HERE = Path(__file__).parent
WORKER = "PYTEST_XDIST_WORKER"
"""Set in the processes that pytest-xdist runs tests in."""
BOTH_BROKERS = [pytest.param("embedded", id="embedded"), pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)]

WAITING = 3
"""Workers a core: most of a test is waiting, for processes and for what must not happen."""
LONGEST = (
    "day4/test_scenarios.py",
    "day2/test_scenarios.py",
    "engines/amqp/test_restart.py",
    "e2e/test_run.py",
    "cli/test_check.py",
    "day5/test_scenarios.py",
    "e2e/test_broker.py",
    "day3/test_scenarios.py",
    "day6/test_scenarios.py",
    "e2e/test_native.py",
    "day1/test_scenarios.py",
    "day4/test_scaling.py",
    "day4/test_regions.py",
    "day6/test_game_day.py",
    "day5/test_blind.py",
    "day3/test_orchestrator.py",
    "day3/test_fault_schedules.py",
    "day3/test_kafka.py",
    "day3/test_saga.py",
    "engines/amqp/test_blocked.py",
    "engines/test_tiers.py",
    "engines/amqp/test_process.py",
    "engines/amqp/core/test_log.py",
    "e2e/test_terminal.py",
    "dashboard/test_terminal.py",
    "chassis/test_messaging.py",
    "grading/test_grade.py",
    "load/test_generator.py",
)
"""Files that take long come first: one that is begun last is what all others are waited with for."""

SAMPLE = "LAB_PLAYS"
"""Set to a seed, it halves the plays that differ only in their settings; CI does so, with a seed of the commit."""
PLAYS = ("test_scenarios.py", "test_native.py")


def pytest_xdist_auto_num_workers() -> int:
    return WAITING * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {HERE / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))
    if seed := os.environ.get(SAMPLE):
        items[:] = _sampled(items, random.Random(seed))


def _sampled(items: Sequence[pytest.Item], chance: random.Random) -> list[pytest.Item]:
    """All items, but of each play with several settings only half of these, and one at least."""
    alike: dict[str, list[str]] = {}
    for item in items:
        if item.path.name in PLAYS:
            alike.setdefault(item.nodeid.partition("[")[0], []).append(item.nodeid)
    kept = {one for same in alike.values() for one in chance.sample(same, (len(same) + 1) // 2)}
    return [item for item in items if item.path.name not in PLAYS or item.nodeid in kept]


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
    """A RabbitMQ node that all workers share; skips where RabbitMQ is not installed."""
    if not rabbitmq_installed():
        pytest.skip("RabbitMQ is not installed")
    temporary = tmp_path_factory.getbasetemp()
    with shared_rabbit((temporary.parent if WORKER in os.environ else temporary) / "rabbitmq") as broker:
        yield broker


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
