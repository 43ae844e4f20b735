"""The engines: which tier each one takes, how it is run there, and what this machine has."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import resolve_name
from types import ModuleType
from urllib.parse import SplitResult, urlsplit

from lab.engines.ready import Ready
from lab.engines.recipe import EngineReport, EngineUnavailable, Place, Recipe, Tier, TierReport
from lab.locale import tr
from lab.system.extras import MissingExtra, missing
from lab.system.kinds import EngineKind, engine_kinds
from lab.system.model import Engine, System
from lab.system.secrets import without_login

ANSWER = 5.0
"""Seconds that an engine which runs elsewhere has to answer before a run."""


def choose(name: str, tiers: Mapping[str, str], env: Mapping[str, str] = os.environ) -> tuple[Tier, str]:
    """The tier an engine of the kind `name` takes, with the URL if it is `url`.

    `tiers` is what the reader asked for (`RunOptions.tiers`); a URL in the kind's variable (`LAB_REDIS_URL`) counts
    where they did not ask. Raises EngineUnavailable with the way out.
    """
    kind = engine_kinds()[name]
    told = env.get(kind.variable, "")
    asked = tiers.get(name) or tiers.get("*") or ("url" if told else "embedded")
    if asked == "embedded":
        return "embedded", ""
    if asked == "native":
        if not kind.native:
            raise EngineUnavailable(tr("{name}: there is no native tier", name=name))
        if _tiers(kind).find() is None:
            raise EngineUnavailable(
                tr("{name}: not installed here; to get it: {native}", name=name, native=kind.native)
            )
        return "native", ""
    url = told if asked == "url" else asked
    if not url:
        raise EngineUnavailable(tr("{name}: set {variable} to its URL", name=name, variable=kind.variable))
    _address(kind, url)
    return "url", url


def recipe(engine: Engine, tiers: Mapping[str, str], place: Place, env: Mapping[str, str] = os.environ) -> Recipe:
    """How to run `engine`. Raises EngineUnavailable."""
    kind = engine_kinds()[engine.kind]
    tier, url = choose(kind.name, tiers, env)
    made: Recipe = _elsewhere(kind, url, place) if tier == "url" else getattr(_tiers(kind), tier)(place)
    if place.python:
        _must_speak(kind, tier, url)
        if lacking := _unreached(kind, tier, url, made.title):
            raise EngineUnavailable(lacking)
    return made


def must_have(system: System, tiers: Mapping[str, str], env: Mapping[str, str] = os.environ) -> None:
    """Raises EngineUnavailable unless each engine can be had on its tier, and one that runs elsewhere answers, and
    MissingExtra if our services lack what reaches it. Nothing has been written or started by then."""
    for engine in system.engines:
        kind = engine_kinds()[engine.kind]
        tier, url = choose(kind.name, tiers, env)
        users = {link.source for link in system.links if link.target == engine.name}
        if any(one.module and not one.dir for one in system.services if one.name in users):
            _must_speak(kind, tier, url)
            if lacking := _unreached(kind, tier, url, _title(kind, tier, url)):
                raise MissingExtra(lacking, kind.driver)
        if tier == "url":
            _must_answer(kind, url)


def _title(kind: EngineKind, tier: Tier, url: str) -> str:
    if tier == "native":
        return str(_tiers(kind).version() or kind.name)
    return without_login(url) if url else tr(kind.embedded)


def _must_speak(kind: EngineKind, tier: Tier, url: str) -> None:
    """Raises EngineUnavailable for a URL of a kind that our services do not speak, whatever is installed."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    if tier == "url" and kind.drivers and scheme not in kind.drivers:
        known = ", ".join(f"{one}://" for one in kind.drivers)
        raise EngineUnavailable(
            tr("{name}: services in Python speak {known}, not {scheme}://", name=kind.name, known=known, scheme=scheme)
        )


