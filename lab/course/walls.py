"""What an exercise's files may import of the lab: checks its grading, programs the plumbing of its chassis.

A program that took the pattern itself from the chassis would leave nothing to learn. A right service is somebody else's
and takes nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from lab.course.exercise import Exercise

PLUMBING = ("settings", "web", "problems", "health", "logs", "serve", "database", "metrics", "ids", "tls")
ALLOWED = (*(f"lab.chassis.{module}" for module in PLUMBING), "lab.grading")


def crossings(exercise: Exercise) -> Iterator[str]:
    """Every forbidden import, with its place."""
    yield from _of(exercise, exercise.checks, ALLOWED[-1:])
    for path in sorted(exercise.folder.glob("s*/**/*.py")):
        yield from _of(exercise, path, ALLOWED[:-1])
    for path in sorted(exercise.folder.glob("right/**/*.py")):
        yield from _of(exercise, path, ())


def imported(source: str) -> list[tuple[int, str]]:
    """Modules of the lab that the text imports, with their lines. Raises SyntaxError."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from lab.chassis import web` takes a module, `from lab.chassis.web import create_app` a name of one.
            package = node.module in ("lab", "lab.chassis")
            found += [(node.lineno, f"{node.module}.{alias.name}" if package else node.module) for alias in node.names]
    return sorted({(line, name) for line, name in found if name.split(".")[0] == "lab"})


def _of(exercise: Exercise, path: Path, allowed: tuple[str, ...]) -> Iterator[str]:
    place = path.relative_to(exercise.folder).as_posix()
    try:
        found = imported(path.read_text(encoding="utf-8"))
    except OSError:
        return
    except (SyntaxError, UnicodeDecodeError) as error:
        yield f"{place}: {error}"
        return
    for line, name in found:
        if not any(name == room or name.startswith(f"{room}.") for room in allowed):
            yield f"{place}:{line}: imports {name}, which is not for it"
