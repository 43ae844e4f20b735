"""What is imported before anything is forked: all that the processes of a system need, and no more."""

from __future__ import annotations

import subprocess
import sys

from lab.day3_events import system as day3
from lab.runtime import preload
from lab.system.model import Engine, Service, System

OWN = "lab."
DAY3 = day3.system(broker="rabbitmq", saga="orchestration", payments="one")


def system(*services: Service, engines: tuple[Engine, ...] = ()) -> System:
    return System(name="s", services=services, engines=engines)


def test_each_kind_of_engine_and_python_have_a_group() -> None:
    gateway = Service(name="gateway", module="gateway")
    assert preload.needed(system(gateway)) == ["base", "web"]
    assert preload.needed(system(Service(name="gateway", command=("./gateway",)))) == ["base"]
    engines = (Engine(name="broker", kind="amqp"), Engine(name="db", kind="sql"))
    assert preload.needed(system(gateway, engines=engines)) == ["base", "web", "amqp", "sql"]
    assert "redis" in preload.imports(preload.needed(system(engines=(Engine(name="cache", kind="redis"),))))


def test_a_service_of_ours_has_next_to_nothing_left_to_import() -> None:
    modules = [f"{service.module}.app" for service in DAY3.services if service.role == "service"]
    assert modules
    program = f"""\
import importlib, sys
for name in {preload.imports(preload.needed(DAY3))}:
    importlib.import_module(name)
before = set(sys.modules)
for name in {modules}:
    importlib.import_module(name)
print(*sorted(set(sys.modules) - before))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert [name for name in ran.stdout.split() if not name.startswith(OWN)] == []
