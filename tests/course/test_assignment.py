"""What the grader is given: the learner's services on a topology in which every address is the lab's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.course.assignment import Source, assignment, sources
from lab.course.contract import environment
from lab.course.exercise import Exercise
from lab.course.manifest import InvalidExercise, load
from lab.system.model import System
from lab.system.order import start_order
from lab.system.refusal import Unknown
from tests.course import TOY

MANY = """
[services.orders]
links = ["db", "users", "redis", "amqp", "greeter"]
replicas = 2
"""


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    """The toy with a second service that uses everything there is."""
    folder = tmp_path / "day9" / "greeting"
    shutil.copytree(TOY, folder)
    manifest = folder / "exercise.toml"
    text = manifest.read_text().replace("[run]", f"{MANY}\n[run]")
    manifest.write_text(
        text.replace('kind = "build"', 'kind = "build"\nstubs = ["users"]\nengines = ["redis", "amqp"]')
    )
    return load(folder)


def programs(run: str, folder: Path) -> dict[str, Source]:
    folder.mkdir(exist_ok=True)
    return {name: Source(dir=folder, run=run) for name in ("greeter", "orders")}


def links(system: System, source: str) -> dict[str, tuple[str, str]]:
    return {link.target: (link.protocol, link.variable + link.suffix) for link in system.links if link.source == source}


def test_services_replicas_stubs_and_engines_become_a_system(exercise: Exercise, tmp_path: Path) -> None:
    made = assignment(exercise, programs("python -m orders", tmp_path / "mine"))
    system = made.system
    assert system.name == "day9-1"
    assert [(one.name, one.role, one.start, one.replicas) for one in system.services] == [
        ("greeter", "service", "on-request", None),
        ("orders", "service", "on-request", 2),
        ("users", "stub", "with-run", None),
    ]
    assert [(engine.name, engine.kind) for engine in system.engines] == [
        ("redis", "redis"),
        ("amqp", "amqp"),
        ("db", "sql"),
    ]
    reached = {
        "db": ("sql", "DATABASE_URL"),
        "users": ("http", "USERS_URL"),
        "redis": ("redis", "REDIS_URL"),
        "amqp": ("amqp", "AMQP_URL?heartbeat=5"),
        "greeter": ("http", "GREETER_URL"),
    }
    assert links(system, "orders") == reached
    assert set(links(system, "client")) == {"greeter", "orders-1", "orders-2"}
    assert (made.learners, made.stubs) == (("greeter", "orders"), ("users",))
    assert [made.process(name) for name in ("greeter", "orders", "orders-2")] == ["greeter", "orders-1", "orders-2"]
    assert start_order(system)
    assert {link.wait for link in system.links} == {"no"}


def test_an_endpoint_is_a_link_and_a_port_of_its_own(exercise: Exercise, tmp_path: Path) -> None:
    manifest = exercise.folder / "exercise.toml"
    text = manifest.read_text().replace('"users", ', '"users:grpc", ', 1)
    text = text.replace("replicas = 2", 'variables = { "users:grpc" = "USERS_GRPC" }\nendpoints = ["http", "grpc"]')
    manifest.write_text(text)
    orders = load(exercise.folder)
    system = assignment(orders, programs("python -m orders", tmp_path / "mine")).system
    assert links(system, "orders")["users"] == ("grpc", "USERS_GRPC")
    assert [link.id for link in system.links if link.source == "client"] == [
        "client->greeter",
        "client->orders",
        "client->orders:grpc",
    ]
    assert [(one.name, one.endpoints) for one in system.services] == [
        ("greeter", ("http",)),
        ("orders", ("http", "grpc")),
        ("users", ("grpc",)),
    ]
    assert environment(orders)["orders"][:3] == ["`GRPC_PORT`", "`DATABASE_URL`", "`USERS_GRPC`"]


def test_an_exercise_says_itself_what_ends_an_address(exercise: Exercise, tmp_path: Path) -> None:
    manifest = exercise.folder / "exercise.toml"
    manifest.write_text(manifest.read_text().replace("[run]", '[options]\namqp = "?heartbeat=1"\n\n[run]'))
    made = assignment(load(exercise.folder), programs("python -m orders", tmp_path / "mine"))
    assert links(made.system, "orders")["amqp"] == ("amqp", "AMQP_URL?heartbeat=1")


def test_options_are_those_of_engines_that_the_exercise_has(exercise: Exercise) -> None:
    manifest = exercise.folder / "exercise.toml"
    manifest.write_text(manifest.read_text().replace("[run]", '[options]\nkafka = "x"\nredis = 1\n\n[run]'))
    with pytest.raises(InvalidExercise) as caught:
        load(exercise.folder)
    assert caught.value.problems == (
        "exercise.toml: [options] kafka: is no engine of this exercise",
        "exercise.toml: [options] redis: expected a string",
    )


def test_topics_are_there_from_the_start_where_an_engine_has_such(exercise: Exercise, tmp_path: Path) -> None:
    manifest = exercise.folder / "exercise.toml"
    text = manifest.read_text().replace('"amqp"]', '"kafka"]').replace('"amqp",', '"kafka",')
    manifest.write_text(text.replace("[run]", '[topics]\n"shop.orders" = 4\n\n[run]'))
    made = assignment(load(exercise.folder), programs("python -m orders", tmp_path / "mine"))
    assert {one.name: dict(one.topics) for one in made.system.engines} == {
        "redis": {},
        "kafka": {"shop.orders": 4},
        "db": {},
    }


def test_topics_need_an_engine_that_has_some(exercise: Exercise) -> None:
    manifest = exercise.folder / "exercise.toml"
    manifest.write_text(manifest.read_text().replace("[run]", "[topics]\na = 0\n\n[run]"))
    with pytest.raises(InvalidExercise) as caught:
        load(exercise.folder)
    assert caught.value.problems == (
        "exercise.toml: [topics]: no engine of this exercise has topics",
        "exercise.toml: [topics] a: expected how many partitions it has",
    )


@pytest.mark.parametrize(
    ("run", "module", "command"),
    [
        ("python -m orders", "orders", []),
        ("python3 -m orders", "orders", []),
        ("./bin/orders --port '$PORT'", None, ["./bin/orders", "--port", "$PORT"]),
        ("node main.js", None, ["node", "main.js"]),
    ],
)
def test_a_python_module_is_forked_warm_and_all_else_executed(
    exercise: Exercise, tmp_path: Path, run: str, module: str | None, command: list[str]
) -> None:
    service = assignment(exercise, programs(run, tmp_path / "mine")).system.services[1]
    assert (service.module, list(service.command), service.dir) == (module, command, str(tmp_path / "mine"))
    assert (service.restart, service.ready) == ("never", "/readyz")


def test_a_folder_with_an_environment_of_its_own_uses_that(exercise: Exercise, tmp_path: Path) -> None:
    python = tmp_path / "mine" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    service = assignment(exercise, programs("python -m orders", tmp_path / "mine")).system.services[1]
    assert (service.module, service.command) == (None, (str(python), "-m", "orders"))


def test_stored_programs_are_built_and_run_as_the_exercise_says(exercise: Exercise) -> None:
    found = sources(exercise, exercise.folder / "solution", "shell")
    assert found["greeter"].run == "./greeter"
    made = assignment(exercise, found)
    assert [(build.service, build.command) for build in made.builds] == [
        ("greeter", "no-such-tool build"),
        ("orders", "no-such-tool build"),
    ]


def test_a_language_without_a_command_is_refused(exercise: Exercise) -> None:
    with pytest.raises(Unknown, match='there is no language "cobol"'):
        sources(exercise, exercise.folder / "solution", "cobol")


def test_a_command_is_no_service_and_is_run_in_its_folder(exercise: Exercise, tmp_path: Path) -> None:
    manifest = exercise.folder / "exercise.toml"
    manifest.write_text(manifest.read_text().replace("[run]", "[commands.diagnose]\n\n[run]"))
    exercise = load(exercise.folder)
    mine = tmp_path / "mine"
    (mine / "diagnose").mkdir(parents=True)
    found = programs("python -m orders", mine)
    made = assignment(exercise, found | {"diagnose": Source(dir=mine, run="./bin/diagnose", build="make")})
    assert made.learners == ("greeter", "orders")
    assert made.system.service("diagnose") is None
    assert [(tool.name, tool.dir, tool.argv) for tool in made.tools] == [("diagnose", str(mine), ("./bin/diagnose",))]
    assert [build.service for build in made.builds] == ["diagnose"]
    assert sources(exercise, exercise.folder / "solution", "python")["diagnose"].run == "python -m diagnose"


def test_a_command_has_a_name_of_its_own(exercise: Exercise) -> None:
    manifest = exercise.folder / "exercise.toml"
    manifest.write_text(manifest.read_text().replace("[run]", '[commands.users]\nrun = "x"\n\n[run]'))
    with pytest.raises(InvalidExercise) as caught:
        load(exercise.folder)
    assert caught.value.problems == (
        "exercise.toml: [commands.users] run: no such key",
        'exercise.toml: [commands.users]: "users" is taken',
    )
