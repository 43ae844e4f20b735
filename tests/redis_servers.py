"""Private Redis servers for tests, started as a run would start them: the embedded one, and that of PATH."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from lab.engines.recipe import Place
from lab.engines.redis import tiers
from lab.wire.session import Address
from tests.brokers import free_port
from tests.waiting import eventually

BOTH_SERVERS = [
    pytest.param("embedded", id="embedded"),
    pytest.param(
        "native",
        id="redis-server",
        marks=[
            pytest.mark.redis_server,
            pytest.mark.skipif(tiers.find() is None, reason="redis-server is not installed"),
        ],
    ),
]


@contextlib.contextmanager
def redis_server(tier: str, folder: Path) -> Iterator[Address]:
    """A server of this tier with its data in `folder`, open to all, and nothing left of it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = getattr(tiers, tier)(Place(data=folder, port=free_port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(recipe.argv, stdout=log, stderr=log, env={**os.environ, **recipe.env})
    try:
        eventually(lambda: _open(recipe.host, recipe.port))
        with redis.Redis.from_url(recipe.url.format(address=f"{recipe.host}:{recipe.port}")) as owner:
            owner.config_set("requirepass", "")
        yield recipe.host, recipe.port
    finally:
        process.kill()
        process.wait()


def _open(host: str, port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((host, port)) == 0
