"""The HTTP calls that a brief names, made into commands to paste: `POST /users {email, name}` becomes a curl line."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^\s`]*)(?: (\{.*?\}))?`")
VARIABLE = re.compile(r"\{\w+\}|[<…]\w*>?")
TOKEN = re.compile(r'"[^"]*"|[{}\[\],:]|[^\s{}\[\],:"]+')
SAMPLES: dict[str, Any] = {
    "email": "ada@example.org",
    "name": "Ada",
    "items": [{"sku": "tea", "qty": 1, "price": 9000}],
    "sku": "tea",
    "status": "cancelled",
    "template": "welcome",
}
NUMBERS = ("amount", "price", "qty", "total", "limit", "count", "stock")


def curls(brief: str, base: str) -> Iterator[str]:
    """A command for each call of the brief, once; `base` is the service's URL."""
    seen = set()
    for method, path, body in CALL.findall(brief):
        # A query that the brief leaves open ends with its `=`.
        path = re.sub(r"=(?=&|$)", "=1", VARIABLE.sub("1", path))
        command = f"curl -i {'' if method == 'GET' else f'-X {method} '}{shlex.quote(base.rstrip('/') + path)}"
        if body:
            data = json.dumps(sample(body), ensure_ascii=False)
            command += f" -H 'Content-Type: application/json' -d {shlex.quote(data)}"
        if command not in seen:
            seen.add(command)
            yield command


def sample(text: str) -> Any:
    """A JSON value of the shape that is written loosely: `{email, qty: 2, items: [{sku}]}`."""
    return _value(TOKEN.findall(text), "")


def _value(tokens: list[str], key: str) -> Any:
    """Takes one value off the front of the tokens."""
    token = tokens.pop(0) if tokens else "…"
    if token == "{":
        return _fields(tokens)
    if token == "[":
        found = []
        while tokens and tokens[0] != "]":
            if tokens[0] in (",", "…", "..."):
                tokens.pop(0)
            else:
                found.append(_value(tokens, key))
        tokens[:1] = []
        return found or SAMPLES.get(key, [])
    try:
        return json.loads(token)
    except ValueError:
        return token if re.fullmatch(r"[a-z]\w*", token) else _guess(key)


def _fields(tokens: list[str]) -> dict[str, Any]:
    found = {}
    while tokens and (token := tokens.pop(0)) != "}":
        name = token.strip('"')
        if not re.fullmatch(r"\w+", name):
            continue
        if tokens[:1] == [":"]:
            tokens.pop(0)
            found[name] = _value(tokens, name)
        else:
            found[name] = _guess(name)
    return found


def _guess(name: str) -> Any:
    if name in NUMBERS:
        return 1000
    return SAMPLES.get(name, "1" if name.endswith("id") else "text")
