"""What the foot says of the selected link or process, in figures and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.dashboard import figures, glyphs
from lab.dashboard.map_view import PROCESS_STYLE, Vitals
from lab.journal.picture.link import LinkPicture
from lab.journal.picture.run import RunPicture
from lab.locale import tr


def says(
    item: str, picture: RunPicture, vitals_of: Mapping[str, Vitals], instances: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """(text, style) pairs about what is selected; `instances` are its processes, if it is a service."""
    link = picture.links.get(item)
    if link is not None:
        return _link(link, picture.now)
    if len(instances) > 1:
        return [_instance(name, picture) for name in instances]
    process = picture.processes.get(item)
    if process is None:
        load = picture.load
        if load is None:
            return [(tr("the load generator has not started"), "dim")]
        sent = tr(
            "{rate} wanted · sent {sent} · ok {ok} · failed {failed}",
            rate=figures.rate(load.rate),
            sent=load.sent,
            ok=load.ok,
            failed=load.failed,
        )
        return [(sent, "text"), (f"p50 {figures.ms(load.p50)} p99 {figures.ms(load.p99)}", "dim")]
    vitals = vitals_of.get(process.name)
    said = [(tr(process.state), PROCESS_STYLE.get(process.state, "warn"))]
    if process.pid:
        said.append((f"pid {process.pid}", "text"))
    if vitals is not None:
        said.append((tr("cpu {cpu:.0f}%  memory {size}", cpu=vitals.cpu, size=figures.size(vitals.rss)), "dim"))
    return [*said, (process.reason, "dim")]


def _instance(name: str, picture: RunPicture) -> tuple[str, str]:
    """Its name and state, in one word each."""
    process = picture.processes.get(name)
    if process is None:
        return f"{name} {tr('not started')}", "dim"
    sign = glyphs.STATE.get(process.state, "?")
    return f"{sign} {name} {tr(process.state)}", PROCESS_STYLE.get(process.state, "warn")


def _link(link: LinkPicture, now: float) -> list[tuple[str, str]]:
    p50, p99 = link.spread.lately(now, 0.5, 0.99)
    said = [(link.protocol, "dim"), (figures.rate(link.rate(now)), "text")]
    if p50 is not None:
        said.append((f"p50 {figures.ms(p50)}  p99 {figures.ms(p99)}", "text"))
    said.append(
        (tr("{errors} errors", errors=link.errors) if link.errors else tr("no errors"), "bad" if link.errors else "dim")
    )
    others = [
        f"{count} {tr(name)}" for name, count in sorted(link.outcomes.items()) if name in ("lost", "late", "duplicate")
    ]
    if others:
        said.append((" · ".join(others), "warn"))
    return [*said, (tr("{count} flows so far", count=figures.count(link.flows)), "dim")]
