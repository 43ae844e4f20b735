"""What one Python file says by name: the tables that it defines, what it uses of other files, the words of its texts.

The file is parsed, not executed. Parts of a program are named as they are imported: `shop.modules.users.api`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

CREATE = re.compile(r"\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?[\"`\[]?(\w+)[\"`\]]?\s*\(", re.IGNORECASE)
WORD = re.compile(r"\w+(?:\.\w+)*")
ASKED_ONLY = ("isinstance", "issubclass", "cast")
"""Functions that are given a class without doing anything with it."""


@dataclass(slots=True)
class Names:
    """Each name stands with its line. `tables` are of (table, class or variable, line); "" is what the code makes up.

    `imported` holds what each name in the file stands for, `used` what is used of what was imported, both dotted;
    `words` are those of texts.
    """

    tables: list[tuple[str, str, int]] = field(default_factory=list)
    imported: dict[str, str] = field(default_factory=dict)
    used: list[tuple[str, int]] = field(default_factory=list)
    words: list[tuple[str, int]] = field(default_factory=list)


def read(source: str, part: str, *, package: bool) -> Names:
    """The names in the text of the part; `package` says that it is an `__init__.py`. Raises SyntaxError."""
    tree = ast.parse(source)
    return Names(
        tables=list(_tables(tree)),
        imported=dict(_imported(tree, part, package)),
        used=list(_used(tree, dict(_imported(tree, part, package)))),
        words=list(_words(tree)),
    )


def _tables(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """Tables by mapped classes, `Table(...)` or SQL."""
    held: set[int] = set()
    for statement in ast.walk(tree):
        match statement:
            case ast.ClassDef(name=name, body=body, keywords=keywords):
                named = [one for one in body if _target(one) == "__tablename__"]
                for one in named:
                    yield _text(one.value), name, one.lineno  # type: ignore[attr-defined]
                if not named and any(one.arg == "table" for one in keywords):
                    yield name.lower(), name, statement.lineno
            case ast.Assign() | ast.AnnAssign() if (call := _table_call(statement.value)) is not None:
                held.add(id(call))
                yield _text(call.args[0]), _target(statement), call.lineno
            case ast.Call() if (call := _table_call(statement)) is not None and id(call) not in held:
                yield _text(call.args[0]), "", call.lineno
            case ast.Constant(value=str(text)):
                for found in CREATE.finditer(text):
                    yield found[1], "", statement.lineno


def _target(statement: ast.stmt) -> str:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return name
    return ""


def _table_call(value: ast.expr | None) -> ast.Call | None:
    match value:
        case ast.Call(func=ast.Name(id="Table") | ast.Attribute(attr="Table"), args=[_, _, *_]):
            return value
    return None


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _imported(tree: ast.Module, part: str, package: bool) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for one in names:
                    first = one.name.partition(".")[0]
                    yield (one.asname, one.name) if one.asname else (first, first)
            case ast.ImportFrom(module=module, names=names, level=level):
                home = part.split(".")[: len(part.split(".")) - level + package] if level else []
                base = ".".join([*home, *([module] if module else [])])
                for one in names:
                    yield one.asname or one.name, f"{base}.{one.name}"


def _used(tree: ast.Module, imported: dict[str, str]) -> Iterator[tuple[str, int]]:
    """What is used of what was imported: `api.User` as `shop.modules.users.api.User`. Types of annotations are not."""
    passed: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=ast.expr() as told) | ast.AnnAssign(annotation=told):
                passed.update(map(id, ast.walk(told)))
            case ast.FunctionDef(returns=ast.expr() as told) | ast.AsyncFunctionDef(returns=ast.expr() as told):
                passed.update(map(id, ast.walk(told)))
            case ast.Call(func=ast.Name(id=name), args=args) if name in ASKED_ONLY:
                passed.update(id(inner) for one in args for inner in ast.walk(one))
    for node in ast.walk(tree):
        if id(node) in passed or not isinstance(node, ast.Name | ast.Attribute):
            continue
        first, *rest = _chain(node) or [""]
        if first in imported:
            yield ".".join([imported[first], *rest]), node.lineno
            passed.update(map(id, ast.walk(node)))


def _chain(node: ast.expr) -> list[str]:
    """`a.b.c` as its names; empty if it is anything else."""
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=value, attr=attr):
            before = _chain(value)
            return [*before, attr] if before else []
    return []


def _words(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The words of texts, docstrings left out; `import_module(".models", "shop.modules.users")` is one word."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in told:
                for word in WORD.findall(text):
                    yield word, node.lineno
            case ast.Call(args=[*given], keywords=[*named]):
                match [*given, *(one.value for one in named)]:
                    case [ast.Constant(value=str(name)), ast.Constant(value=str(home))] if name.startswith("."):
                        yield home + name, node.lineno
