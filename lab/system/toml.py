"""A System written by the reader as a TOML file, with commands of their own.

[service.orders]
run = "python -m orders"       # or module = "orders" for a warm start, or address = "127.0.0.1:4711": it runs already
dir = "orders"                 # relative to this file, which is also the default
ready = "/readyz"              # an HTTP path, "tcp" (the default: the port is open) or "started"
env = { LOG_LEVEL = "debug" }

endpoints = ["http", "grpc"]   # PORT and GRPC_PORT; only "http" if left out

[engine.redis]
kind = "redis"

[engine.broker]
kind = "kafka"
topics = { "shop.events" = 6 } # with how many partitions; others are made as they are first used

[[link]]
from = "orders"                # or "client", the outside world
to = "redis"                   # or "users:grpc", where a service has more than one endpoint
env = "REDIS_URL"

[[journey]]
name = "order"
requests = [{ method = "POST", service = "orders", path = "/orders", json = { qty = 1 } }]

[entity.order]                 # what the business counts, and its states: good, bad, neutral, or going-on
pending = "going-on"
confirmed = "good"
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lab.locale import tr
from lab.system.command import argv
from lab.system.entity import Entity
from lab.system.kinds import engine_kinds, protocols
from lab.system.model import HTTP, Engine, Journey, Link, Request, Service, System
from lab.system.tables import Reader, Table, Unreadable, parse
from lab.system.validate import InvalidSystem, validate

TOP = ("name", "title", "scenarios", "service", "engine", "link", "journey", "entity")
SERVICE = (
    "run", "module", "address", "dir", "env", "exec", "endpoints", "ready", "restart", "start", "replicas", "memory",
    "output", "role", "summary",
)  # fmt: skip
ENGINE = ("kind", "restart", "summary", "topics")
LINK = ("from", "to", "protocol", "env", "wait", "suffix", "summary")
JOURNEY = ("name", "requests", "weight")
REQUEST = ("method", "service", "path", "json", "save", "accepts")


def load(path: str | Path) -> System:
    """The System of a TOML file, validated. Raises InvalidSystem naming file, table and key; OSError if unreadable."""
    path = Path(path)
    try:
        data = parse(path)
    except Unreadable as error:
        raise InvalidSystem([error.problem], f"{path.name}: ") from None
    reader = _Reader(path)
    system = reader.system(data)
    if reader.problems:
        raise InvalidSystem(reader.problems, f"{path.name}: ")
    try:
        validate(system)
    except InvalidSystem as error:
        raise InvalidSystem([_in_toml_words(p, system) for p in error.problems], f"{path.name}: ") from None
    return system


class _Reader(Reader):
    """Turns the tables into a System."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.folder = path.resolve().parent

    def system(self, data: Table) -> System:
        self.known("", data, TOP)
        services = self.tables(data, "service")
        engines = self.tables(data, "engine")
        kinds = {name: table.get("kind") for name, table in engines.items()}
        scenarios = self.get("", data, "scenarios", str, "")
        return System(
            name=self.get("", data, "name", str, self.path.stem.lower().replace("_", "-")),
            title=self.get("", data, "title", str, ""),
            services=tuple(self._service(name, table) for name, table in services.items()),
            engines=tuple(self._engine(name, table) for name, table in engines.items()),
            links=tuple(self._link(f"[[link]] {i}", table, kinds) for i, table in self.rows("", data, "link")),
            journeys=tuple(self._journey(f"[[journey]] {i}", table) for i, table in self.rows("", data, "journey")),
            entities=tuple(
                Entity(name=name, states={state: self.word(f"[entity.{name}]", table, state, "") for state in table})
                for name, table in self.tables(data, "entity").items()
            ),
            scenarios=str(self.folder / scenarios) if scenarios else None,
        )

    def word(self, place: str, table: Table, key: str, default: str) -> Any:
        """One of a few words; `validate` knows which."""
        return self.get(place, table, key, str, default)

    def _service(self, name: str, table: Table) -> Service:
        place = f"[service.{name}]"
        self.known(place, table, SERVICE)
        run = table.get("run")
        command: tuple[str, ...] = ()
        if isinstance(run, list) and all(isinstance(word, str) for word in run):
            command = tuple(run)
        elif run is not None:
            try:
                command = argv(self.get(place, table, "run", str, ""))
            except ValueError as error:
                self.problem(f"{place} run", str(error).lower())
        module = self.get(place, table, "module", str, "")
        address = self.get(place, table, "address", str, "")
        if not (command or module or address):
            self.problem(
                f"{place} run", tr('say how {name} is started, for example run = "python -m {name}"', name=name)
            )
        folder = self.folder / self.get(place, table, "dir", str, ".")
        if not folder.is_dir():
            self.problem(f"{place} dir", tr("there is no folder {folder}", folder=folder))
        env = self.get(place, table, "env", dict, {})
        for key, value in env.items():
            if not isinstance(value, str | int | float):
                self.problem(f"{place} env.{key}", tr("expected a string or a number"))
        return Service(
            name=name,
            module=module or None,
            command=command,
            address=address or None,
            dir=None if address and "dir" not in table else str(folder),
            env={key: str(value) for key, value in env.items()},
            exec=self.get(place, table, "exec", bool, False),
            endpoints=self.words(place, table, "endpoints", (HTTP,)),
            ready=self.get(place, table, "ready", str, "tcp"),
            restart=self.word(place, table, "restart", "on-failure"),
            start=self.word(place, table, "start", "with-run"),
            replicas=self.get(place, table, "replicas", int, 0) if "replicas" in table else None,
            memory=self.get(place, table, "memory", int, 0) if "memory" in table else None,
            output=self.get(place, table, "output", int, 0) if "output" in table else None,
            role=self.word(place, table, "role", "service"),
            summary=self.get(place, table, "summary", str, ""),
        )

    def _engine(self, name: str, table: Table) -> Engine:
        place = f"[engine.{name}]"
        self.known(place, table, ENGINE)
        kind = self.need(place, table, "kind", str)
        restart = self.word(place, table, "restart", "always")
        summary = self.get(place, table, "summary", str, "")
        topics = self.get(place, table, "topics", dict, {})
        return Engine(name=name, kind=kind, restart=restart, summary=summary, topics=topics)

    def _link(self, place: str, table: Table, kinds: dict[str, Any]) -> Link:
        self.known(place, table, LINK)
        target, _, endpoint = str(self.need(place, table, "to", str)).partition(":")
        kind = engine_kinds().get(str(kinds.get(target)))
        usual = kind.protocols[0] if kind else endpoint if endpoint in protocols() else HTTP
        return Link(
            source=self.need(place, table, "from", str),
            target=target,
            protocol=self.get(place, table, "protocol", str, usual),
            endpoint=endpoint,
            env=self.get(place, table, "env", str, ""),
            wait=self.word(place, table, "wait", "ready"),
            suffix=self.get(place, table, "suffix", str, ""),
            summary=self.get(place, table, "summary", str, ""),
        )

    def _journey(self, place: str, table: Table) -> Journey:
        self.known(place, table, JOURNEY)
        requests = self.rows(place, table, "requests")
        return Journey(
            name=self.need(place, table, "name", str),
            requests=tuple(self._request(f"{place} requests {i}", request) for i, request in requests),
            weight=self.get(place, table, "weight", float, 1.0),
        )

    def _request(self, place: str, table: Table) -> Request:
        self.known(place, table, REQUEST)
        return Request(
            method=self.get(place, table, "method", str, "GET").upper(),
            service=self.need(place, table, "service", str),
            path=self.need(place, table, "path", str),
            json=table.get("json"),
            save=self.get(place, table, "save", dict, {}),
            accepts=self.numbers(place, table, "accepts"),
        )


PLACE = re.compile(r"\b(services|engines|links|journeys|entities)\[(\d+)\](?:\.requests\[(\d+)\])?(?:\.(\w+))?")


def _in_toml_words(problem: str, system: System) -> str:
    """`links[2].source: …` as `[[link]] 3 from: …`, the way the file has it and a reader counts."""

    def place(match: re.Match[str]) -> str:
        plural, index, request, key = match[1], int(match[2]), match[3], match[4]
        if plural == "services":
            table = f"[service.{system.services[index].name}]"
        elif plural == "entities":
            table = f"[entity.{system.entities[index].name}]"
        elif plural == "engines":
            table = f"[engine.{system.engines[index].name}]"
        else:
            table = f"[[{plural[:-1]}]] {index + 1}"
        inner = f"requests {int(request) + 1}" if request else ""
        words = {"source": "from", "target": "to", "endpoint": "to", "command": "run"}
        return " ".join(filter(None, (table, inner, words.get(key, key))))

    return PLACE.sub(place, problem)
