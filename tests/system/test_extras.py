"""Packages that the lab does not bring along are asked for before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.cli import exits
from lab.cli.refusals import failure
from lab.runtime.api import RunOptions
from lab.runtime.launch import begin
from lab.system import extras
from lab.system.model import Engine, Link, Service, System


def system(protocol: str, **users: Any) -> System:
    services = (Service(name="orders", command=("orders",)), Service(name="users-api", **{"module": "x", **users}))
    return System(name="toy", services=services, links=(Link(source="orders", target="users-api", protocol=protocol),))


@pytest.fixture
def without_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _: None)


@pytest.mark.usefixtures("without_grpc")
def test_what_is_missing_is_refused_with_the_command() -> None:
    with pytest.raises(extras.MissingExtra, match=r"speak grpc with grpc and google\.protobuf") as caught:
        extras.must_have(system("grpc"))
    assert caught.value.command == "python3 -m pip install 'lab[grpc]'"


def test_what_is_missing_of_several_is_named_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> object:
        if name.startswith("google"):
            raise ModuleNotFoundError("No module named 'google'")  # as find_spec does for what is in it
        return object()

    monkeypatch.setattr(extras, "find_spec", found)
    with pytest.raises(extras.MissingExtra, match=r"speak grpc with google\.protobuf, which"):
        extras.must_have(system("grpc"))


@pytest.mark.usefixtures("without_grpc")
def test_a_run_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    with pytest.raises(extras.MissingExtra) as caught:
        begin(system("grpc"), RunOptions())
    told = failure(caught.value)
    assert told is not None
    assert (told.code, told.next) == (exits.MISSING, "python3 -m pip install 'lab[grpc]'")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("kind", "tier", "driver", "extra"),
    [("sql", "native", "psycopg", "postgres"), ("kafka", "embedded", "confluent_kafka", "kafka")],
)
def test_a_run_without_the_driver_of_an_engine_is_refused_before_anything_starts(
    kind: str, tier: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == driver else object())
    monkeypatch.setattr("lab.engines.sql.tiers.find", lambda: "/usr/lib/postgresql/17/bin")
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    toy = System(
        name="toy",
        services=(Service(name="orders", module="x"),),
        engines=(Engine(name="store", kind=kind),),
        links=(Link(source="orders", target="store", protocol=kind),),
    )
    with pytest.raises(extras.MissingExtra, match=f"with {driver}, which is not installed") as caught:
        begin(toy, RunOptions(tiers={kind: tier}))
    told = failure(caught.value)
    assert told is not None
    assert (told.code, told.next) == (exits.MISSING, f"python3 -m pip install 'lab[{extra}]'")
    assert not (tmp_path / "home").exists()


@pytest.mark.usefixtures("without_grpc")
def test_who_does_not_need_it_is_not_asked() -> None:
    extras.must_have(system("http"))
    extras.must_have(system("grpc", dir="/learners"))
    extras.must_have(system("grpc", module=None, command=("users",)))


@pytest.mark.usefixtures("without_grpc")
def test_a_grading_is_a_client_itself() -> None:
    elsewhere = Service(name="users", module="users", dir="/learners")
    link = Link(source="client", target="users", endpoint="grpc", protocol="grpc")
    asked = System(name="toy", services=(elsewhere,), links=(link,))
    extras.must_have(asked)
    with pytest.raises(extras.MissingExtra) as caught:
        extras.must_have(asked, client=True)
    assert caught.value.command == "python3 -m pip install 'lab[grpc]'"


def test_what_is_there_is_no_hindrance() -> None:
    extras.must_have(system("grpc"))
    tried = {one.driver: one.problem for one in extras.tried()}
    assert tried == dict.fromkeys(("grpc", "google.protobuf", "confluent_kafka", "psycopg"), "")


def test_what_cannot_be_imported_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> object:
        raise ImportError("libstdc++ is too old")

    monkeypatch.setattr(extras, "import_module", broken)
    tried = next(one for one in extras.tried() if one.needed_for == "grpc")
    assert (tried.version, tried.problem) == ("", "libstdc++ is too old")
    assert "lab[grpc]" in tried.command
