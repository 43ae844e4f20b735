"""No module needs, directly or through others, a module that needs it: each can be read after what it imports.

An import inside a function counts like any other, and so does one for types alone: who reads the file needs the other
one all the same. Only a part that knows its owner by its type is a natural pair, and those are named here.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp

CORE = "lab.engines.amqp.core"
PROTOCOL = "lab.engines.amqp.protocol"
PARTS = {
    (
        f"{CORE}.vhost",
        f"{CORE}.broker",
    ): "a virtual host asks its broker for what all of them share: its store, its clock",
    (f"{CORE}.queue", f"{CORE}.vhost"): "a queue sends its dead letters back through its virtual host",
    (
        f"{CORE}.queue",
        f"{CORE}.exchange",
    ): "one relation, the binding, seen from its two ends",
    (f"{CORE}.routing", f"{CORE}.exchange"): "an index finds the bindings of its exchange",
    (f"{CORE}.reply_to", f"{CORE}.vhost"): "an inbox for replies takes itself off its virtual host",
    (f"{PROTOCOL}.clients", f"{PROTOCOL}.connection"): "the book of the connections that are open",
    (f"{PROTOCOL}.channel", f"{PROTOCOL}.connection"): "a channel writes through its connection",
    (f"{PROTOCOL}.consumer", f"{PROTOCOL}.channel"): "a consumer is a channel's",
    (f"{PROTOCOL}.deliveries", f"{PROTOCOL}.channel"): "the deliveries that are open are a channel's",
    (f"{PROTOCOL}.publishing", f"{PROTOCOL}.channel"): "a message in the course of being published is a channel's",
}
"""A part, and the owner that it knows as a type."""


def imports(*, types: bool) -> set[tuple[str, str]]:
    """Importer and imported, within the lab."""
    graph = grimp.build_graph("lab", exclude_type_checking_imports=not types, cache_dir=None)
    return {
        (module, imported) for module in graph.modules for imported in graph.find_modules_directly_imported_by(module)
    }


def circle(edges: set[tuple[str, str]]) -> list[str]:
    """The modules of one circle in order, or nothing."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for importer, imported in edges:
        sorter.add(importer, imported)
    try:
        sorter.prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_no_circles_but_of_parts_with_their_owners() -> None:
    assert circle(imports(types=True) - PARTS.keys()) == []


def test_a_part_knows_its_owner_by_its_type_alone() -> None:
    assert PARTS.keys() <= imports(types=True) - imports(types=False)


def test_no_part_is_named_that_makes_no_circle() -> None:
    edges = imports(types=True) - PARTS.keys()
    assert [pair for pair in PARTS if not circle(edges | {pair})] == []
