"""A script of its own: prints who imports whom in a folder of Python sources, as JSON. Nothing of them is executed.

`python -I import_graph.py FOLDER` prints a list of {"importer", "imported", "line", "text"}. It is run in a process of
its own because grimp finds packages through `sys.path`, which the grader's own imports need as it is.

grimp leaves out folders without an `__init__.py` that are inside of a package, and modules that are in no package;
Python runs both. So it is shown a copy in which every folder is a package.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grimp


def sources(folder: Path) -> Iterator[Path]:
    """The Python files that can be imported from the folder, its environments and caches left out."""
    for path in sorted(folder.rglob("*.py")):
        inner = path.relative_to(folder)
        if all(part.isidentifier() for part in (*inner.parts[:-1], inner.stem)):
            yield path


def copy(folder: Path, to: Path) -> list[str]:
    """Copy the sources so that every folder is a package; the packages at the top."""
    for path in sources(folder):
        inner = path.relative_to(folder)
        if len(inner.parts) == 1:
            inner = Path(inner.stem, "__init__.py")
        target = to / inner
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        for parent in target.relative_to(to).parents[:-1]:
            (to / parent / "__init__.py").touch()
    return sorted(path.name for path in to.iterdir() if path.name not in sys.stdlib_module_names)


def imports(packages: list[str]) -> Iterator[dict[str, object]]:
    graph = grimp.build_graph(*packages, cache_dir=None)
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            for detail in graph.get_import_details(importer=importer, imported=imported):
                yield {
                    "importer": importer,
                    "imported": imported,
                    "line": detail["line_number"],
                    "text": detail["line_contents"],
                }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        found = copy(Path(sys.argv[1]), Path(scratch))
        sys.path.insert(0, scratch)
        json.dump(list(imports(found)) if found else [], sys.stdout)
