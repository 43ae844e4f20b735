"""Reads the structure of a Python or Go program from its sources, without executing it."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.grading.structure import import_graph
from lab.grading.structure.walls import Import, Structure, Table
from lab.locale import tr
from lab.system.secrets import without_secrets

PATIENCE = 60.0
"""Seconds that reading may take."""
CREATE = re.compile(r"\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?[\"`\[]?(\w+)[\"`\]]?\s*\(", re.IGNORECASE)
NAMED = re.compile(r"\)\s*TableName\(\)\s*string\s*\{\s*return\s*[\"`](\w+)")


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
    by_name = {_dotted(path): path for path in files}
    return Structure(
        structure.home,
        structure.separator,
        structure.found,
        tuple(
            Import(one["importer"], one["imported"], f"{by_name.get(one['importer'], '?')}:{one['line']}", one["text"])
            for one in _said([sys.executable, "-I", import_graph.__file__, str(folder)], folder)
        ),
        tuple(
            Table(name, structure.module(_dotted(path)), f"{path}:{line}")
            for path in files
            for name, line in _python_tables((folder / path).read_text(encoding="utf-8", errors="replace"))
            if name
        ),
    )


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _python_tables(source: str) -> Iterator[tuple[str, int]]:
    """Tables that a file defines, by mapped classes, `Table(...)` or SQL, with the line. Raises Unreadable.

    A name that the code makes up is "".
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise Unreadable(tr("a source file is not Python: {error}", error=error)) from None
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id="__tablename__")], value=value):
                yield _text(value), node.lineno
            case ast.AnnAssign(target=ast.Name(id="__tablename__"), value=ast.expr() as value):
                yield _text(value), node.lineno
            case ast.ClassDef(name=name, keywords=[*keywords]) if any(one.arg == "table" for one in keywords):
                if not any(_assigns(statement, "__tablename__") for statement in node.body):
                    yield name.lower(), node.lineno
            case ast.Call(func=ast.Name(id="Table") | ast.Attribute(attr="Table"), args=[first, _, *_]):
                yield _text(first), node.lineno
            case ast.Constant(value=str(text)):
                for found in CREATE.finditer(text):
                    yield found[1], node.lineno


def _assigns(statement: ast.stmt, name: str) -> bool:
    return isinstance(statement, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == name for target in statement.targets
    )


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _go(folder: Path, modules: Sequence[str]) -> Structure:
    packages = [one for one in _said(["go", "list", "-deps", "-json", "./..."], folder) if not one.get("Standard")]
    program = next((one["Module"]["Path"] for one in packages if one.get("Module", {}).get("Main")), "")
    own = [one for one in packages if one.get("Module", {}).get("Main")]
    home = f"{program}/internal"
    names = {one["ImportPath"].removeprefix(f"{home}/").partition("/")[0] for one in own}
    structure = Structure(home, "/", tuple(name for name in modules if name in names), (), ())
    imports: list[Import] = []
    tables: list[Table] = []
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
    return Structure(home, "/", structure.found, tuple(imports), tuple(tables))


def _line(text: str, wanted: str) -> int:
    """The number of the first line with this in it; 0 if there is none."""
    return next((number for number, line in enumerate(text.splitlines(), 1) if wanted in line), 0)


def _said(command: list[str], folder: Path) -> list[Any]:
    """The JSON values that a command prints one after the other, or the items of the list that it prints."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=without_secrets(os.environ),
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
