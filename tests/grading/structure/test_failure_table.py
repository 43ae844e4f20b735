"""Rows of the table "failure behaviour": what is understood, and what is said of the others."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lab.faults import aim
from lab.faults.text import parse
from lab.grading.structure.failure_table import (
    Expected,
    Promise,
    Request,
    Unreadable,
    promise,
    promises,
    uncovered,
)
from lab.grading.structure.markdown import Row, read
from lab.system.model import CLIENT, Engine, Link, Service, System

SYSTEM = System(
    name="shop",
    title="Shop",
    services=(
        Service(name="catalog", command=("true",)),
        Service(name="orders", command=("true",)),
        Service(name="origin", address="127.0.0.1:1", role="stub"),
    ),
    engines=(Engine(name="redis", kind="redis"), Engine(name="amqp", kind="amqp"), Engine(name="db", kind="sql")),
    links=(
        Link(source=CLIENT, target="orders", protocol="http"),
        Link(source="orders", target="catalog", protocol="http"),
        Link(source="orders", target="amqp", protocol="amqp"),
        Link(source="catalog", target="redis", protocol="redis"),
        Link(source="catalog", target="origin", protocol="http"),
        Link(source="orders", target="db", protocol="sql"),
    ),
)
SHOW, PLACE = Request("GET", "/products/{id}"), Request("POST", "/orders")


def row(*cells: str) -> Promise:
    return promise(Row(7, cells), SYSTEM, [SHOW, PLACE])


@pytest.mark.parametrize(
    ("fault", "texts", "victims"),
    [
        ("redis down", ["refuse catalog->redis for 10m"], ["redis"]),
        ("`redis` is **down**", ["refuse catalog->redis for 10m"], ["redis"]),
        ("redis frozen (it stands still)", ["blackhole catalog->redis for 10m"], ["redis"]),
        ("origin slow", ["latency catalog->origin 2s for 10m"], ["origin"]),
        ("origin slow 300ms", ["latency catalog->origin 300ms for 10m"], ["origin"]),
        ("origin failing", ["status catalog->origin 503 for 10m"], ["origin"]),
        ("origin failing 500", ["status catalog->origin 500 for 10m"], ["origin"]),
        ("redis failing", ["error catalog->redis LOADING for 10m"], ["redis"]),
        ("catalog down", ["kill catalog"], ["catalog"]),
        ("catalog frozen", ["freeze catalog for 10m"], ["catalog"]),
        ("catalog slow", ["latency orders->catalog 2s for 10m"], ["catalog"]),
        ("kill catalog", ["kill catalog"], ["catalog"]),
        ("latency orders:amqp 2s", ["latency orders->amqp 2s for 10m"], ["amqp"]),
        ("error catalog->redis OOM for 5s", ["error catalog->redis OOM for 5s"], ["redis"]),
        (
            "redis down and origin down",
            ["refuse catalog->redis for 10m", "refuse catalog->origin for 10m"],
            ["redis", "origin"],
        ),
    ],
)
def test_faults(fault: str, texts: list[str], victims: list[str]) -> None:
    found = row(fault, "GET /products/{id}", "200")
    assert (list(found.faults), list(found.victims)) == (texts, victims)
    for text in texts:
        aim.aimed(parse(text), SYSTEM)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("200", Expected(200)),
        ("`200` degraded", Expected(200, degraded=True)),
        ("503 catalog_unavailable within 1s", Expected(503, "catalog_unavailable", within=1.0)),
        ("201 pending, then confirmed", Expected(201, "pending", then="confirmed")),
        ("200 (from the origin)", Expected(200)),
    ],
)
def test_answers(answer: str, wanted: Expected) -> None:
    assert row("redis down", "post /orders", answer).expected == wanted


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (("redis down", "GET /products/{id}"), "three columns"),
        (("redis gone", "GET /products/{id}", "200"), "NAME down"),
        (("reddis down", "GET /products/{id}", "200"), 'did you mean "redis"'),
        (("payments down", "GET /products/{id}", "200"), "nothing here is called 'payments'"),
        (("latency orders->redis 2s", "POST /orders", "201"), "orders"),
        (("orders slow", "POST /orders", "201"), "down or frozen"),
        (("amqp failing", "POST /orders", "201"), "cannot be failing"),
        (("origin slow much", "POST /orders", "201"), "not a time"),
        (("origin failing 404", "POST /orders", "201"), "like 503"),
        (("redis down now", "POST /orders", "201"), "'now' after down"),
        (("redis down", "GET /product", "200"), "GET /products/{id}, POST /orders"),
        (("redis down", "POST /orders", "it works"), "STATUS"),
        (("redis down", "POST /orders", "201 within a second"), "time like 2s"),
        (("redis down", "POST /orders", "201 pending then"), "like confirmed"),
        (("redis down", "POST /orders", "201 Ok!"), "'Ok!'"),
        (("redis down", "GET /products/{id}", "200 then confirmed"), "for a POST"),
        (("", "", ""), "no fault"),
    ],
)
def test_what_is_not_understood(cells: tuple[str, ...], says: str) -> None:
    with pytest.raises(Unreadable, match=".*".join(map(_escaped, says.split(".*")))):
        row(*cells)


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "{}()[]?+*." else letter for letter in text)


def test_rows_are_told_with_their_lines() -> None:
    text = "| fault | request | answer |\n|---|---|---|\n| redis down | POST /orders | 201 |\n| redis asleep | x | y |"
    found, misread = promises(read(text, "README.md"), SYSTEM, [SHOW, PLACE])
    assert [one.line for one in found] == [3]
    assert [(one.line, one.says) for one in misread] == [(4, "redis asleep | x | y")]


def test_what_no_row_is_about() -> None:
    found = [row("redis down", "GET /products/{id}", "200"), row("origin down", "POST /orders", "201")]
    wanted = [("redis", [SHOW]), ("origin", [SHOW]), ("amqp", [PLACE])]
    assert list(uncovered(found, wanted)) == ["origin", "amqp"]


@pytest.mark.parametrize(
    ("fault", "away"),
    [
        ("redis down", True),
        ("redis frozen", True),
        ("redis failing", True),
        ("origin failing 500", True),
        ("status catalog->origin 503", True),
        ("catalog down", True),
        ("blackhole catalog->redis", True),
        ("redis slow 1ms", False),
        ("latency catalog->redis 2s", False),
        ("status catalog->origin 200", False),
        ("status catalog->origin 503 10%", False),
        ('status catalog->origin 503 on "GET /nothing"', False),
        ("status catalog->origin 503 x1", False),
    ],
)
def test_who_is_away(fault: str, away: bool) -> None:
    assert bool(row(fault, "GET /products/{id}", "200").away) is away


NAMES = ["redis", "origin", "catalog", "orders", "orders->catalog", "GET", "POST", "/products/{id}", "/orders"]
STATES = ["down", "frozen", "slow", "failing", "kill", "latency", "degraded", "then", "within", "pending", "and", "for"]
SIGNS = ["+", "is", "2s", "503", "x3", "20%", "ever", "(", ")", "`", "**", "|", "200"]
CELL = st.one_of(
    st.text(max_size=20),
    st.lists(
        st.sampled_from(NAMES + STATES + SIGNS),
        max_size=7,
    ).map(" ".join),
)


@given(st.lists(CELL, max_size=4))
def test_any_row_is_understood_or_refused_in_words(cells: list[str]) -> None:
    try:
        found = row(*cells)
    except Unreadable:
        return
    assert found.victims
    assert found.request in (SHOW, PLACE)
    for text in found.faults:
        aim.aimed(parse(text), SYSTEM)


@given(
    st.sampled_from(["redis", "origin", "catalog"]),
    st.sampled_from(["down", "frozen", "slow", "slow 1s", "failing"]),
    st.sampled_from([SHOW, PLACE]),
    st.integers(200, 599),
    st.sampled_from(["", "degraded", "some_code", "some_code degraded within 3s", "pending, then confirmed"]),
)
def test_what_is_written_by_the_grammar_is_understood(
    name: str, state: str, request: Request, status: int, more: str
) -> None:
    assume("then" not in more or request == PLACE)
    found = row(f"{name} {state}", str(request), f"{status} {more}")
    assert found.victims == (name,)
    assert (found.request, found.expected.status) == (request, status)
    assert found.expected.degraded is ("degraded" in more)
