"""The order in which a System starts: who waits for whom, in waves, or the circle that lets nobody begin."""

from __future__ import annotations

from lab.locale import tr
from lab.system.model import CLIENT, System


def start_order(system: System) -> list[list[str]]:
    """Names of engines and services in waves: everything a name waits for is in an earlier wave.

    Raises ValueError when some wait for each other; `waiting_cycle` names them.
    """
    if cycle := waiting_cycle(system):
        raise ValueError(tr("these wait for each other: {cycle}", cycle=" -> ".join(cycle)))
    providers = _providers(system)
    waves: list[list[str]] = []
    started: set[str] = set()
    while len(started) < len(providers):
        wave = [name for name, needs in providers.items() if name not in started and needs <= started]
        waves.append(wave)
        started.update(wave)
    return waves


def waiting_cycle(system: System) -> list[str] | None:
    """A circle of names that wait for each other, its first name repeated at the end, or None."""
    providers = _providers(system)
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str] | None:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        for provider in sorted(providers[name]):
            if cycle := visit(provider, [*path, name]):
                return cycle
        done.add(name)
        return None

    for name in providers:
        if cycle := visit(name, []):
            return cycle
    return None


def _providers(system: System) -> dict[str, set[str]]:
    """What each name waits for. Links from the outside world, to unknown names or with `wait="no"` hold nobody up."""
    providers: dict[str, set[str]] = {engine.name: set() for engine in system.engines}
    providers.update({service.name: set() for service in system.services})
    for link in system.links:
        if link.wait != "no" and link.source != CLIENT and link.source in providers and link.target in providers:
            providers[link.source].add(link.target)
    return providers
