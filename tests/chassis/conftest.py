"""Brokers and databases for the chassis: the embedded ones, and the real ones where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from lab.chassis.database import Database
from lab.engines.sql import tiers as sql
from tests.brokers import EmbeddedBroker, PrivateBroker, free_port
from tests.waiting import eventually


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PrivateBroker]:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture(params=["embedded", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def any_broker(request: pytest.FixtureRequest) -> PrivateBroker:
    found = request.getfixturevalue("broker" if request.param == "embedded" else "rabbitmq_node")
    assert isinstance(found, PrivateBroker)
    return found


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a private PostgreSQL cluster."""
    programs = sql.find()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    port = free_port()
    # Not under pytest's folder: PostgreSQL refuses root, and the user it runs as instead cannot enter root's.
    folder = Path(tempfile.mkdtemp(prefix="lab-test-"))
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "lab.engines.sql.cluster", "--programs", programs),
            *("--port", str(port), "--data", str(folder)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, sql.PASSWORD: "secret"},
    )
    url = f"postgresql://{sql.ROLE}:secret@127.0.0.1:{port}"

    def answers() -> bool:
        assert server.poll() is None, "the cluster ended at its start"
        try:
            return Database(f"{url}/postgres").check() is None
        except OperationalError:
            return False

    try:
        eventually(answers, 60, every=0.2)
        yield url
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty database of each kind, in which nobody gives up waiting because the machine is busy."""
    monkeypatch.setattr("lab.chassis.database._BUSY_MS", 60_000)
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/test.db")
    else:
        cluster = request.getfixturevalue("cluster")
        name = f"test_{uuid.uuid4().hex}"
        admin = create_engine(f"{cluster}/postgres".replace("://", "+psycopg://"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        database = Database(f"{cluster}/{name}")
    yield database
    database.close()
