"""The embedded Redis beside a real redis-server: the same scripts, the same replies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engines.redis import tiers
from lab.wire.session import Address
from tests.engines.redis.scripts import SCRIPTS
from tests.engines.redis.talk import Talk, play
from tests.redis_servers import redis_server

pytestmark = [
    pytest.mark.redis_server,
    pytest.mark.skipif(tiers.find() is None, reason="redis-server is not installed"),
]

SINCE_7_2 = "came with Redis 7.2, and so with Valkey"
ACCEPTED = {
    "clients: a CLIENT SETINFO lib-name ioredis": SINCE_7_2,
    "clients: a CLIENT SETINFO LIB-VER 5.4.1": SINCE_7_2,
    "clients: a CLIENT NO-TOUCH on": SINCE_7_2,
    "clients: a READONLY": "Valkey takes it without a cluster, too, where it says nothing",
    "clients: a READWRITE": "as READONLY",
    "server: a CONFIG REWRITE": "the native one has a configuration file, with its password",
    "server: a MODULE LIST": "Lua is a module of Valkey's",
    "transactions: a exec": "a WATCH inside of MULTI dooms it",
    "scripts: a EVAL \"return redis.call('BLPOP','nothing',0)\" 0": "since 7.2 as if the time were up",
}
"""Where the two differ, and why that does no harm."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Address, Address]]:
    folder: Path = tmp_path_factory.mktemp("redis")
    with redis_server("embedded", folder / "embedded") as embedded, redis_server("native", folder / "real") as real:
        yield embedded, real


@pytest.mark.parametrize("hello", [2, 3])
@pytest.mark.parametrize("about", SCRIPTS)
def test_replies_are_those_of_redis(about: str, hello: int, servers: tuple[Address, Address]) -> None:
    told = []
    for address in servers:
        talk = Talk(address)
        talk.ask(b"FLUSHALL")
        talk.close()
        told.append(list(play(SCRIPTS[about], address, hello)))
    embedded, real = told
    differences = {
        f"{about}: {line}": f"embedded {ours!r}\n  redis    {theirs!r}"
        for (line, ours), (_, theirs) in zip(embedded, real, strict=True)
        if _code(ours) != _code(theirs)
    }
    unknown = [f"{line}\n  {said}" for line, said in differences.items() if line not in ACCEPTED]
    assert not unknown, "\n".join(unknown)


def _code(said: object) -> object:
    """What a program may depend on: of an error its code."""
    if isinstance(said, str) and said.startswith("-"):
        return said.split()[0]
    return said
