"""Days are content: each stands on its own, and no room knows one by name. Whoever adds a day need not say so here."""

from __future__ import annotations

import re

import grimp
import pytest

import lab
from lab.course import days

DAY = re.compile(r"lab\.day\d+_\w+")
MAY_USE = ("lab.chassis",)
"""What a day's services may import of the lab: DESIGN, rule 1."""
MAY_DESCRIBE = ("lab.system", "lab.locale")
"""What its systems, and its services never, may import besides."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("lab", include_external_packages=True, cache_dir=None)


def packages(graph: grimp.ImportGraph) -> list[str]:
    return sorted(name for name in graph.find_children("lab") if DAY.fullmatch(name))


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def describes(module: str, package: str, graph: grimp.ImportGraph) -> bool:
    """Whether it is one of the day's own modules that hold a system, and no service: those are packages."""
    return module.rpartition(".")[0] == package and not graph.find_children(module)


def test_every_day_is_held_to_this(graph: grimp.ImportGraph) -> None:
    found = {days.find(name).package for name in days.names()}
    assert found
    assert found == set(packages(graph))


def test_a_day_imports_the_chassis_and_its_systems_the_words_for_a_system(graph: grimp.ImportGraph) -> None:
    broken = []
    for package in packages(graph):
        for module in {package, *graph.find_descendants(package)}:
            may = (package, *MAY_USE, *(MAY_DESCRIBE if describes(module, package, graph) else ()))
            if module == f"{package}.measures":
                may += tuple(f"lab.journal.{one}" for one in ("window", "event", "staleness", "budget", "invariants"))
            for imported in graph.find_modules_directly_imported_by(module):
                ours = imported.partition(".")[0] == lab.__name__
                if imported == "textual" or (ours and not any(within(imported, one) for one in may)):
                    broken.append(f"{module} imports {imported}")
    assert broken == []


def test_nobody_imports_a_day_by_name(graph: grimp.ImportGraph) -> None:
    known = []
    for package in packages(graph):
        for module in {package, *graph.find_descendants(package)}:
            known += [
                f"{importer} imports {module}"
                for importer in graph.find_modules_that_directly_import(module)
                if not within(importer, package)
            ]
    assert known == []
