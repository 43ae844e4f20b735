"""The lines around the map as Rows: what run this is, what the scenario says, what is selected, which keys fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.dashboard import figures
from lab.dashboard.keys import Key
from lab.dashboard.rows import Row, clip, fit, row, whole, width_of, wrap
from lab.journal.event import Note
from lab.journal.picture.run import RunPicture
from lab.journal.picture.verdict import Verdict
from lab.journal.plain import check_words
from lab.locale import mark, tr, trn

WELCOME = tr("Tab or the arrows select a link or a process. l makes a link slow, k kills a process, u heals all.")
RECORDING = tr(
    "This is a recording. Space pauses it, comma and full stop go back and on by 10 s; Tab and the "
    "arrows select. Faults are for live runs."
)

STATES = (mark("live"), mark("paused"), mark("replay"), mark("earlier"), mark("ended"))
"""What is shown of a run, beside the states that it has itself."""
WARN_FOR = 15.0
"""Seconds for which a warning of the lab's own stands where the scenario speaks."""
SHORTEST = 4
"""Columns that the name of a list keeps where the lists' names do not all fit."""


@dataclass(frozen=True, slots=True)
class About:
    """What the top line says of the run besides what its events tell. `run` is how the live run is (`live`, `starting`
    ...), `state` what is shown of it: the same, or `paused`, `earlier`, `replay`, `ended`."""

    system: str
    title: str = ""
    state: str = "live"
    seed: int | None = None
    scenario: str = ""
    tiers: tuple[tuple[str, str], ...] = ()
    behind: float = 0.0
    speed: float | None = None
    run: str = "starting"


