"""Services start within tens of milliseconds, so none of their HTTP clients reads the certificates for itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import lab

ROOT = Path(lab.__file__).parent
SERVICES = ("chassis", "day*", "exercises/*/*/starter", "exercises/*/*/solution")
CLIENTS = ("httpx.Client", "httpx.AsyncClient")


def clients() -> Iterator[tuple[str, ast.Call]]:
    """Every client that a service of ours makes, with its place."""
    for pattern in SERVICES:
        for folder in ROOT.glob(pattern):
            for path in folder.rglob("*.py"):
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.Call) and ast.unparse(node.func) in CLIENTS:
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_they_share_the_authorities_that_the_fork_server_has_read() -> None:
    found = {place: [ast.unparse(word) for word in call.keywords] for place, call in clients()}
    assert len(found) > 10
    assert [place for place, words in found.items() if "verify=AUTHORITIES" not in words] == []