def _unreached(kind: EngineKind, tier: Tier, url: str, title: str) -> str:
    """What services in Python lack to reach it, in words, or nothing."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    lacking = _lacking(kind) if tier == "native" else _missing_driver(kind, scheme)
    if not lacking:
        return ""
    return tr(
        "{name}: services in Python reach {title} with {missing}, which is not installed; to get it: {driver}",
        name=kind.name,
        title=title,
        missing=lacking,
        driver=kind.driver,
    )


def _must_answer(kind: EngineKind, url: str) -> None:
    host, port = _address(kind, url)
    ready: Ready = resolve_name(kind.ready)
    try:
        why = asyncio.run(asyncio.wait_for(ready(host, port), ANSWER))
    except TimeoutError:
        why = tr("no answer within {seconds:g} s", seconds=ANSWER)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
    if why:
        raise EngineUnavailable(
            tr("{name}: nobody serves at {host}:{port}: {why}", name=kind.name, host=host, port=port, why=why)
        )


def doctor(tiers: Mapping[str, str] | None = None, env: Mapping[str, str] = os.environ) -> list[EngineReport]:
    """What this machine has, an engine at a time."""
    return [_report(kind, tiers or {}, env) for kind in engine_kinds().values()]


def _report(kind: EngineKind, tiers: Mapping[str, str], env: Mapping[str, str]) -> EngineReport:
    url = env.get(kind.variable, "")
    try:
        taken, _ = choose(kind.name, tiers, env)
    except EngineUnavailable:
        taken = "embedded"
    found = [_embedded(kind)]
    if kind.native:
        version = _tiers(kind).version()
        found.append(_native(kind, version))
    found.append(
        TierReport(
            tier="url",
            available=bool(url),
            detail=without_login(url) if url else tr("set {variable}", variable=kind.variable),
        )
    )
    return EngineReport(kind=kind.name, taken=taken, tiers=tuple(found), caveat=tr(kind.caveat))


def _embedded(kind: EngineKind) -> TierReport:
    tried = getattr(_tiers(kind), "embedded_version", lambda: tr(kind.embedded))()
    return TierReport(tier="embedded", available=tried is not None, detail=tried or kind.native or kind.driver)


def _native(kind: EngineKind, version: str | None) -> TierReport:
    lacking = _lacking(kind)
    if version is None or not lacking:
        return TierReport(tier="native", available=version is not None, detail=version or kind.native)
    detail = tr("{version}, but not {missing}: {driver}", version=version, missing=lacking, driver=kind.driver)
    return TierReport(tier="native", available=False, detail=detail)


def _lacking(kind: EngineKind) -> str:
    """The first of its drivers that is not installed, or nothing."""
    return next((driver for scheme in kind.drivers if (driver := _missing_driver(kind, scheme))), "")


def _missing_driver(kind: EngineKind, scheme: str) -> str:
    """The import that services in Python lack for such a URL, or nothing."""
    needed = kind.drivers.get(scheme, "")
    return needed if missing(needed) else ""


def _tiers(kind: EngineKind) -> ModuleType:
    return import_module(kind.tiers)


def _elsewhere(kind: EngineKind, url: str, place: Place) -> Recipe:
    host, port = _address(kind, url)
    parts = _split(kind, url)
    login, at, _ = parts.netloc.rpartition("@")
    tapped = parts._replace(netloc=f"{login}{at}{{address}}").geturl().removeprefix("//")
    made = Recipe(
        tier="url",
        title=without_login(url),
        url=tapped,
        host=host,
        port=port,
        ready=resolve_name(kind.ready),
        remains=kind.remains,
    )
    apart: Callable[[Place, str, Recipe], Recipe] | None = getattr(_tiers(kind), "elsewhere", None)
    return apart(place, url, made) if apart else made


def _address(kind: EngineKind, url: str) -> tuple[str, int]:
    parts = _split(kind, url)
    if parts.scheme.removesuffix("s") in kind.schemes and parts.scheme not in kind.schemes:
        raise EngineUnavailable(
            tr(
                "{name}: the lab cannot look into TLS; give it a {scheme}:// URL",
                name=kind.name,
                scheme=parts.scheme[:-1],
            )
        )
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in kind.schemes or not host:
        scheme = next(iter(kind.schemes))
        raise EngineUnavailable(
            tr(
                "{name}: {hide!r} is not a URL like {example}",
                name=kind.name,
                hide=without_login(url),
                example=f"{scheme}://host:port" if scheme else "host:port",
            )
        )
    return host, port or kind.schemes[parts.scheme]


def _split(kind: EngineKind, url: str) -> SplitResult:
    """The parts of a URL; of an address without a scheme, where the kind has such, and of several the first."""
    return urlsplit(f"//{url.partition(',')[0]}" if "" in kind.schemes and "://" not in url else url)
