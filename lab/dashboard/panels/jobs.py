"""Jobs: what is to be done while nobody waits, who holds it and for how long yet, and what became of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.dashboard import detail, figures
from lab.dashboard.map_view import PROCESS_STYLE
from lab.dashboard.panel import Panel, View
from lab.dashboard.rows import Row, clip, fit, right, row
from lab.journal.event import Event, Log
from lab.locale import mark, tr

MOST = 500
"""Jobs that are remembered; those that ended longest ago are forgotten first."""
WHO = 23
"""Columns for who has a job, and for how long yet."""
WIDE = 66
"""Columns from which there is room for what a job has to say."""

STATES = {
    "running": ("◐", mark("held"), "accent"),
    "queued": ("◌", mark("queued"), "warn"),
    "failed": ("✕", mark("dead"), "bad"),
    "succeeded": ("●", mark("done"), "ok"),
}
"""How the states that a service logs of a job are drawn, in the order of the list."""
GOING_ON = ("running", "queued")


@dataclass(slots=True)
class Job:
    """`since` is when it came into its state, `seconds` how long its holder may keep it, or it has to wait."""

    id: str
    born: float
    state: str = ""
    since: float = 0.0
    seconds: float = 0.0
    holder: str = ""
    attempts: int = 0
    most: int = 0
    taken_over: str = ""
    """Who had it before, and did not bring it to an end."""
    error: str = ""
    fallback: bool = False

    def left(self, now: float) -> float:
        """Seconds until somebody else may have it."""
        return max(0.0, self.since + self.seconds - now)


class Jobs:
    """The fold of what services log of jobs."""

    def __init__(self) -> None:
        self.of: dict[str, Job] = {}
        self.counts: Counter[str] = Counter()

    def apply(self, event: Event) -> None:
        if not isinstance(event, Log) or event.event != "state" or event.data.get("entity") != "job":
            return
        ident, state = str(event.data.get("id", "")), str(event.data.get("state", ""))
        if not ident or state not in STATES:
            return
        job = self.of.pop(ident, None) or Job(ident, event.t)
        self.counts.subtract([job.state] * bool(job.state))
        self.counts[state] += 1
        if state == "running":
            job.taken_over = job.holder if job.state == "running" else ""
            job.holder = event.source
        job.state, job.since = state, event.t
        job.seconds = event.number("lease" if state == "running" else "pause")
        job.attempts = int(event.number("attempts")) or job.attempts
        job.most = int(event.number("most")) or job.most
        job.error = str(event.data.get("error") or "")
        job.fallback = event.data.get("fallback") is True
        self.of[ident] = job
        self._forget()

    def copy(self) -> Jobs:
        other = Jobs()
        other.of = {ident: replace(job) for ident, job in self.of.items()}
        other.counts = self.counts.copy()
        return other

    def _forget(self) -> None:
        if len(self.of) > MOST:
            jobs = self.of.values()
            old = next((job for job in jobs if job.state not in GOING_ON), next(iter(jobs)))
            del self.of[old.id]
            self.counts[old.state] -= old.state in GOING_ON  # when it ends, it is counted as one that nobody knew


def _items(view: View) -> Sequence[Job]:
    """What is held and what waits, the oldest first; then what ended, the newest first."""
    jobs: Jobs = view.fold
    order = list(STATES)
    going_on = [job for job in jobs.of.values() if job.state in GOING_ON]
    ended = [job for job in jobs.of.values() if job.state not in GOING_ON]
    return [
        *sorted(going_on, key=lambda job: (order.index(job.state), job.born)),
        *sorted(ended, key=lambda job: (order.index(job.state), -job.since)),
    ]


def _tally(view: View, *, some: bool = False) -> Row:
    """`◐ 2 held  ◌ 4 queued  ✕ 0 dead  ● 31 done`; or only those of which there are `some`."""
    jobs: Jobs = view.fold
    parts = [
        (f"{sign} {jobs.counts[state]} {tr(word)}  ", style if jobs.counts[state] else "dim")
        for state, (sign, word, style) in STATES.items()
        if jobs.counts[state] or not some
    ]
    return row((" ", "text"), *parts)


def _heading(view: View, width: int) -> list[Row]:
    jobs: Jobs = view.fold
    if not jobs.of:
        return []
    columns = f" {fit(tr('job'), 10)} {fit(tr('state'), 11)} {fit(tr('who has it'), WHO)} {right(tr('attempt'), 7)}"
    columns += right(tr("age"), 8) if width >= WIDE else ""
    return [clip(_tally(view), width), clip(row((columns, "dim")), width)]


def _who(job: Job, view: View) -> tuple[str, str]:
    """Who has it, and for how long yet."""
    if job.state == "running":
        process = view.picture.processes.get(job.holder)
        style = PROCESS_STYLE.get(process.state, "warn") if process is not None else "dim"
        left = job.left(view.now)
        return tr("{holder}, lease {left}", holder=job.holder, left=figures.age(left)), style if left else "bad"
    if job.state == "queued" and job.left(view.now):
        return tr("nobody, again in {left}", left=figures.age(job.left(view.now))), "dim"
    return (tr("nobody"), "dim") if job.state == "queued" else (job.holder, "dim")


def _says(job: Job) -> str:
    if job.taken_over:
        return tr("taken over from {who}", who=job.taken_over)
    return tr("with an older result") if job.fallback else job.error


def _row(job: Job, view: View, width: int) -> Row:
    sign, word, style = STATES[job.state]
    ident = job.id if len(job.id) <= 10 else f"{job.id[:4]}…{job.id[-5:]}"
    who, how = _who(job, view)
    tried = f"{job.attempts}/{job.most}" if job.most else str(job.attempts)
    line = row(
        (f" {fit(ident, 10)} ", "text"),
        (fit(f"{sign} {tr(word)}", 11) + " ", style),
        (fit(who, WHO) + " ", how),
        (right(tried, 7), "warn" if job.attempts > 1 else "text"),
    )
    if width >= WIDE:
        until = view.now if job.state in GOING_ON else job.since
        says = f"← {job.taken_over}" if job.taken_over else _says(job)
        line += row((right(figures.age(until - job.born), 8), "dim"), (f"  {says}", "warn"))
    return clip(line, width)


def _detail(job: Job, view: View) -> tuple[str, list[Row]]:
    sign, word, _ = STATES[job.state]
    pairs = [
        (tr("state"), f"{sign} {tr(word)}"),
        (tr("who has it"), _who(job, view)[0]),
        (tr("attempt"), f"{job.attempts}/{job.most}" if job.most else job.attempts),
        (tr("began at"), f"{job.born:.1f} s"),
        (tr("why"), _says(job)),
    ]
    return tr("job {id}", id=job.id), detail.pairs(pairs) + detail.story_of(job.id, view)


def _side(view: View, width: int, height: int) -> list[Row]:
    jobs: Jobs = view.fold
    if not jobs.of:
        return []
    held = [job for job in _items(view) if job.state == "running"]
    lines = [row((f" {fit(job.id, 8)} ", "text"), _who(job, view)) for job in held]
    return [clip(line, width) for line in (_tally(view, some=True), *lines)][:height]


PANEL = Panel(
    name="jobs",
    title=mark("jobs"),
    help=tr("what is to be done while nobody waits: who holds it, for how long, at which attempt"),
    fold=Jobs,
    items=_items,
    identity=lambda job: job.id,
    row=_row,
    detail=_detail,
    empty=lambda _: tr("No jobs yet. A service tells of one with a log line whose event is 'state' and entity 'job'."),
    heading=_heading,
    side=_side,
    picks=lambda job: job.holder,
)
