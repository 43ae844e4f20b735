"""The inside of a service in Python: its modules, which of them imports which (by grimp), and who sees whose tables.

A module is a package of its own inside the service's; a service without any is one module, with no wall in it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

FACE, AROUND = "face", "around"
"""How a module is imported: through what it shows (the package itself), or around that."""

SUBSCRIBE = "subscribe"
"""How a service of ours says of what it wants to hear: `messaging.subscribe(queue, keys, handler)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """`modules` in the order of their names; `imports` says for importer and imported how."""

    modules: tuple[str, ...] = ()
    imports: Mapping[tuple[str, str], str] = field(default_factory=dict)
    entangled: int = 0
    """Functions that see tables of two modules; where there are no modules, any two tables."""

    @property
    def around(self) -> int:
        """Imports that reach what a module does not show."""
        return sum(how == AROUND for how in self.imports.values())


@cache
def inside(package: str) -> Inside:
    """The inside of a package of ours."""
    import grimp  # only who looks inside has to load it

    graph = grimp.build_graph(package.partition(".")[0], cache_dir=None)
    homes = {
        home: {home, *graph.find_descendants(home)}
        for home in graph.find_children(package)
        if graph.find_children(home)
    }
    imports: dict[tuple[str, str], str] = {}
    for importer, parts in homes.items():
        found = {name for part in parts for name in graph.find_modules_directly_imported_by(part)}
        for imported, its in homes.items():
            if importer != imported and (used := found & its):
                imports[_word(importer), _word(imported)] = FACE if used == {imported} else AROUND
    return Inside(
        modules=tuple(sorted(map(_word, homes))),
        imports=dict(sorted(imports.items())),
        entangled=_entangled(package),
    )


def hears(package: str) -> bool:
    """Whether a service in Python subscribes to events anywhere in its code; not, if it cannot be found."""
    try:
        trees = _trees(package).values()
    except ModuleNotFoundError:
        return False
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(
        isinstance(one.func, ast.Attribute) and one.func.attr == SUBSCRIBE and len(one.args) > 1 for one in calls
    )


def drawn(found: Inside) -> list[str]:
    """Who imports whom as a matrix, in plain text: a row for who imports, a column for who is imported."""
    wide = max(map(len, found.modules), default=0)
    lines = [" " * wide + "".join(f"  {name}" for name in found.modules)]
    for importer in found.modules:
        signs = (_sign(found, importer, imported).center(len(imported)) for imported in found.modules)
        lines.append((f"{importer:<{wide}}" + "".join(f"  {sign}" for sign in signs)).rstrip())
    return lines


def _sign(found: Inside, importer: str, imported: str) -> str:
    if importer == imported:
        return "\\"
    return {FACE: "●", AROUND: "!"}.get(found.imports.get((importer, imported), ""), "·")


def _word(module: str) -> str:
    return module.rpartition(".")[2]


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _trees(package: str) -> dict[Path, ast.Module]:
    """What each of its files says."""
    files = sorted(_folder(package).rglob("*.py"))
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}


def _entangled(package: str) -> int:
    root, trees = _folder(package), _trees(package)
    tables = {
        name: path.parent.name if path.parent != root else name
        for path, tree in trees.items()
        for name in _tables(tree)
    }
    seen = (
        {tables[name.id] for name in ast.walk(function) if isinstance(name, ast.Name) and name.id in tables}
        for tree in trees.values()
        for function in _functions(tree)
    )
    return sum(len(homes) > 1 for homes in seen)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Those of the file and of its classes; one inside of another is part of that."""
    for node in tree.body:
        parts = node.body if isinstance(node, ast.ClassDef) else [node]
        yield from (part for part in parts if isinstance(part, ast.FunctionDef))


def _tables(tree: ast.Module) -> Iterator[str]:
    """Classes that stand for a table, as SQLAlchemy has them."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            named = (target for line in node.body if isinstance(line, ast.Assign) for target in line.targets)
            if any(isinstance(target, ast.Name) and target.id == "__tablename__" for target in named):
                yield node.name
