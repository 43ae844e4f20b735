"""The HTTP calls that a brief names, made into commands to paste: `POST /users {email, name}` becomes a curl line."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^\s`]*)(?: (\{.*?\}))?`")
VARIABLE = re.compile(r"\{\w+\}|[<…]\w*>?")
TOKEN = re.compile(r'"[^"]*"|[{}\[\],:]|[^\s{}\[\],:"]+')
SAMPLES: dict[str, Any] = {
    "email": "ada@example.org",
    "name": "Ada",
    "ref": "web-1",
    "items": [{"sku": "tea", "qty": 1, "price": 9000}],
    "sku": "tea",
    "status": "cancelled",
    "template": "welcome",
}
QUERY = {"limit": "10"}
NUMBERS = ("amount", "price", "qty", "total", "limit", "count", "stock")


def curls(brief: str, urls: Mapping[str, str]) -> Iterator[str]:
    """A command for each call of the brief, once. `urls` are the services'; a path that begins with the name of one of
    them is meant for it, any other for the first."""
    first = next(iter(urls.values()))
    calls = [found for found in CALL.findall(brief) if not found[1].endswith("…") or found[1].endswith(("/…", "=…"))]
    with_body = {(method, path) for method, path, body in calls if body}
    seen = set()
    for method, path, body in calls:
        if not body and (method, path) in with_body:
            continue
        base = urls.get(re.split("[/?]", path)[1], first).rstrip("/")
        command = f"curl -i {'' if method == 'GET' else f'-X {method} '}{shlex.quote(base + _filled(path))}"
        if body:
            data = json.dumps(sample(body), ensure_ascii=False)
            command += f" -H 'Content-Type: application/json' -d {shlex.quote(data)}"
        if command not in seen:
            seen.add(command)
            yield command


def _filled(path: str) -> str:
    """The path with values; a first page has no cursor."""
    where, _, query = VARIABLE.sub("1", path).partition("?")
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    asked = "&".join(f"{name}={value or QUERY.get(name, '1')}" for name, value in pairs if name != "cursor" or value)
    return f"{where}?{asked}" if asked else where


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
        name = token.strip('"').removesuffix("?")  # may be left out
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
        return 2 if name == "qty" else 1000
    return SAMPLES.get(name, "1" if name.endswith("id") else "text")
