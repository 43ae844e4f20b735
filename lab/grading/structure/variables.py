"""The environment variables that a program reads, told from its sources in Python, Go and Node. Nothing is executed.

A variable counts where the code names it: in a read, in a call of a function of the program's own that reads what it is
given, or as a field of a class of settings.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

LEFT_OUT = frozenset({"node_modules", "vendor", "__pycache__", "tests", "test"})
"""Folders with nothing in them that the program itself reads."""
NAME = r"[A-Z][A-Z0-9_]*"

_GO_READ = re.compile(rf'os\.(?:Getenv|LookupEnv)\(\s*["`]({NAME})["`]')
_GO_TAG = re.compile(rf'\benv(?:config)?:"({NAME})')
_GO_FUNCTION = re.compile(r"^func\s+(?:\([^)]*\)\s*)?(\w+)(?:\[[^\]]*\])?\(\s*(\w+)\b.*?^\}", re.MULTILINE | re.DOTALL)
_NODE_READ = re.compile(rf"process\.env(?:\.|\?\.|\[\s*[\"'`])({NAME})\b")
_NODE_TAKEN = re.compile(r"\{([^{}]*)\}\s*=\s*process\.env\b")
_NODE_FUNCTION = re.compile(
    r"(?:function\s+(\w+)\s*\(\s*(\w+)|(?:const|let|var)\s+(\w+)\s*=\s*\(?\s*(\w+))(?P<body>.*?)(?=^\S*(?:function|const|let|var|export)\b|\Z)",
    re.MULTILINE | re.DOTALL,
)
_GO_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*"|`[^`]*`)|//[^\n]*|/\*.*?\*/', re.DOTALL)
_NODE_COMMENT = re.compile(r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)|//[^\n]*|/\*.*?\*/""", re.DOTALL)


def read_variables(folder: Path) -> dict[str, str]:
    """Each variable with the first place that reads it, `orders/app.py:12`, in the order of their names."""
    found: dict[str, str] = {}
    for suffixes, reader in ((".py",), _python), ((".go",), _go), ((".js", ".mjs", ".cjs", ".ts"), _node):
        texts = {
            path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8", errors="replace")
            for path in _sources(folder, suffixes)
        }
        for name, place in reader(texts):
            found.setdefault(name, place)
    return dict(sorted(found.items()))


