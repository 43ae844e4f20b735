"""A private PostgreSQL cluster for tests: one role, with a password, on a loopback port of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from lab.engines.sql import tiers

PATIENCE = 90.0
"""Seconds for it to take connections on a machine that has much else to do."""


@contextlib.contextmanager
def private(folder: Path, port: int) -> Iterator[str]:
    """Its URL, with the login; it is gone at the end of the block."""
    programs = tiers.find()
    assert programs is not None
    password = secrets.token_hex(8)
    command = [sys.executable, "-m", "lab.engines.sql.cluster", "--programs", programs, "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--data", str(folder)], env={**os.environ, tiers.PASSWORD: password}, stderr=subprocess.DEVNULL
    )
    try:
        url = f"postgresql://{tiers.ROLE}:{password}@127.0.0.1:{port}/postgres"
        until = time.monotonic() + PATIENCE
        while not _answers(url):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
