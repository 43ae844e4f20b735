"""What is in the image of a service in Python: the modules that it imports, and the packages that these import."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from importlib.util import find_spec
from pathlib import Path

from lab.export.workloads import NotInContainers
from lab.locale import tr
from lab.system.kinds import engine_kinds, protocols
from lab.system.model import Service, System

ROOT = "lab"
SKIPPED = frozenset({"__pycache__", "node_modules", "venv", "secrets"})
MOST = 50
"""MB that a folder of a learner's may hold; more is no source of a service."""
_NAME = re.compile(r"[\w.-]+")
_SPECIFIER = re.compile(r"^([\w.-]+)(\[[\w,.-]+\])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`files` by their path in the image; `requirements` as lines of pip's file, of a service in Python."""

    files: Mapping[str, Path]
    requirements: tuple[str, ...] = ()


def source(service: Service, system: System) -> Source:
    """What the image of the service needs. Raises NotInContainers."""
    if service.module and not service.dir:
        return _of_ours(service.module, service, system)
    if service.module and service.module.startswith(f"{ROOT}.") and find_spec(service.module):
        return _of_ours(service.module, service, system)
    files = _folder(Path(service.dir or "."))
    if "requirements.txt" in files:
        return Source(files=files)
    trees = [ast.parse(path.read_text(encoding="utf-8")) for name, path in files.items() if name.endswith(".py")]
    own = {name.partition("/")[0].removesuffix(".py") for name in files}
    imported = {name for tree in trees for name in _imports(tree)} - own
    return Source(files=files, requirements=tuple(_requirements(imported, service, system)))


def _of_ours(module: str, service: Service, system: System) -> Source:
    """The module with all that it imports, directly or not; of the lab nothing else."""
    graph = _graph()
    runs = f"{module}.__main__" if f"{module}.__main__" in graph.modules else module
    above = {*graph.find_upstream_modules(runs), runs}
    own = {name for name in above if name.partition(".")[0] == ROOT}
    packages = {".".join(name.split(".")[:depth]) for name in own for depth in range(1, name.count(".") + 1)}
    files = {}
    for name in own | packages:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None, name
        path = Path(spec.origin)
        files[name.replace(".", "/") + ("/__init__.py" if path.name == "__init__.py" else ".py")] = path
    return Source(files=files, requirements=tuple(_requirements(above - own, service, system)))


@cache
def _graph():  # type: ignore[no-untyped-def]  # what grimp gives has no public type
    import grimp

    return grimp.build_graph(ROOT, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _requirements(imported: Iterable[str], service: Service, system: System) -> Iterator[str]:
    """The packages in the versions that run here. What is imported only where there is an engine or a protocol of some
    kind is left out where there is none; the driver of a database, which nobody imports by name, is put in."""
    known, declared = _installed(), _declared()
    links = [link for link in system.links if service.name in (link.source, link.target)]
    kinds = {engine.name: engine.kind for engine in system.engines}
    used = {link.protocol for link in links} | {kinds[link.target] for link in links if link.target in kinds}
    drivers, clients = _drivers(), _clients()
    needed = {name for kind in used for name in drivers.get(kind, ())}
    everything = {name for names in (*drivers.values(), *clients.values()) for name in names}
    unused = everything - needed - {name for kind in used for name in clients.get(kind, ())}
    modules = set(imported) - sys.stdlib_module_names - {name.partition(".")[0] for name in unused} | needed
    found = set[str]()
    for name in modules:
        top = name.partition(".")[0]
        owners = {_same(owner) for owner in known.get(top, ())}
        found |= owners & declared.keys() or owners or {_same(top)} & declared.keys()
    yield from sorted(_pinned(name, declared.get(name, name)) for name in found - {ROOT})


def _drivers() -> dict[str, set[str]]:
    """What speaks a protocol or reaches an engine of a kind, by its name, where the lab does not bring it along."""
    found = {one.name: set(one.drivers) for one in protocols().values()}
    for kind in engine_kinds().values():
        found.setdefault(kind.name, set()).update(kind.drivers.values())
    return found


def _clients() -> dict[str, set[str]]:
    """What our services import for an engine of a kind, and only when they are told to use one."""
    return {kind.name: {name.partition(".")[0] for name in kind.clients} - {ROOT} for kind in engine_kinds().values()}


@cache
def _installed() -> Mapping[str, list[str]]:
    """The distributions that have a package of this name; reading what they say of themselves takes a while."""
    return packages_distributions()


@cache
def _declared() -> dict[str, str]:
    """What the lab itself declares that it needs, by name: `psycopg[binary]>=3.2`."""
    try:
        lines = requires(ROOT) or []
    except PackageNotFoundError:
        lines = []
    return {_same(match[0]): line.partition(";")[0].strip() for line in lines if (match := _NAME.match(line))}


def _pinned(name: str, declared: str) -> str:
    """`psycopg[binary]==3.2.1`, or what the lab declares where the package is not installed here."""
    match = _SPECIFIER.match(declared)
    assert match is not None, declared
    try:
        return f"{match[1]}{match[2] or ''}=={version(name)}"
    except PackageNotFoundError:
        return declared


def _same(name: str) -> str:
    """The name of a distribution in its one form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _folder(folder: Path) -> dict[str, Path]:
    """The files of a learner's folder, without what is hidden or made again by its tools."""
    found, size = dict[str, Path](), 0
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if any(part in SKIPPED or part.startswith(".") for part in inside.parts) or not path.is_file():
            continue
        found[inside.as_posix()] = path
        size += path.stat().st_size
        if size > MOST * 1_000_000:
            raise NotInContainers(
                tr("{folder} holds more than {most} MB", folder=folder, most=MOST),
                tr("Let dir in the TOML file name the folder of the service alone."),
            )
    return found
