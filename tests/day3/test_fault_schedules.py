"""Whatever happens on the way, once it is over nothing is lost, charged twice or left hanging: on either broker, with
either saga.

One test plays every fault that the catalogue has for the system, and sees each of them hit. The other draws a schedule
from its seed; `LAB_SOAK=20 pytest tests/day3/test_fault_schedules.py` plays twenty more, with seeds of their own.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import pytest

from tests.brokers import rabbitmq_installed
from tests.day3.living import PATIENCE, SERVICES, living
from tests.day3.schedules import known, schedule, whole
from tests.waiting import eventually

LENGTH = 14.0
STROKES = 14
EVERY = 20.0
TRIES = 4
CHANCE = Random(os.environ.get("PYTEST_XDIST_TESTRUNUID") or SystemRandom().random())
"""The workers of one run must draw the same."""
DRAWN = [CHANCE.randrange(1_000_000) for _ in range(int(os.environ.get("LAB_SOAK", "0")))]
FORMS = [(broker, saga) for broker in ("rabbitmq", "kafka") for saga in SERVICES]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("broker", "saga"), FORMS)
def test_no_order_is_lost_or_doubled_under_every_fault_of_the_catalogue(broker: str, saga: str) -> None:
    strokes = whole(7, broker, SERVICES[saga], EVERY)
    wanted = known(broker)
    assert {stroke.kind for stroke in strokes} == wanted
    with living(broker, saga) as run:
        run.play(strokes, EVERY)
        for _ in range(TRIES):
            if wanted <= run.met():
                break
            # Another fault was in the way: once more, with nothing else going on.
            run.heal()
            for stroke in strokes:
                if stroke.kind not in run.met() or stroke.kind == "kill":
                    run.strike(stroke.text)
            with suppress(AssertionError):
                eventually(lambda: wanted <= run.met(), PATIENCE / TRIES, every=0.5)
        assert wanted - run.met() == set(), "faults that hit nothing"
        run.comes_right(strokes, least=EVERY)


def params() -> list[Any]:
    native = [
        pytest.mark.rabbitmq,
        pytest.mark.skipif(not rabbitmq_installed(), reason="RabbitMQ is not installed"),
    ]
    soak = [(seed, *form, "embedded") for seed in DRAWN for form in FORMS]
    return [
        pytest.param(1, "rabbitmq", "choreography", "embedded"),
        *(pytest.param(*one) for one in soak),
        pytest.param(3, "rabbitmq", "choreography", "native", marks=native),
    ]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("seed", "broker", "saga", "tier"), params())
def test_nothing_is_lost_charged_twice_or_left_hanging(seed: int, broker: str, saga: str, tier: str) -> None:
    spare = tier == "native" or broker == "kafka"
    strokes = schedule(seed, broker, SERVICES[saga], length=LENGTH, strokes=STROKES, spare_broker=spare)
    with living(broker, saga, seed=seed, tier=tier) as run:
        run.play(strokes, LENGTH)
        run.comes_right(strokes, least=LENGTH)
