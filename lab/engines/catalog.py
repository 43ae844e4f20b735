"""The engines: which tier each one takes, how it is run there, and what this machine has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import ModuleType
from typing import get_args
from urllib.parse import urlsplit

from lab.engines import rabbitmq, redis, sql
from lab.engines.launch import EngineReport, EngineUnavailable, Launch, Place, Readiness, Tier, TierReport
from lab.system.model import Engine, EngineKind

MODULES: dict[str, ModuleType] = {"redis": redis, "amqp": rabbitmq, "sql": sql}
SCHEMES = {"redis": ("redis",), "amqp": ("amqp",), "sql": ("postgresql", "postgresql+psycopg", "mysql", "mariadb")}
PORTS = {"redis": 6379, "amqp": 5672, "postgresql": 5432, "postgresql+psycopg": 5432, "mysql": 3306, "mariadb": 3306}
EMBEDDED = {"redis": "fakeredis", "amqp": "the lab's own broker", "sql": "SQLite, one file a service"}


def choose(kind: str, tiers: Mapping[str, str], env: Mapping[str, str] = os.environ) -> tuple[Tier, str]:
    """The tier an engine of this kind takes, with the URL if it is `url`.

    `tiers` is what the reader asked for (`RunOptions.tiers`); a URL in `LAB_REDIS_URL`, `LAB_AMQP_URL` or `LAB_SQL_URL`
    counts where they did not ask. Raises EngineUnavailable with the way out.
    """
    asked = tiers.get(kind) or tiers.get("*") or ("url" if env.get(_variable(kind)) else "embedded")
    if asked == "embedded":
        return "embedded", ""
    if asked == "native":
        if MODULES[kind].find() is None:
            raise EngineUnavailable(f"{kind}: not installed here; to get it: {MODULES[kind].GET}")
        return "native", ""
    url = env.get(_variable(kind), "") if asked == "url" else asked
    if not url:
        raise EngineUnavailable(f"{kind}: set {_variable(kind)} to its URL")
    _address(kind, url)
    return "url", url


def launch(engine: Engine, tiers: Mapping[str, str], place: Place, env: Mapping[str, str] = os.environ) -> Launch:
    """How to run `engine`. Raises EngineUnavailable."""
    tier, url = choose(engine.kind, tiers, env)
    if tier == "url":
        return _elsewhere(engine.kind, url)
    made: Launch = getattr(MODULES[engine.kind], tier)(place)
    return made


def doctor(tiers: Mapping[str, str] | None = None, env: Mapping[str, str] = os.environ) -> list[EngineReport]:
    """What this machine has, an engine at a time."""
    return [_report(kind, tiers or {}, env) for kind in get_args(EngineKind)]


def _report(kind: str, tiers: Mapping[str, str], env: Mapping[str, str]) -> EngineReport:
    module = MODULES[kind]
    version, url = module.version(), env.get(_variable(kind), "")
    try:
        taken, _ = choose(kind, tiers, env)
    except EngineUnavailable:
        taken = "embedded"
    return EngineReport(
        kind=kind,
        taken=taken,
        tiers=(
            TierReport(tier="embedded", available=True, detail=EMBEDDED[kind]),
            TierReport(tier="native", available=version is not None, detail=version or module.GET),
            TierReport(tier="url", available=bool(url), detail=_hide(url) if url else f"set {_variable(kind)}"),
        ),
        caveat=module.CAVEAT,
    )


def _variable(kind: str) -> str:
    return f"LAB_{kind.upper()}_URL"


def _elsewhere(kind: str, url: str) -> Launch:
    host, port = _address(kind, url)
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    tapped = parts._replace(netloc=f"{login}{at}{{address}}").geturl()
    ready: Readiness = "amqp" if kind == "amqp" else "tcp"
    return Launch(tier="url", title=_hide(url), url=tapped, host=host, port=port, ready=ready)


def _address(kind: str, url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme in ("rediss", "amqps"):
        raise EngineUnavailable(f"{kind}: the lab cannot look into TLS; give it a {parts.scheme[:-1]}:// URL")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in SCHEMES[kind] or not host:
        raise EngineUnavailable(f"{kind}: {_hide(url)!r} is not a URL like {SCHEMES[kind][0]}://host:port")
    return host, port or PORTS[parts.scheme]


def _hide(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    login, at, address = parts.netloc.rpartition("@")
    if not at:
        return url
    return parts._replace(netloc=f"{login.split(':')[0]}@{address}").geturl()
