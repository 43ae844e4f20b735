"""A System written by the reader as a TOML file, with commands of their own.

[service.orders]
run = "python -m orders"       # or module = "orders" for a warm start, or address = "127.0.0.1:4711": it runs already
dir = "orders"                 # relative to this file, which is also the default
ready = "/readyz"              # an HTTP path, "tcp" (the default: the port is open) or "started"
env = { LOG_LEVEL = "debug" }

endpoints = ["http", "grpc"]   # PORT and GRPC_PORT; only "http" if left out

[engine.redis]
kind = "redis"

[[link]]
from = "orders"                # or "client", the outside world
to = "redis"                   # or "users:grpc", where a service has more than one endpoint
env = "REDIS_URL"

[[journey]]
name = "order"
requests = [{ method = "POST", service = "orders", path = "/orders", json = { qty = 1 } }]

[entity.order]                 # what the services log states of: good, bad, neutral, or going-on
pending = "going-on"
confirmed = "good"
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lab.locale import tr
from lab.system.command import argv
from lab.system.entity import Entity
from lab.system.kinds import engine_kinds, protocols
from lab.system.model import HTTP, Engine, Journey, Link, Request, Service, System
from lab.system.names import did_you_mean
from lab.system.tables import Unreadable, parse
from lab.system.validate import InvalidSystem, validate

TOP = ("name", "title", "scenarios", "service", "engine", "link", "journey", "entity")
SERVICE = (
    "run", "module", "address", "dir", "env", "exec", "endpoints", "ready", "restart", "start", "replicas", "memory",
    "output", "role", "summary",
)  # fmt: skip
ENGINE = ("kind", "restart", "summary")
LINK = ("from", "to", "protocol", "env", "wait", "suffix", "summary")
JOURNEY = ("name", "requests", "weight")
REQUEST = ("method", "service", "path", "json", "save")


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


class _Reader:
    """Turns tables into data and collects what is wrong with them on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.resolve().parent
        self.problems: list[str] = []

    def system(self, data: Mapping[str, Any]) -> System:
        self._known("", data, TOP)
        services = self._tables(data, "service")
        engines = self._tables(data, "engine")
        kinds = {name: table.get("kind") for name, table in engines.items()}
        scenarios = self._get("", data, "scenarios", str, "")
        return System(
            name=self._get("", data, "name", str, self.path.stem.lower().replace("_", "-")),
            title=self._get("", data, "title", str, ""),
            services=tuple(self._service(name, table) for name, table in services.items()),
            engines=tuple(self._engine(name, table) for name, table in engines.items()),
            links=tuple(self._link(f"[[link]] {i}", table, kinds) for i, table in self._list(data, "link")),
            journeys=tuple(self._journey(f"[[journey]] {i}", table) for i, table in self._list(data, "journey")),
            entities=tuple(
                Entity(
                    name=name, states={state: self._get(f"[entity.{name}]", table, state, str, "") for state in table}
                )
                for name, table in self._tables(data, "entity").items()
            ),
            scenarios=str(self.folder / scenarios) if scenarios else None,
        )

    def _service(self, name: str, table: Mapping[str, Any]) -> Service:
        place = f"[service.{name}]"
        self._known(place, table, SERVICE)
        run = table.get("run")
        command: tuple[str, ...] = ()
        if isinstance(run, list) and all(isinstance(word, str) for word in run):
            command = tuple(run)
        elif run is not None:
            try:
                command = argv(self._get(place, table, "run", str, ""))
            except ValueError as error:
                self.problems.append(tr("{place} run: {error}", place=place, error=error).lower())
        module = self._get(place, table, "module", str, "")
        address = self._get(place, table, "address", str, "")
        if not (command or module or address):
            self.problems.append(
                tr(
                    '{place} run: say how {name} is started, for example run = "python -m {name}"',
                    place=place,
                    name=name,
                )
            )
        folder = self.folder / self._get(place, table, "dir", str, ".")
        if not folder.is_dir():
            self.problems.append(tr("{place} dir: there is no folder {folder}", place=place, folder=folder))
        env = self._get(place, table, "env", dict, {})
        for key, value in env.items():
            if not isinstance(value, str | int | float):
                self.problems.append(
                    tr("{place} env.{key}: expected a string, got {kind}", place=place, key=key, kind=_kind(value))
                )
        return Service(
            name=name,
            module=module or None,
            command=command,
            address=address or None,
            dir=None if address and "dir" not in table else str(folder),
            env={key: str(value) for key, value in env.items()},
            exec=self._get(place, table, "exec", bool, False),
            endpoints=self._words(place, table, "endpoints", (HTTP,)),
            ready=self._get(place, table, "ready", str, "tcp"),
            restart=self._get(place, table, "restart", str, "on-failure"),
            start=self._get(place, table, "start", str, "with-run"),
            replicas=self._get(place, table, "replicas", int, 1),
            memory=self._get(place, table, "memory", int, 0) if "memory" in table else None,
            output=self._get(place, table, "output", int, 0) if "output" in table else None,
            role=self._get(place, table, "role", str, "service"),
            summary=self._get(place, table, "summary", str, ""),
        )

    def _engine(self, name: str, table: Mapping[str, Any]) -> Engine:
        place = f"[engine.{name}]"
        self._known(place, table, ENGINE)
        kind = self._need(place, table, "kind", str)
        restart = self._get(place, table, "restart", str, "always")
        return Engine(name=name, kind=kind, restart=restart, summary=self._get(place, table, "summary", str, ""))

    def _link(self, place: str, table: Mapping[str, Any], kinds: Mapping[str, Any]) -> Link:
        self._known(place, table, LINK)
        target, _, endpoint = str(self._need(place, table, "to", str)).partition(":")
        kind = engine_kinds().get(str(kinds.get(target)))
        usual = kind.protocols[0] if kind else endpoint if endpoint in protocols() else HTTP
        return Link(
            source=self._need(place, table, "from", str),
            target=target,
            protocol=self._get(place, table, "protocol", str, usual),
            endpoint=endpoint,
            env=self._get(place, table, "env", str, ""),
            wait=self._get(place, table, "wait", str, "ready"),
            suffix=self._get(place, table, "suffix", str, ""),
            summary=self._get(place, table, "summary", str, ""),
        )

    def _journey(self, place: str, table: Mapping[str, Any]) -> Journey:
        self._known(place, table, JOURNEY)
        requests = self._list(table, "requests", f"{place} requests")
        weight = self._get(place, table, "weight", (int, float), 1.0)
        return Journey(
            name=self._need(place, table, "name", str),
            requests=tuple(self._request(f"{place} requests {i}", request) for i, request in requests),
            weight=float(weight),
        )

    def _request(self, place: str, table: Mapping[str, Any]) -> Request:
        self._known(place, table, REQUEST)
        return Request(
            method=self._get(place, table, "method", str, "GET").upper(),
            service=self._need(place, table, "service", str),
            path=self._need(place, table, "path", str),
            json=table.get("json"),
            save=self._get(place, table, "save", dict, {}),
        )

    def _tables(self, data: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
        tables = self._get("", data, key, dict, {})
        for name, table in tables.items():
            if not isinstance(table, dict):
                self.problems.append(
                    tr(
                        "{key}.{name}: expected a table, [{key}.{name}], got {kind}",
                        key=key,
                        name=name,
                        kind=_kind(table),
                    )
                )
        return {name: table for name, table in tables.items() if isinstance(table, dict)}

    def _list(self, data: Mapping[str, Any], key: str, place: str = "") -> list[tuple[int, Mapping[str, Any]]]:
        """Tables with the number a reader counts them by, from 1."""
        tables = data.get(key, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.problems.append(
                tr("{value}: expected a list of tables, got {kind}", value=place or key, kind=_kind(tables))
            )
            return []
        return list(enumerate(tables, 1))

    def _need(self, place: str, table: Mapping[str, Any], key: str, kind: type) -> Any:
        if key not in table:
            self.problems.append(tr("{place} {key}: missing", place=place, key=key))
            return kind()
        return self._get(place, table, key, kind, kind())

    def _words(self, place: str, table: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        words = table.get(key, list(default))
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            self.problems.append(f"{place} {key}: expected a list of strings, got {_kind(words)}")
            return default
        return tuple(words)

    def _get(self, place: str, table: Mapping[str, Any], key: str, kind: Any, default: Any) -> Any:
        value = table.get(key, default)
        wrong_bool = isinstance(value, bool) and kind is not bool
        if not isinstance(value, kind) or wrong_bool:
            self.problems.append(
                tr(
                    "{place} {key}: expected {expected}, got {kind}",
                    place=place,
                    key=key,
                    expected=_expected(kind),
                    kind=_kind(value),
                ).strip()
            )
            return default
        return value

    def _known(self, place: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
        for key in table:
            if key not in known:
                self.problems.append(
                    tr(
                        "{place} {key}: no such key{did_you_mean}",
                        place=place,
                        key=key,
                        did_you_mean=did_you_mean(key, known),
                    ).strip()
                )


def _expected(kind: Any) -> str:
    names = {str: tr("a string"), dict: tr("a table"), bool: tr("true or false")}
    return names.get(kind, tr("a number")) if isinstance(kind, type) else tr("a number")


def _kind(value: Any) -> str:
    names = {
        bool: tr("a boolean"),
        str: tr("a string"),
        int: tr("a number"),
        float: tr("a number"),
        dict: tr("a table"),
        list: tr("a list"),
    }
    return names.get(type(value), type(value).__name__)


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
