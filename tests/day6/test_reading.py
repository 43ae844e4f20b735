"""Users are read through Redis: fast with it, right after every change, and there without it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from lab.day6_integration.users.cache import Cache
from lab.day6_integration.users.loading import Loading
from lab.day6_integration.users.views import UserView
from tests.redis_servers import redis_server

AZIZA = UserView(id="u-1", email="a@example.uz", name="Aziza")


class Table:
    """The database: what is in it, and how often it was read."""

    def __init__(self) -> None:
        self.users = {AZIZA.id: AZIZA}
        self.reads = 0

    def find(self, user_id: str) -> UserView | None:
        self.reads += 1
        return self.users.get(user_id)


def reading(url: str, slow: float = 0.0) -> Loading:
    return Loading(Cache(url, ttl=60.0, timeout=2.0), slow=slow)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server("embedded", tmp_path_factory.mktemp("redis")) as (host, port):
        yield f"redis://{host}:{port}"


@pytest.fixture
def loading(redis: str) -> Loading:
    loading = reading(redis)
    loading.changed(AZIZA.id)  # what another test left
    return loading


def test_who_was_read_once_is_read_from_the_cache(loading: Loading) -> None:
    table = Table()
    assert [loading.find(AZIZA.id, table.find) for _ in range(5)] == [AZIZA] * 5
    assert table.reads == 1
    table.users[AZIZA.id] = renamed = AZIZA.model_copy(update={"name": "B"})
    loading.changed(AZIZA.id)
    assert loading.find(AZIZA.id, table.find) == renamed


def test_whoever_there_is_not_is_not_remembered(loading: Loading) -> None:
    table = Table()
    assert loading.find("u-2", table.find) is None
    table.users["u-2"] = AZIZA.model_copy(update={"id": "u-2"})
    assert loading.find("u-2", table.find) is not None


def test_a_row_that_was_read_before_a_change_is_not_kept(loading: Loading) -> None:
    table = Table()
    renamed = AZIZA.model_copy(update={"name": "B"})

    def overtaken(user_id: str) -> UserView | None:
        old = table.find(user_id)
        table.users[user_id] = renamed
        loading.changed(user_id)
        return old

    assert loading.find(AZIZA.id, overtaken) == AZIZA
    assert loading.find(AZIZA.id, table.find) == renamed


@pytest.mark.parametrize("there", [True, False])
def test_a_crowd_reads_the_database_a_few_times(redis: str, there: bool) -> None:
    table, crowd = Table(), 20
    loading, together = reading(redis if there else "redis://127.0.0.1:9", slow=0.3), Barrier(crowd)
    loading.changed(AZIZA.id)

    def look(_: int) -> UserView | None:
        together.wait(20)
        return loading.find(AZIZA.id, table.find)

    with ThreadPoolExecutor(crowd) as pool:
        assert list(pool.map(look, range(crowd))) == [AZIZA] * crowd
    assert table.reads <= crowd / 5