def _sources(folder: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        hidden = any(part.startswith(".") or part in LEFT_OUT for part in inner.parts)
        own = not re.search(r"(^|[_.])test(s)?([_.]|$)", inner.name)
        if path.suffix in suffixes and path.is_file() and not hidden and own:
            yield path


# -- Python


def _python(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    trees: dict[str, ast.Module] = {}
    for place, text in texts.items():
        try:
            with warnings.catch_warnings(action="ignore"):
                trees[place] = ast.parse(text)
        except (SyntaxError, ValueError):
            continue  # it does not run either
    readers: dict[str, int] = {}
    before = -1
    while before != len(readers):  # a function may read by another one
        before = len(readers)
        readers |= {name: at for tree in trees.values() for name, at in _passing(tree, readers)}
    for place, tree in trees.items():
        for node in ast.walk(tree):
            for name in _named(node, readers):
                yield name, f"{place}:{node.lineno}"  # type: ignore[attr-defined]


def _named(node: ast.AST, readers: Mapping[str, int]) -> Iterator[str]:
    """The variables that the node itself names."""
    match node:
        case ast.Subscript() | ast.Call() | ast.Compare() if (read := _asked_for(node)) is not None:
            if isinstance(read, ast.Constant) and isinstance(read.value, str):
                yield read.value
        case ast.Call() if (handed := _handed_on(node, readers)) is not None:
            if isinstance(handed, ast.Constant) and isinstance(handed.value, str) and re.fullmatch(NAME, handed.value):
                yield handed.value
        case ast.ClassDef(bases=bases, body=body) if any(_dotted(base).endswith("Settings") for base in bases):
            for one in body:
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                    name = one.target.id
                    if not name.startswith("_") and name != "model_config":
                        yield _alias(one.value) or name.upper()


def _alias(value: ast.expr | None) -> str:
    """The name that a field of pydantic's gives its variable, if it gives one."""
    if isinstance(value, ast.Call):
        for one in value.keywords:
            if one.arg in ("alias", "validation_alias") and isinstance(one.value, ast.Constant):
                return str(one.value.value)
    return ""


def _asked_for(node: ast.AST) -> ast.expr | None:
    """What is read of the environment: `environ[this]`, `environ.get(this)`, `getenv(this)`, `this in environ`."""
    match node:
        case ast.Subscript(value=value, slice=asked, ctx=ast.Load()) if _is_environment(value):
            return asked
        case ast.Call(func=ast.Attribute(value=value, attr="get" | "pop" | "setdefault"), args=[asked, *_]) if (
            _is_environment(value)
        ):
            return asked
        case ast.Call(func=ast.Name(id="getenv") | ast.Attribute(attr="getenv"), args=[asked, *_]):
            return asked
        case ast.Compare(left=asked, comparators=[value]) if _is_environment(value):
            return asked
    return None


def _is_environment(node: ast.expr) -> bool:
    return _dotted(node) in ("os.environ", "environ")


def _passing(tree: ast.Module, readers: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Functions that read the variable whose name they are given, and which of their arguments that is."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
            for node in ast.walk(function):
                asked = _asked_for(node) or _handed_on(node, readers)
                if isinstance(asked, ast.Name) and asked.id in names:
                    yield function.name, names.index(asked.id) - (names[0] in ("self", "cls"))


def _handed_on(node: ast.AST, readers: Mapping[str, int]) -> ast.expr | None:
    """What a function that reads is asked for."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if name in readers and readers[
            name
        ] < len(args):
            return args[readers[name]]
    return None


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value)}.{name}"
    return ""


# -- Go and Node


def _go(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    code = {place: _GO_COMMENT.sub(_blanked, text) for place, text in texts.items()}
    readers = _closed(
        [
            (name, given, body[0])
            for text in code.values()
            for body in _GO_FUNCTION.finditer(text)
            for name, given in [body.groups()]
        ],
        r"os\.(?:Getenv|LookupEnv)\(\s*{given}\s*\)",
    )
    calls = _calls(readers)
    for place, text in code.items():
        for pattern in (_GO_READ, _GO_TAG, *calls):
            yield from _found(pattern, text, place)


def _node(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    code = {place: _NODE_COMMENT.sub(_blanked, text) for place, text in texts.items()}
    functions = [
        (found[1] or found[3], found[2] or found[4], found["body"])
        for text in code.values()
        for found in _NODE_FUNCTION.finditer(text)
    ]
    calls = _calls(_closed(functions, r"process\.env\[\s*{given}\s*\]"))
    for place, text in code.items():
        for pattern in (_NODE_READ, *calls):
            yield from _found(pattern, text, place)
        for taken in _NODE_TAKEN.finditer(text):
            for part in taken[1].split(","):
                if name := re.match(rf"\s*({NAME})\b", part):
                    yield name[1], _place(place, text, taken.start())


def _closed(functions: Iterable[tuple[str, str, str]], reads: str) -> set[str]:
    """Functions (name, first argument, text) that read the variable which their first argument names, themselves or by
    one of the others."""
    functions = list(functions)
    readers = {name for name, given, body in functions if re.search(reads.replace("{given}", re.escape(given)), body)}
    before = -1
    while before != len(readers):
        before = len(readers)
        for name, given, body in functions:
            if any(re.search(rf"\b{re.escape(one)}\(\s*{re.escape(given)}\b", body) for one in readers - {name}):
                readers.add(name)
    return readers


def _calls(readers: Iterable[str]) -> list[re.Pattern[str]]:
    return [re.compile(rf"\b{re.escape(name)}\(\s*[\"'`]({NAME})[\"'`]") for name in sorted(readers)]


def _found(pattern: re.Pattern[str], text: str, place: str) -> Iterator[tuple[str, str]]:
    for one in pattern.finditer(text):
        yield one[1], _place(place, text, one.start())


def _place(place: str, text: str, at: int) -> str:
    return f"{place}:{text.count(chr(10), 0, at) + 1}"


def _blanked(found: re.Match[str]) -> str:
    """A text as it is; a comment as nothing but its ends of lines."""
    return found[1] if found[1] is not None else "\n" * found[0].count("\n")
