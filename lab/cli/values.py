"""Parsers for option values."""

from __future__ import annotations

import re

import typer

from lab.locale import tr

_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|m|min|h)?")
LARGEST_SEED = 2**53
"""Every language and every format can write it."""
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """`30s`, `500ms`, `2m`, `1h` or plain seconds."""
    match = _TIME.fullmatch(text.strip().lower())
    if not match or float(match[1]) <= 0:
        raise typer.BadParameter(tr('"{text}" is not a time; write it like 30s, 500ms or 2m', text=text))
    return float(match[1]) * _SECONDS[match[2] or "s"]


def rate(text: str) -> float:
    """`20` or `20/s`; 0 is a pause."""
    try:
        value = float(text.removesuffix("/s"))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise typer.BadParameter(tr('"{text}" is not a rate; write how many a second, like 20 or 0.5', text=text))
    return value


def tiers(words: list[str]) -> dict[str, str]:
    """What `--engine` was given -> kind (or `*`) to tier: `native`, `redis=native`, `amqp=amqp://host`, `a,b`."""
    from lab.system.kinds import engine_kinds

    chosen: dict[str, str] = {}
    for word in [part for text in words for part in text.split(",") if part]:
        kind, equals, tier = word.partition("=")
        if not equals:
            kind, tier = "*", word
        if kind not in (*engine_kinds(), "*"):
            raise typer.BadParameter(
                tr(
                    '"{kind}" is no kind of engine; there are {engine_kinds}',
                    kind=kind,
                    engine_kinds=", ".join(engine_kinds()),
                )
            )
        if tier not in ("embedded", "native", "url") and "://" not in tier:
            raise typer.BadParameter(tr('"{tier}" is not a tier; write embedded, native, url, or KIND=URL', tier=tier))
        if kind == "*" and "://" in tier:
            raise typer.BadParameter(tr("which engine is at {tier}? Write it like amqp={tier}", tier=tier))
        chosen[kind] = tier
    return chosen


def numbers(text: str) -> tuple[int, ...]:
    """`2,5`, or `none`."""
    words = [] if text.strip() == "none" else [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"[1-9][0-9]{0,3}", word) for word in words):
        raise typer.BadParameter(tr('"{text}" is no list of numbers; write it like 2,5 or none', text=text))
    return tuple(int(word) for word in words)


def protocol(word: str) -> str:
    """A protocol that a tap can be told to read, or plain bytes."""
    from lab.system.kinds import tappable

    if word not in (known := tappable()):
        raise typer.BadParameter(
            tr('"{word}" is no protocol of a tap; there are {known}', word=word, known=", ".join(known))
        )
    return word


def address(text: str) -> tuple[str, int]:
    """`127.0.0.1:8000`, `:8000` or `8000`, the host being 127.0.0.1 if left out."""
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise typer.BadParameter(tr('"{text}" is not an address; write HOST:PORT or :PORT', text=text))
    return host.strip("[]") or "127.0.0.1", int(port)
