"""Faults that the seed chooses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.course import systems
from lab.faults.catalogue import KINDS
from lab.faults.draw import STAYS, Draw, drawn
from lab.faults.scenario import InvalidScenario, load
from lab.faults.text import parse
from lab.system.model import System

DRAW = Draw(since=10, until=1000, every=10, lasting=4)


@pytest.fixture(scope="module", params=["rabbitmq", "kafka"])
def shop(request: pytest.FixtureRequest) -> System:
    return systems.find("day6", {"broker": str(request.param)}, "strangle")


def test_the_same_seed_draws_the_same_and_another_one_others(shop: System) -> None:
    assert drawn(DRAW, shop, 7) == drawn(DRAW, shop, 7)
    assert drawn(DRAW, shop, 7) != drawn(DRAW, shop, 8)


def test_every_kind_that_fits_comes_once_before_any_comes_again(shop: System) -> None:
    broker = next(engine.kind for engine in shop.engines if engine.name == "broker")
    spoken = {link.protocol for link in shop.links}
    fitting = {
        name for name, kind in KINDS.items() if name not in STAYS and (not kind.protocols or spoken & {*kind.protocols})
    }
    found = [parse(text) for _, text in drawn(DRAW, shop, 3)]
    assert {fault.kind for fault in found[: len(fitting)]} == fitting, broker


def test_each_heals_before_the_next_and_leaves_visitors_and_databases_alone(shop: System) -> None:
    stubs = {service.name for service in shop.services if service.role != "service"}
    for (at, text), time in zip(drawn(DRAW, shop, 5), DRAW.times, strict=True):
        fault = parse(text)
        assert at == time
        assert KINDS[fault.kind].instant or KINDS[fault.kind].once or fault.duration == DRAW.lasting, text
        assert "client" not in fault.target
        assert "db" not in fault.target
        assert fault.target not in stubs


def test_what_is_to_be_spared_is_spared(shop: System) -> None:
    spare = replace(DRAW, spare=("kill *", "* users*"))
    found = [text for seed in range(5) for _, text in drawn(spare, shop, seed)]
    assert not [text for text in found if text.startswith("kill") or " users" in text]


@pytest.mark.parametrize("wrong", ["until = 99", "lasting = 7", 'kinds = "all"', "every = 0"])
def test_a_draw_that_does_not_fit_its_scenario_is_refused(tmp_path: Path, wrong: str) -> None:
    said = {"since": "2", "until": "20", "every": "5", "lasting": "3"}
    key, _, value = wrong.partition(" = ")
    table = "\n".join(f"{name} = {one}" for name, one in {**said, key: value}.items())
    path = tmp_path / "s.toml"
    text = f'title = "T"\nduration = 30\n[draw]\n{table}\n[[step]]\nat = 0\nsay = "S"\n'
    path.write_text(text)
    with pytest.raises(InvalidScenario, match="draw"):
        load(path)
    path.write_text(text.replace(f"{key} = {value}", f"{key} = {said[key]}" if key in said else ""))
    assert load(path).draw == Draw(since=2, until=20, every=5, lasting=3)
