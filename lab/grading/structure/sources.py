"""Reads the structure of a Python or Go program from its sources, without executing it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.grading.structure import import_graph, python_names
from lab.grading.structure.python_names import CREATE, WORD, Names
from lab.grading.structure.walls import Import, Structure, Table
from lab.locale import tr
from lab.system.secrets import without_secrets

PATIENCE = 60.0
"""Seconds that reading may take."""
NAMED = re.compile(r"\)\s*TableName\(\)\s*string\s*\{\s*return\s*[\"`](\w+)")
GO_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"((?:[^"\\\n]|\\.)*)"|`([^`]*)`', re.DOTALL)
"""Comments and texts of Go; only texts have a group."""


class Unreadable(Exception):
    """The structure cannot be told; the message says why."""


def read_structure(folder: Path, modules: Sequence[str]) -> Structure:
    """The program in `folder`, of whose parts `modules` are modules: `modules/<name>` in Python, `internal/<name>` in
    Go. Raises Unreadable."""
    if (folder / "go.mod").exists():
        return _go(folder, modules)
    if any(import_graph.sources(folder)):
        return _python(folder, modules)
    raise Unreadable(tr("the lab reads the structure of Python and Go programs only"))


def _python(folder: Path, modules: Sequence[str]) -> Structure:
    files = [path.relative_to(folder) for path in import_graph.sources(folder)]
    homes = {Path(*path.parts[: path.parts.index("modules") + 1]) for path in files if "modules" in path.parts[:-1]}
    home = min(homes, key=lambda path: (len(path.parts), path), default=Path("modules"))
    inside = [path.relative_to(home) for path in files if path.is_relative_to(home)]
    found = {path.parts[0].removesuffix(".py") for path in inside}
    structure = Structure(".".join(home.parts), ".", tuple(name for name in modules if name in found), (), ())
    paths = {_dotted(path): path for path in files}
    names = {part: _names(folder, path) for part, path in paths.items()}
    tables = [
        Table(name, structure.module(part), f"{paths[part]}:{line}", f"{part}.{holder}" if holder else "")
        for part in names
        for name, holder, line in names[part].tables
        if name
    ]
    known = {*paths, *(table.name for table in tables)}
    return Structure(
        structure.home,
        structure.separator,
        structure.found,
        tuple(
            Import(one["importer"], one["imported"], f"{paths.get(one['importer'], '?')}:{one['line']}", one["text"])
            for one in _said([sys.executable, "-I", import_graph.__file__, str(folder)], folder)
        ),
        tuple(tables),
        uses=tuple(
            Import(part, one, f"{paths[part]}:{line}")
            for part in names
            for dotted, line in names[part].used
            for one in _meant(dotted, names)
        ),
        mentions=tuple(
            Import(part, one, f"{paths[part]}:{line}")
            for part in names
            for word, line in names[part].words
            for one in (word, word.partition(".")[0])
            if one in known
        ),
    )


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _names(folder: Path, path: Path) -> Names:
    """Raises Unreadable."""
    text = (folder / path).read_text(encoding="utf-8", errors="replace")
    try:
        return python_names.read(text, _dotted(path), package=path.name == "__init__.py")
    except SyntaxError as error:
        raise Unreadable(tr("a source file is not Python: {error}", error=error)) from None


def _meant(dotted: str, names: Mapping[str, Names]) -> Iterator[str]:
    """The part of the program that a dotted name begins with, and the name in a part under which it is defined: of
    `users.api.User.id` these are `users.api` and, if `User` comes from there, `users.models.User`."""
    if part := _part(dotted, names):
        yield part
    for _ in names:  # as often at most as there are files to go through
        rest = dotted.removeprefix(part).strip(".").split(".")
        if not part or not rest[0]:
            return
        if rest[0] not in names[part].imported:
            yield f"{part}.{rest[0]}"
            return
        dotted = ".".join([names[part].imported[rest[0]], *rest[1:]])
        part = _part(dotted, names)


def _part(dotted: str, names: Mapping[str, Names]) -> str:
    """The longest beginning of the name that is a part of the program."""
    words = dotted.split(".")
    found = (".".join(words[:length]) for length in range(len(words), 0, -1))
    return next((part for part in found if part in names), "")


def _go(folder: Path, modules: Sequence[str]) -> Structure:
    # Only the program's own packages are read, so what it requires may be missing here (-e).
    own = _said(["go", "list", "-e", "-json", "./..."], folder, GOPROXY="off")
    program = next((one["Module"]["Path"] for one in own if "Module" in one), "")
    home = f"{program}/internal"
    names = {one["ImportPath"].removeprefix(f"{home}/").partition("/")[0] for one in own}
    structure = Structure(home, "/", tuple(name for name in modules if name in names), (), ())
    imports: list[Import] = []
    tables: list[Table] = []
    words: list[Import] = []
    for package in own:
        path = package["ImportPath"]
        inner = Path(path.removeprefix(program).strip("/"))
        for name in package.get("GoFiles", ()):
            text = (Path(package["Dir"]) / name).read_text(encoding="utf-8", errors="replace")
            imports.extend(
                Import(path, imported, f"{inner / name}:{at}", f'import "{imported}"')
                for imported in package.get("Imports", ())
                if (at := _line(text, f'"{imported}"'))
            )
            for found in (*CREATE.finditer(text), *NAMED.finditer(text)):
                at = text.count("\n", 0, found.start()) + 1
                tables.append(Table(found[1], structure.module(path), f"{inner / name}:{at}"))
            for found in GO_TEXT.finditer(text):
                at = text.count("\n", 0, found.start()) + 1
                said = WORD.findall(found[1] or found[2] or "")
                words.extend(Import(path, word, f"{inner / name}:{at}") for word in said)
    known = {table.name for table in tables}
    mentions = tuple(word for word in words if word.imported in known)
    return Structure(home, "/", structure.found, tuple(imports), tuple(tables), mentions=mentions)


def _line(text: str, wanted: str) -> int:
    """The number of the first line with this in it; 0 if there is none."""
    return next((number for number, line in enumerate(text.splitlines(), 1) if wanted in line), 0)


def _said(command: list[str], folder: Path, **variables: str) -> list[Any]:
    """The JSON values that a command prints one after the other, or the items of the list that it prints."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=without_secrets(os.environ) | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise Unreadable(tr("{command} is not installed", command=command[0])) from None
    except subprocess.TimeoutExpired:
        raise Unreadable(
            tr("`{command}` was not done after {patience:g} s", command=" ".join(command[:3]), patience=PATIENCE)
        ) from None
    if done.returncode != 0:
        raise Unreadable(
            (
                done.stderr.strip().splitlines()
                or [tr("{command} ended with {returncode}", command=command[0], returncode=done.returncode)]
            )[-1]
        )
    found: list[Any] = []
    text = done.stdout.strip()
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        found += value if isinstance(value, list) else [value]
        text = text[end:].lstrip()
    return found
