"""A pytest plugin for aiormq's tests: the fixtures that their repository keeps outside of the source distribution."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from yarl import URL


@pytest.fixture(scope="session")
def rabbitmq_container() -> SimpleNamespace:
    ports = {"5672/tcp": int(os.environ["CONFORMANCE_AMQP"]), "5671/tcp": int(os.environ["CONFORMANCE_AMQPS"])}
    return SimpleNamespace(id="loopback", host="127.0.0.1", ports=ports)


@pytest.fixture(scope="session")
def amqp_direct_url(rabbitmq_container: SimpleNamespace) -> URL:
    return URL(f"amqp://guest:guest@127.0.0.1:{rabbitmq_container.ports['5672/tcp']}//")
