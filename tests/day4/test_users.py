"""The users of two regions: what is made of rows that both have written, and what a region does alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.chassis.database import Database
from lab.day4_cache.users.app import Settings, create_app
from lab.day4_cache.users.models import Base, furnish
from lab.day4_cache.users.store import Store

REGIONS = ("tashkent", "samarkand")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(REGIONS), st.sampled_from(["1", "2", "new"])),
        st.tuples(st.just("pull"), st.sampled_from(REGIONS), st.just("")),
    ),
    max_size=30,
)


@contextmanager
def stores() -> Iterator[dict[str, Store]]:
    with TemporaryDirectory() as folder:
        databases = {region: Database(f"sqlite:///{folder}/{region}.db") for region in REGIONS}
        for database in databases.values():
            database.create_tables(Base.metadata)
            furnish(database)
        yield {region: Store(database, region) for region, database in databases.items()}
        for database in databases.values():
            database.close()


def other(region: str) -> str:
    return REGIONS[1 - REGIONS.index(region)]


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_regions_agree_in_the_end_and_a_conflict_is_found_where_there_was_one(
    steps: list[tuple[str, str, str]],
) -> None:
    """Held against sets of writes: who has seen which. Two names conflict if neither side has seen all of the other."""
    numbers, seen = count(1), dict[tuple[str, str], frozenset[int]]()

    def known(region: str, user: str) -> frozenset[int]:
        return seen.get((region, user), frozenset())

    with stores() as of:

        def pull(region: str) -> None:
            source = of[other(region)]
            records, upto = source.changes(of[region].place(), 100)
            found = {arrival.kept.id for arrival in of[region].receive(records, upto) if arrival.dropped is not None}
            expected = set()
            for user in {record.id for record in records}:
                ours, theirs = known(region, user), known(other(region), user)
                if not (ours <= theirs or theirs <= ours):
                    expected.add(user)
                seen[region, user] = ours | theirs
            assert found == expected

        for what, region, user in steps:
            if what == "write":
                number = next(numbers)
                of[region].write(user, f"name {number}")
                seen[region, user] = known(region, user) | {number}
            else:
                pull(region)
        for region in (*REGIONS, *REGIONS):
            pull(region)
        for user in ("1", "2", "new"):
            one, two = (of[region].find(user) for region in REGIONS)
            assert one == two
            if seen.get((REGIONS[0], user)):
                assert one is not None
                assert int(one.name.split()[1]) in seen[REGIONS[0], user]


def test_the_name_that_goes_is_told() -> None:
    with stores() as of:
        of["tashkent"].write("1", "Aziz")
        of["samarkand"].write("1", "Bobur")
        of["samarkand"].write("1", "Botir")
        (here,) = of["tashkent"].receive(*of["samarkand"].changes(0, 100))
        (there,) = of["samarkand"].receive(*of["tashkent"].changes(0, 100))
        assert (here.kept.name, here.dropped) == ("Botir", "Aziz")
        assert there.kept == here.kept
        assert there.dropped is None, "what it gets has both writes in it: the conflict is settled"


def test_whoever_reads_on_while_others_write_misses_nothing() -> None:
    """A number that is given out before, and committed after, a later one would be skipped for ever."""
    with stores() as of, ThreadPoolExecutor(8) as pool:
        source, copy = of["tashkent"], of["samarkand"]
        writers = [pool.submit(source.write, f"user-{n}", "A name") for n in range(100)]
        while not all(writer.done() for writer in writers):
            copy.receive(*source.changes(copy.place(), 7))
        for writer in writers:
            writer.result()
        while page := source.changes(copy.place(), 7)[0]:
            copy.receive(page, source.changes(copy.place(), 7)[1])
        assert all(copy.find(f"user-{n}") == source.find(f"user-{n}") is not None for n in range(100))


@contextmanager
def region(folder: Path, name: str, prefer: str) -> Iterator[TestClient]:
    """One whose neighbour does not answer: its port is nobody's."""
    chosen = Settings(
        service_name=name,
        database_url=f"sqlite:///{folder}/{name}.db",
        peer_url="http://127.0.0.1:1",
        peer=other(name),
        primary="tashkent",
        prefer=prefer,
        replicate_ms=20,
    )
    with TestClient(create_app(chosen)) as client, closing(client):
        yield client


@pytest.mark.parametrize(
    ("name", "prefer", "reads", "writes"),
    [
        ("samarkand", "availability", 200, 200),
        ("samarkand", "per-operation", 200, 503),
        ("samarkand", "consistency", 503, 503),
        ("tashkent", "consistency", 200, 200),
    ],
)
def test_what_a_region_does_alone_is_a_choice(tmp_path: Path, name: str, prefer: str, reads: int, writes: int) -> None:
    with region(tmp_path, name, prefer) as client:
        read, written = client.get("/users/7"), client.put("/users/7", json={"name": "Dilnoza"})
        assert (read.status_code, written.status_code) == (reads, writes)
        if reads == 200:
            known = name == "tashkent"  # the primary has the only say here, and misses nothing
            assert read.json()["stale"] is not known
            assert (read.json()["as_of"] is not None) is known
        if writes == 503:
            assert written.json()["code"] == "partitioned"
            assert written.headers["Retry-After"] == "1"
            assert client.get("/records/7").json()["name"] == "Resident 7"


def test_what_the_network_delivers_too_late_is_not_done(tmp_path: Path) -> None:
    """A cut line may keep a write and deliver it after its sender has told his visitor that it was refused."""
    with region(tmp_path, "tashkent", "consistency") as client:
        late = client.put("/records/7", json={"name": "Late"}, headers={"Valid-Until": str(time.time() - 0.1)})
        assert (late.status_code, late.json()["code"]) == (408, "too_late")
        assert client.get("/records/7").json()["name"] == "Resident 7"
        soon = client.put("/records/7", json={"name": "Soon"}, headers={"Valid-Until": str(time.time() + 60)})
        assert soon.json()["name"] == client.get("/users/7").json()["name"] == "Soon"
