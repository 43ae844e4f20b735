"""The walls inside a program: which of its modules may import which.

A program has modules (`users`, `orders`), one folder each. A module may import only the public part of another one: the
package itself or its `api`. The part that puts the modules together imports them and is imported by none; shared code
imports no module and defines no tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.locale import tr

FACE = "api"
"""The public part of a module, beside the module's own package."""


@dataclass(frozen=True, slots=True)
class Import:
    """`place` is for people: `shop/modules/orders/app.py:7`."""

    importer: str
    imported: str
    place: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the database that the source defines. `module` is where it does; None: in no module.

    `model` is the class or variable that stands for it, `shop.modules.users.models.User`.
    """

    name: str
    module: str | None
    place: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Structure:
    """The structure of a program. Names are written as in its language."""

    home: str
    """Where the modules are: `shop.modules`, `example.uz/shop/internal`."""
    separator: str
    found: tuple[str, ...]
    """The modules that there are."""
    imports: tuple[Import, ...]
    tables: tuple[Table, ...]
    uses: tuple[Import, ...] = ()
    """What parts do with what they have imported: each is a part or a name in one, where it is defined."""
    mentions: tuple[Import, ...] = ()
    """Tables and parts of the program that are named in texts."""

    def module(self, part: str) -> str | None:
        """The module that this part of the program is in."""
        inner = part.removeprefix(self.home + self.separator)
        name = inner.partition(self.separator)[0]
        return name if inner != part and name in self.found else None

    def public(self, part: str) -> bool:
        """Whether other modules may import this part of a module."""
        inside = part.removeprefix(self.home + self.separator).split(self.separator)[1:]
        return not inside or inside[0] == FACE


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken rule. `code` names it, `says` what breaks it, `place` where."""

    code: str
    says: str
    place: str

    def __str__(self) -> str:
        return f"{self.place}: {self.says}"


def breaches(structure: Structure) -> list[Breach]:
    """Every broken rule. Those that cause others come first."""
    return [
        *_internals(structure),
        *_by_name(structure),
        *_roots(structure),
        *_cycles(structure),
        *_tables(structure),
        *_foreign(structure),
    ]


def _internals(structure: Structure) -> Iterator[Breach]:
    for one in structure.imports:
        mine, other = structure.module(one.importer), structure.module(one.imported)
        if mine and other and mine != other and not structure.public(one.imported):
            yield Breach(
                "imports-internals",
                tr(
                    "{mine} imports {imported}, which is inside of {other}",
                    mine=mine,
                    imported=one.imported,
                    other=other,
                ),
                one.place,
            )


def _by_name(structure: Structure) -> Iterator[Breach]:
    """The inside of another module, reached through a name in a text or through its package: no import shows it."""
    told = {(one.importer, one.imported) for one in structure.imports}
    parts = {one.imported for one in structure.imports} | {one.importer for one in structure.imports}
    for one in (*structure.mentions, *structure.uses):
        mine, other = structure.module(one.importer), structure.module(one.imported)
        if not mine or not other or mine == other or structure.public(one.imported) or one.imported not in parts:
            continue
        if (one.importer, one.imported) not in told:
            told.add((one.importer, one.imported))
            says = tr(
                "{mine} reaches {imported}, which is inside of {other}", mine=mine, imported=one.imported, other=other
            )
            yield Breach("reaches-internals", says, one.place)


def _roots(structure: Structure) -> Iterator[Breach]:
    """No module may import a part that imports modules, directly or not."""
    knows: dict[str, str] = {}
    before = -1
    while before != len(knows):
        before = len(knows)
        for one in structure.imports:
            if structure.module(one.importer) is None and one.importer not in knows:
                reached = one.imported if structure.module(one.imported) else knows.get(one.imported)
                if reached:
                    knows[one.importer] = reached
    for one in structure.imports:
        mine = structure.module(one.importer)
        if mine and one.imported in knows:
            says = tr(
                "{mine} imports {imported}, which knows the modules: it imports {knows}",
                mine=mine,
                imported=one.imported,
                knows=knows[one.imported],
            )
            yield Breach("imports-the-root", says, one.place)


def _cycles(structure: Structure) -> Iterator[Breach]:
    """One breach for each cycle, at the import that closes it."""
    edges: dict[str, dict[str, Import]] = {}
    for one in structure.imports:
        mine, other = structure.module(one.importer), structure.module(one.imported)
        if mine and other and mine != other:
            edges.setdefault(mine, {}).setdefault(other, one)
    told: set[frozenset[str]] = set()
    for start in sorted(edges):
        way = _way_back(edges, start)
        if way and frozenset(way) not in told:
            told.add(frozenset(way))
            hops = [edges[a][b] for a, b in zip(way, [*way[1:], start], strict=True)]
            says = tr("{circle} is a circle: ", circle=" → ".join([*way, start])) + ", ".join(
                f"{hop.text or hop.imported}" for hop in hops
            )
            yield Breach("import-cycle", says, tr(" and ").join(hop.place for hop in hops))


def _way_back(edges: dict[str, dict[str, Import]], start: str) -> list[str]:
    """The shortest way from `start` to itself."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for following in edges.get(way[-1], {}):
            if following == start:
                return way
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def _tables(structure: Structure) -> Iterator[Breach]:
    for table in structure.tables:
        if table.module is None:
            yield Breach("shared-tables", tr("the table {name} is defined in no module", name=table.name), table.place)
        elif not table.name.startswith(f"{table.module}_"):
            yield Breach(
                "foreign-table",
                tr("{module} defines the table {name}", module=table.module, name=table.name),
                table.place,
            )


def _foreign(structure: Structure) -> Iterator[Breach]:
    """Tables that others than their modules read or write: by their names in SQL, or by the class that stands for them.

    Others are modules, and what these import.
    """
    owners = {table.name: table for table in structure.tables if table.module}
    models = {table.model: table for table in structure.tables if table.module and table.model}
    own = {(table.module, table.name) for table in structure.tables}
    shared = {one.imported for one in structure.imports if structure.module(one.importer)}
    for code, known, found in (
        ("names-foreign-table", owners, structure.mentions),
        ("takes-foreign-model", models, structure.uses),
    ):
        for one in found:
            mine, table = structure.module(one.importer), known.get(one.imported)
            if table and (mine or one.importer in shared) and (mine, table.name) not in own:
                own.add((mine, table.name))
                says = tr(
                    "{mine} works with the table {table}, which belongs to {other}",
                    mine=mine or one.importer,
                    table=table.name,
                    other=table.module,
                )
                yield Breach(code, says, one.place)


def missing(structure: Structure, wanted: Sequence[str]) -> list[str]:
    """The modules that should be there and are not."""
    return [name for name in wanted if name not in structure.found]
