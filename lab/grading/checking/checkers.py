"""What must be true of a history, whatever became of its unknown operations: pure functions, one property each.

Every one accepts each state that some outcome of the unknown operations explains, and else names the first
contradiction. `failed` means that the client was told so: it must have had no effect.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.grading.checking.expect import BehaviourFailed
from lab.grading.checking.history import Operation


@dataclass(frozen=True, slots=True)
class Result:
    """True if nothing contradicts. Else what was expected, what was found instead, and the ids it is about."""

    code: str = ""
    expected: str = ""
    got: str = ""
    about: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.code

    def prove(self) -> None:
        """Raises BehaviourFailed with the contradiction, if there is one."""
        if self.code:
            raise BehaviourFailed(self.expected, self.got, self.code, self.about)


HOLDS = Result()


def exactly_once_effect(operations: Iterable[Operation], effects: Iterable[str], effect: str = "effect") -> Result:
    """Several operations with one key ask for one effect. `effects` has the key of each effect that was found."""
    found = Counter(effects)
    for key, asked in _by_key(operations).items():
        if (wrong := _wrong_count(asked, found.pop(key, 0))) is not None:
            code, expected, got = wrong
            return Result(code, f"{expected} {effect} for {key}", f"{got} after {_told(asked)}", _about(asked))
    return _unasked(found, effect)


def conservation(
    operations: Iterable[Operation], places: Mapping[str, Iterable[str]], thing: str = "message"
) -> Result:
    """What went in is in exactly one place, once. `places` has the keys of what was found, by the name of the place."""
    found: dict[str, list[str]] = defaultdict(list)
    for place, keys in places.items():
        for key in keys:
            found[key].append(place)
    for key, asked in _by_key(operations).items():
        where = found.pop(key, [])
        if (wrong := _wrong_count(asked, len(where))) is not None:
            code, expected, _ = wrong
            got = f"{key} in {' and in '.join(where)}" if where else f"{key} nowhere ({', '.join(places)})"
            return Result(code, f"{expected} {thing} {key}", f"{got} after {_told(asked)}", _about(asked))
    return _unasked(Counter({key: len(where) for key, where in found.items()}), thing)


def no_lost_write(operations: Iterable[Operation], readable: Mapping[str, Any] | Collection[str]) -> Result:
    """What was acknowledged can be read. `readable` has the keys that can be read in the end, or their values, too.

    With values the last write wins: the value must be that of an acknowledged write, or of an unknown one, which no
    acknowledged write came after.
    """
    for key, writes in _by_key(operations).items():
        acknowledged = [write for write in writes if write.outcome == "ok"]
        if not acknowledged:
            continue
        if key not in readable:
            got = f"{key} cannot be read after {_told(writes)}"
            return Result(
                "lost-write", f"{key} to be readable, because its write was acknowledged", got, _about(writes)
            )
        if isinstance(readable, Mapping):
            last = [w for w in writes if w.outcome != "failed" and not any(w.before(other) for other in acknowledged)]
            if all(write.value != readable[key] for write in last):
                expected = f"{key} to be {' or '.join(dict.fromkeys(repr(write.value) for write in last))}"
                return Result("lost-write", expected, f"{key} is {readable[key]!r}", _about(writes))
    return HOLDS


def terminal_states(
    entities: Iterable[str | Operation], states: Mapping[str, str], allowed: Collection[str], kind: str = "order"
) -> Result:
    """Every entity has ended in a state that is allowed, also one in `states` that nobody knows to have made.

    An entity is its id or the operation that made it; one whose making is unknown or failed may have no state.
    """
    wanted = f"every {kind} to end {' or '.join(allowed)}"
    for entity in entities:
        key, made = (entity.key, entity.outcome == "ok") if isinstance(entity, Operation) else (entity, True)
        if made and key not in states:
            return Result("no-state", wanted, f"{kind} {key} has no state at all", (key,))
    for key, state in states.items():
        if state not in allowed:
            return Result("not-terminal", wanted, f"{kind} {key} is {state}", (key,))
    return HOLDS


def balanced(initial: int, operations: Iterable[Operation], final: int, what: str = "balance") -> Result:
    """Amounts add up: `final` is `initial` with the `value` of every operation that was ok, and of any of the unknown
    ones. Failed ones change nothing."""
    done = list(operations)
    settled = sum(o.value for o in done if o.outcome == "ok")
    unknown = [o.value for o in done if o.outcome == "unknown"]
    possible = {initial + settled}
    for amount in unknown:
        possible |= {total + amount for total in possible}
    if final in possible:
        return HOLDS
    expected = f"a {what} of {initial + settled:,} after {len(done)} operations on {initial:,}"
    if unknown:
        expected += f", or with some of {len(unknown)} unknown ones ({min(possible):,} to {max(possible):,})"
    return Result("not-conserved", expected, f"{final:,}", _about([o for o in done if o.outcome != "failed"]))


def monotonic_reads(reads: Iterable[Operation]) -> Result:
    """Who has read a version of something never reads an older one afterwards. `value` is the version, which grows;
    only reads that were ok say anything, and two that overlapped nothing about each other."""
    by_reader: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for read in reads:
        if read.outcome == "ok":
            by_reader[read.by, read.key].append(read)
    for same in by_reader.values():
        over = sorted(same, key=lambda read: read.ended, reverse=True)
        newest: Operation | None = None
        for read in sorted(same, key=lambda read: read.began):
            while over and over[-1].before(read):
                ended = over.pop()
                if newest is None or ended.value > newest.value:
                    newest = ended
            if newest is not None and read.value < newest.value:
                who = read.by or "the client"
                expected = f"{who} to read version {newest.value} of {read.key} or a newer one, having read it before"
                about = tuple(filter(None, (read.key, newest.id, read.id)))
                return Result("older-read", expected, f"version {read.value}", about)
    return HOLDS


def _by_key(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = {}
    for operation in operations:
        found.setdefault(operation.key, []).append(operation)
    return found


def _wrong_count(asked: list[Operation], count: int) -> tuple[str, str, str] | None:
    """(code, how many were expected, how many there are), or None if that many may be there."""
    outcomes = {operation.outcome for operation in asked}
    if count > 1:
        return "doubled", "exactly one" if "ok" in outcomes else "at most one", str(count)
    if count == 0 and "ok" in outcomes:
        return "lost", "exactly one", "none"
    if count == 1 and outcomes == {"failed"}:
        return "done-though-failed", "no", "one"
    return None


def _unasked(found: Counter[str], thing: str) -> Result:
    for key, count in found.items():
        if count:
            return Result("unasked", f"no {thing} that nobody asked for", f"{count} for {key}", (key,))
    return HOLDS


def _told(asked: list[Operation]) -> str:
    counts = Counter(operation.outcome for operation in asked)
    parts = [f"{counts[outcome]} {outcome}" for outcome in ("ok", "failed", "unknown") if counts[outcome]]
    return f"{' and '.join(parts)} {asked[0].what or 'operation'}{'s' if len(asked) > 1 else ''}"


def _about(operations: list[Operation]) -> tuple[str, ...]:
    """Keys and request ids, at most a dozen."""
    ids = dict.fromkeys(one for o in operations for one in (o.key, o.id) if one)
    return tuple(ids)[:12]
