"""Values as people type them."""

from __future__ import annotations

import pytest
import typer

from lab.cli import values


@pytest.mark.parametrize(("text", "expected"), [("30s", 30), ("500ms", 0.5), ("2m", 120), ("1.5", 1.5), ("1 h", 3600)])
def test_times(text: str, expected: float) -> None:
    assert values.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "-3s", "0", "3 days", "1e9s"])
def test_what_is_no_time_says_how_to_write_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="30s, 500ms or 2m"):
        values.seconds(text)


def test_rates() -> None:
    assert values.rate("20") == 20
    assert values.rate("0.5/s") == 0.5
    assert values.rate("0") == 0
    for text in ("fast", "-1", "nan", "inf"):
        with pytest.raises(typer.BadParameter, match="how many a second"):
            values.rate(text)


def test_tiers_of_one_kind_of_all_and_by_url() -> None:
    assert values.tiers([]) == {}
    assert values.tiers(["native"]) == {"*": "native"}
    assert values.tiers(["redis=native", "amqp=amqp://guest@127.0.0.1/"]) == {
        "redis": "native",
        "amqp": "amqp://guest@127.0.0.1/",
    }
    assert values.tiers(["redis=native,amqp=embedded"]) == {"redis": "native", "amqp": "embedded"}


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("mongo=native", "amqp, kafka, redis, sql"),
        ("redis=docker", "embedded, native"),
        ("amqp://host", "amqp=amqp://host"),
    ],
)
def test_a_wrong_tier_says_what_there_is(word: str, hint: str) -> None:
    with pytest.raises(typer.BadParameter, match=hint):
        values.tiers([word])


def test_addresses() -> None:
    assert values.address(":8001") == ("127.0.0.1", 8001)
    assert values.address("8001") == ("127.0.0.1", 8001)
    assert values.address("localhost:80") == ("localhost", 80)
    assert values.address("[::1]:80") == ("::1", 80)
    for text in ("", "host", "host:", "host:http", ":70000"):
        with pytest.raises(typer.BadParameter, match="HOST:PORT"):
            values.address(text)
