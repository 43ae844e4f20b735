"""What there is to say of each protocol and each kind of engine: one record apiece, found as data.

A protocol is a folder `lab/wire/<name>/` with a PROTOCOL in `protocol.py`, a kind of engine a folder
`lab/engines/<name>/` with a KIND in `kind.py`. Nothing is registered. A record names code by reference (`module` or
`module:name`), so that reading it loads none of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Literal, TypeVar

T = TypeVar("T")

Carries = Literal["calls", "messages", "data", "bytes"]
"""What goes over a link: calls that are answered, messages for whoever takes them, reads and writes of a store, or
bytes of which no more is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What two programs speak on a link.

    `variable` is the environment variable in which a consumer looks for the address ("": one named after the provider),
    and `url` how the address of a service that speaks it is written. `session` decodes it on a tap; without one it
    passes as bytes.

    What passes is called by a verb and, mostly, what it is about: `op` is a regular expression that whatever begins
    such a name matches (`PO`, `POST `, `POST /or`), `example` a pattern that fits.

    `drivers` are the imports with which a service in Python speaks it, where the lab does not bring them along, and
    `install` the command that does.
    """

    name: str
    carries: Carries
    variable: str = ""
    url: str = "{address}"
    session: str = ""
    op: str = ""
    example: str = ""
    drivers: tuple[str, ...] = ()
    install: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKind:
    """What an engine is.

    `protocols` are those it speaks, the usual one first. `variable` may hold the URL of an engine that runs already;
    `schemes` are those that such a URL may have, with the port that each means. `tiers` is the module that says how one
    is started: `embedded(place)`, and `native(place)`, `find()` and `version()` if `native` says how to install it.
    `embedded` is what the embedded tier runs (where that is a program that a machine may fail to execute, the module's
    `embedded_version()` tries it), `caveat` what that does not prove, `remains` what a run leaves behind on an engine
    that runs elsewhere. `ready` asks an engine at its address whether it serves.

    `drivers` are the imports with which a service in Python reaches an engine, by the scheme of its URL, where the lab
    does not bring them along; `driver` is the command that does, and the way to an embedded tier that needs them, too.

    The fork server imports `clients` for services in Python. With `files`, the embedded tier is a file for each
    service, and nothing crosses a wire. With `topics`, a System may say which there are from the start. `options` is
    what an exercise's services get behind the URL, `queues` tells how deep an engine's queues are, and `instrument` is
    what checks look into it with. `container` says how the real one runs in a container: a function of
    `lab.engines.container.Containers`.
    """

    name: str
    protocols: tuple[str, ...]
    variable: str
    schemes: Mapping[str, int]
    tiers: str
    embedded: str
    caveat: str = ""
    native: str = ""
    remains: str = ""
    ready: str = "lab.engines.ready:listens"
    clients: tuple[str, ...] = ()
    drivers: Mapping[str, str] = field(default_factory=dict)
    driver: str = ""
    files: bool = False
    topics: bool = False
    options: str = ""
    queues: str = ""
    instrument: str = ""
    container: str = ""


@cache
def protocols() -> Mapping[str, Protocol]:
    """Every protocol, by name."""
    return {record.name: record for record in _records("lab.wire", "protocol", Protocol)}


@cache
def engine_kinds() -> Mapping[str, EngineKind]:
    """Every kind of engine, by name."""
    return {record.name: record for record in _records("lab.engines", "kind", EngineKind)}


def extra(name: str) -> str:
    """The command that brings what an extra of the lab's needs."""
    return f"python3 -m pip install 'lab[{name}]'"


def tappable() -> list[str]:
    """The protocols that a tap decodes, and plain bytes."""
    return [one.name for one in protocols().values() if one.session or one.carries == "bytes"]


def relays(kind: str) -> bool:
    """Whether what is sent to such an engine goes on to others, as with a broker."""
    known = engine_kinds().get(kind)
    return known is not None and any(protocols()[name].carries == "messages" for name in known.protocols)


def _records(room: str, file: str, kind: type[T]) -> Iterator[T]:
    """The record in each of the room's folders that has such a file. The room is imported by name, as days are: it
    stands above this one, and is data here."""
    for folder in import_module(room).__path__:
        for path in sorted(Path(folder).glob(f"*/{file}.py")):
            record = getattr(import_module(f"{room}.{path.parent.name}.{file}"), file.upper())
            assert isinstance(record, kind)
            yield record