def top(about: About, picture: RunPicture, width: int, *, counts: bool = False) -> Row:
    """One line; what matters least goes first where it is narrow. With `counts` it says whether anything is lost."""
    faults = picture.active_faults()
    alarm: Row = ()
    if faults:
        soonest = min(faults, key=lambda fault: fault.remaining(picture.now) or 1e9)
        left = soonest.remaining(picture.now)
        count = trn("{count} fault", "{count} faults", len(faults))
        what = f"{soonest.kind} {soonest.target.replace('->', '→')}"
        until = "" if left is None else f" {left:.0f} s"
        alarm = row((f" ! {count}: {what}{until} ", "alarm"))
        if width < 100:
            alarm = row((f" ! {count}: {soonest.kind}{until} ", "alarm"))
    symbol = {"live": "●", "ready": "●", "paused": "■", "replay": "▶", "earlier": "▶"}.get(about.state, "◐")
    parts: list[tuple[int, Row]] = [
        (0, row((f" {about.system} ", "title"))),
        (0, row((f"{symbol} {tr(about.state)}", "ok" if symbol == "●" else "warn"))),
        (1, row((figures.clock(picture.now), "strong"))),
    ]
    if counts and picture.declared:
        room = width - width_of(alarm) - sum(width_of(part) + 3 for _, part in parts)
        parts.append((2, fate(picture, min(room, width // 3), room)))
    if about.speed is not None:
        parts.append((2, row((f"{about.speed:g}×", "text"))))
    if picture.load is not None:
        parts.append((3, row((tr("load {rate}", rate=figures.rate(picture.load.rate)), "text"))))
    known = about.tiers or [(each.name, each.tier) for each in picture.processes.values() if each.tier]
    if known:
        same = {tier for _, tier in known}
        tiers = (
            [tr("engines {tier}", tier=same.pop())] if len(same) == 1 else [f"{name} {tier}" for name, tier in known]
        )
        parts.append((4, row((", ".join(tiers), "text"))))
    if about.seed is not None:
        parts.append((5, row((tr("seed {seed}", seed=about.seed), "dim"))))
    if about.scenario:
        parts.append((6, row((tr("scenario {scenario}", scenario=about.scenario), "dim"))))
    if about.title:
        parts.append((7, row((tr(about.title), "dim"))))
    if about.behind > 1.5:
        parts.append((2, row((tr("catching up, {age} behind", age=figures.age(about.behind)), "warn"))))
    if picture.skipped:
        parts.append((8, row((tr("+{count} skipped", count=figures.count(picture.skipped)), "dim"))))
    room = width - width_of(alarm)
    kept = sorted(range(len(parts)), key=lambda index: parts[index][0])
    while len(kept) > 1 and sum(width_of(parts[index][1]) + 3 for index in kept) - 3 > room:
        kept.pop()
    line: Row = ()
    for index in sorted(kept):
        line += ((" · ", "dim"),) * bool(line) + parts[index][1]
    gap = max(0, room - width_of(line))
    return clip((*line, (" " * gap, "text"), *alarm), width)


def fate(picture: RunPicture, width: int, most: int | None = None) -> Row:
    """Is anything lost? `2 waiting · 29 late · 0 lost · 0 doubled`; where that takes more than `width` what is 0 goes,
    and the others only where they take more than `most`, from the left, but never how many are lost."""
    verdicts = picture.verdicts
    counts = [
        (len(verdicts.waiting), tr("waiting"), "text"),
        (verdicts.late, tr("late"), "warn"),
        (verdicts.lost(picture.now), tr("lost"), "bad"),
        (verdicts.doubled, tr("doubled"), "bad"),
    ]
    lost = counts[2]
    room = {False: width, True: width if most is None else most}
    for each in sorted((each for each in counts if each is not lost), key=lambda each: each[0] > 0):
        if width_of(_counted(counts)) > room[each[0] > 0]:
            counts.remove(each)
    return clip(_counted(counts), room[True])


def _counted(counts: Sequence[tuple[int, str, str]]) -> Row:
    parts = [(f"{count} {word}", style if count else "dim") for count, word, style in counts]
    return tuple(part for pair in parts for part in (pair, (" · ", "dim")))[:-1]


def story(picture: RunPicture, banner: str, width: int, height: int, first: str = WELCOME) -> list[Row]:
    """The scenario's narration, or what to try `first`; a banner (the runtime is gone) comes before both."""
    if banner:
        lines = wrap(banner, width - 4, height)
        return [row((f" ! {line}".ljust(width), "alarm")) for line in lines]
    note = told(picture)
    if isinstance(note, Verdict):
        lines = wrap(verdict_words(note, picture), width - 4, height)
        return [row((" ■ " if number == 0 else "   ", "key"), (line, "note")) for number, line in enumerate(lines)]
    if note is None and picture.check:
        text = check_words(picture.check)
        style = "note" if picture.check.state in ("begun", "pass") else "bad"
        return [row((f" ▶ {line}", style)) for line in wrap(text, width - 4, height)]
    if note is None:
        return [row((f"   {line}", "dim")) for line in wrap(first, width - 4, height)]
    style = {"warning": "warn", "error": "bad"}.get(note.level, "note")
    lines = wrap(note.text, width - 4, height)
    return [row((" ▶ " if number == 0 else "   ", "key"), (line, style)) for number, line in enumerate(lines)]


def told(picture: RunPicture) -> Note | Verdict | None:
    """What is to be said now: a warning, what a fault has come to, or where the scenario is; the latest of them."""
    loud = (note for note in reversed(picture.notes) if note.level != "info" and picture.now - note.t < WARN_FOR)
    note = next(loud, None) or picture.narration()
    verdict = picture.verdicts.latest()
    if verdict is None or verdict.settled is None or picture.now - verdict.settled >= WARN_FOR:
        return note
    return verdict if note is None or note.t <= verdict.settled else note


def verdict_words(verdict: Verdict, picture: RunPicture) -> str:
    """What a fault did, in one sentence: to visitors, and to what was under way while it lasted."""
    text = verdict.text.replace("->", "→")
    if verdict.settled is None:
        return tr("so far: {toll}.", toll=_toll(verdict, picture, len(picture.verdicts.under(verdict))))
    fault = tr("{fault} is over ({text})", fault=verdict.fault, text=text)
    return f"{fault}: {_toll(verdict, picture, len(verdict.waiting))}."


def _toll(verdict: Verdict, picture: RunPicture, waiting: int) -> str:
    thing = picture.declared[0].name if picture.declared else "thing"
    late = trn("{count} {thing} late", "{count} {thing}s late", verdict.late, thing=thing)
    if verdict.slowest:
        late += tr(" (slowest {age})", age=figures.age(verdict.slowest[0][0]))
    held = tr("{count} still waiting", count=waiting) if waiting else tr("none lost")
    doubled = tr(", {doubled} done twice", doubled=verdict.doubled) if verdict.doubled else ""
    failed = trn("{count} request of visitors failed", "{count} requests of visitors failed", verdict.failed)
    return f"{failed}, {late}, {held}{doubled}"


def tabs(titles: Sequence[str], current: int, right: Row, width: int) -> Row:
    """`1 flows  2 orders ...` with the current one marked, and what is to say about it at the right. Where they do not
    all fit, the longest of the others are cut."""
    room = width - sum(len(f" {number} ") for number in range(1, len(titles) + 1))

    def taken(longest: int) -> int:
        return sum(len(title) if number == current else min(len(title), longest) for number, title in enumerate(titles))

    longest = max(map(len, titles), default=0)
    while longest > SHORTEST and taken(longest) > room:
        longest -= 1
    line: Row = ()
    for number, title in enumerate(titles):
        shown = title if number == current or len(title) <= longest else fit(title, longest)
        line += row((f" {number + 1} ", "key"), (shown, "select" if number == current else "dim"))
    left = width - width_of(line)
    said = whole(right, left - 2)
    return clip((*line, (" " * max(0, left - width_of(said) - 1), "text"), *said), width)


def keys_line(keys: Iterable[Key], width: int, always: Sequence[Key] = ()) -> Row:
    """As many `k kill` pairs as fit, whole ones only; those of `always` stand at the end at any width."""
    kept: Row = tuple(part for key in always for part in _pair(key))
    room = width - width_of(kept)
    line: Row = ()
    for key in keys:
        pair = _pair(key)
        if width_of(line) + width_of(pair) > room:
            break
        line += pair
    return clip((*line, *kept), width)


def _pair(key: Key) -> Row:
    return row((f" {key.shown} ", "key"), (f"{key.name} ", "text"))


def selection_line(selection: str, said: Sequence[tuple[str, str]], width: int) -> Row:
    """What is selected, with as many of its figures in words as fit."""
    line = row((tr(" selected "), "dim"), (f" {selection.replace('->', '→')} ", "select"))
    return clip((*line, *whole([("  " + text, style) for text, style in said], width - width_of(line))), width)
