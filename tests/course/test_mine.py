"""A day's system with the learner's services in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.course import catalog, workspace
from lab.course.assignment import Source
from lab.course.built import BuildFailed, build
from lab.course.manifest import load
from lab.course.mine import AsksOtherwise, NoneOfYours, Taken, mixed, with_mine
from lab.system.model import Link, Service, System
from tests.course import TOY

EXERCISE = load(TOY)


def test_a_days_system_takes_the_learners_newest_service(tmp_path: Path) -> None:
    workspace.init(tmp_path / "w", ["day9"])
    workspace.start(workspace.find(tmp_path / "w"), EXERCISE)
    here = workspace.find(tmp_path / "w")
    folder = here.folder / "day9" / "9.1-greeting" / "greeter"
    with (folder / "greeter" / "__main__.py").open("a") as written:
        written.write("# mine\n")
    ours = Service(name="greeter", module="ours.greeter", env={"LANGUAGE": "en"})
    other = Service(name="orders", module="ours.orders")
    link = Link(source="orders", target="greeter", protocol="http")
    mixed, (taken,) = with_mine(System(name="day9", services=(ours, other), links=(link,)), here, [EXERCISE])
    mine, unchanged = mixed.services
    assert (mine.module, mine.dir, mine.env) == ("greeter", str(folder), {"LANGUAGE": "en"})
    assert unchanged is other
    assert (mine.mine, unchanged.mine) == (True, False)
    assert (taken.service, taken.exercise, taken.source.dir) == ("greeter", EXERCISE, folder)


def test_a_starter_that_nobody_has_touched_is_nobodys_service(tmp_path: Path) -> None:
    workspace.init(tmp_path / "w", ["day9"])
    workspace.start(workspace.find(tmp_path / "w"), EXERCISE)
    system = System(name="day9", services=(Service(name="greeter", module="ours.greeter"),))
    with pytest.raises(NoneOfYours, match="you have not written any service of day9 yet"):
        with_mine(system, workspace.find(tmp_path / "w"), [EXERCISE])


def test_a_service_that_is_built_is_built_before_the_run(tmp_path: Path) -> None:
    source = Source(dir=tmp_path, run="./bin/greeter", build="mkdir bin && touch bin/greeter")
    build(Taken("greeter", EXERCISE, source).builds, lambda _: None)
    assert (tmp_path / "bin" / "greeter").exists()
    with pytest.raises(BuildFailed, match="greeter: `mkdir bin"):
        build(Taken("greeter", EXERCISE, source).builds, lambda _: None)
    assert Taken("greeter", EXERCISE, Source(dir=tmp_path, run="python -m greeter")).builds == ()


def test_a_system_without_any_of_them_is_refused(tmp_path: Path) -> None:
    workspace.init(tmp_path / "w", ["day9"])
    other = System(name="day9", services=(Service(name="orders", module="ours.orders"),))
    with pytest.raises(NoneOfYours, match="orders"):
        with_mine(other, workspace.find(tmp_path / "w"), [EXERCISE])


@pytest.mark.parametrize(("service", "hears"), [("orders", True), ("users", False)])
def test_it_is_known_whether_the_service_of_ours_hears_events(tmp_path: Path, service: str, hears: bool) -> None:
    workspace.init(tmp_path / "w", ["day9"])
    workspace.start(workspace.find(tmp_path / "w"), EXERCISE)
    here = workspace.find(tmp_path / "w")
    with (here.folder / "day9" / "9.1-greeting" / "greeter" / "greeter" / "__main__.py").open("a") as written:
        written.write("# mine\n")
    ours = Service(name="greeter", module=f"lab.day3_events.{service}")
    mixed, _ = with_mine(System(name="day9", services=(ours,)), here, [EXERCISE])
    assert mixed.services[0].hears is hears


@pytest.fixture
def asks_by_grpc(tmp_path: Path) -> workspace.Workspace:
    """A workspace whose newest services are those of 2.4."""
    workspace.init(tmp_path / "w", ["day2"])
    exercise = catalog.named("2.4")
    workspace.start(workspace.find(tmp_path / "w"), exercise)
    here = workspace.find(tmp_path / "w")
    for service in ("users", "orders"):
        with (here.home(exercise) / service / service / "__main__.py").open("a") as written:
            written.write("# mine\n")
    return here


def test_services_that_ask_by_grpc_are_run_where_they_find_whom_they_ask(asks_by_grpc: workspace.Workspace) -> None:
    system, taken, chosen = mixed("day2", {}, None, asks_by_grpc, catalog.exercises())
    assert {one.service for one in taken} == {"users", "orders"}
    assert chosen == {"transport": "grpc"}
    assert any((link.source, link.env) == ("orders", "USERS_GRPC") for link in system.links)
    assert {service.name: service.endpoints for service in system.services}["users"] == ("http", "grpc")
    assert mixed("day2", {"transport": "grpc"}, None, asks_by_grpc, catalog.exercises())[2] == {}


def test_who_chose_another_way_is_told_what_to_type(asks_by_grpc: workspace.Workspace) -> None:
    with pytest.raises(AsksOtherwise, match="asks by gRPC") as refused:
        mixed("day2", {"transport": "rest"}, None, asks_by_grpc, catalog.exercises())
    assert "lab run day2 --mine --transport grpc" in refused.value.why


def test_a_service_has_what_its_exercise_listens_on(asks_by_grpc: workspace.Workspace) -> None:
    home = asks_by_grpc.home(catalog.named("2.4")) / "orders" / "orders" / "__main__.py"
    home.write_text(home.read_text().removesuffix("# mine\n"))  # now it is the starter: not taken
    system, (taken,), chosen = mixed("day2", {}, None, asks_by_grpc, catalog.exercises())
    assert (taken.service, chosen) == ("users", {})
    assert "GRPC_PORT" in next(one for one in system.services if one.name == "users").port_variables.values()
