"""The text form of a Fault, the same on the command line, in scenario files and in the journal.

    KIND TARGET [VALUE] [name=value ...] [N%] [xN] [on "PATTERN"] [for 30s | for ever]

    latency orders->payments 300ms jitter=100ms 20% on "POST /charges*" for 30s
    partition orders<->users           kill payments           error orders->redis OOM x3

`orders:payments` means `orders->payments`, because a shell interprets `>` itself; `orders:users:grpc` also names the
endpoint, where there are several. Omitted parts take the kind's defaults. A kind that by default hits only the next
message (`duplicate`, `lose-ack` ...) hits all messages when a share or a duration is given.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator
from dataclasses import replace

from lab.faults.catalogue import KINDS, whole
from lab.faults.fault import Fault, Value
from lab.faults.kind import Kind, Param
from lab.locale import mark, tr
from lab.system.links import link_id
from lab.system.names import did_you_mean, instead

_TIME = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_SIZE = {"b": 1.0, "kb": 1e3, "kib": 1024.0, "mb": 1e6, "mib": 1048576.0, "gb": 1e9}
_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([a-zA-Z]*)(/s)?")
_YEAR = 366 * 86_400.0
"""Seconds that are the most a time may be."""
_NAME = r"[A-Za-z0-9_.-]*[A-Za-z0-9_.]"
_TARGET = re.compile(rf"({_NAME})(?:(<->|->|:)({_NAME})(?::({_NAME}))?)?")
_SCOPES = (mark("link"), mark("pair"), mark("process"))
_FORM = 'KIND TARGET [VALUE] [name=value …] [N%] [xN] [on "PATTERN"] [for 30s]'


class FaultError(ValueError):
    """The text is not a fault. The message names the word, what was expected there, and what was probably meant."""


def parse(text: str) -> Fault:
    """The Fault that `text` describes, with the kind's defaults filled in. Raises FaultError."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise FaultError(tr("a quote is not closed in: {text}", text=text)) from None
    if not words:
        raise FaultError(tr("an empty fault; expected {form}", form=_FORM))
    kind = _kind(words[0])
    if len(words) < 2:
        raise FaultError(tr("{name}: where? Expected {example}", name=kind.name, example=_example(kind)))
    fault = _clauses(kind, Fault(kind=kind.name, target=_target(kind, words[1])), words[2:])
    return complete(fault)


def format(fault: Fault) -> str:
    """The text of a fault; `parse` gives the same fault back. Parameters at their default are omitted."""
    kind = KINDS[fault.kind]
    fault = complete(fault)
    words = [kind.name, fault.target]
    for place, param in enumerate(kind.params):
        value = fault.params[param.name]
        if place == 0:
            words.append(write(param, value))
        elif value != param.default:
            words.append(f"{param.name}={write(param, value)}")
    if fault.share < 1:
        words.append(f"{fault.share * 100:.10g}%")
    if fault.count is not None:
        words.append(f"x{fault.count}")
    if fault.match:
        words += ["on", '"' + re.sub(r'(["\\])', r"\\\1", fault.match) + '"']
    if not kind.instant and not (kind.once and whole(fault)):
        words += ["for", "ever" if fault.duration is None else write_time(fault.duration)]
    return " ".join(words)


def complete(fault: Fault) -> Fault:
    """The fault, with its kind's defaults for the parameters that it lacks. Raises FaultError for an unknown kind,
    parameter or selection."""
    kind = _kind(fault.kind)
    known = {param.name: param.default for param in kind.params}
    for name in fault.params:
        if name not in known:
            raise FaultError(
                tr(
                    "{name} has no parameter {param!r}{instead}",
                    name=kind.name,
                    param=name,
                    instead=instead(name, known),
                )
            )
    if not kind.selective and (fault.match or fault.share < 1 or fault.count is not None):
        raise FaultError(
            tr(
                "{name} acts on the whole {scope}: it takes no share, count or pattern",
                name=kind.name,
                scope=tr(kind.scope),
            )
        )
    duration = None if kind.instant else fault.duration
    return replace(fault, params={**known, **fault.params}, duration=duration)


def parse_time(word: str) -> float:
    """Seconds in `300ms`, `2s`, `1m`. Raises FaultError."""
    found = _NUMBER.fullmatch(word)
    if found is None or found[2] not in _TIME or found[3]:
        hint = tr("; did you mean {word}ms or {word}s?", word=word) if found and not found[2] and not found[3] else ""
        raise FaultError(tr("{word!r} is not a time like 300ms, 2s or 1m{hint}", word=word, hint=hint))
    seconds = float(f"{float(found[1]) * _TIME[found[2]]:.9g}")
    if seconds > _YEAR:
        raise FaultError(tr("{word!r} is longer than a year", word=word))
    return seconds


def write_time(seconds: float) -> str:
    """`0.3` as `300ms`, `2.0` as `2s`."""
    return f"{seconds * 1000:.9g}ms" if 0 < seconds < 1 else f"{seconds:.9g}s"


def _kind(word: str) -> Kind:
    if word in KINDS:
        return KINDS[word]
    raise FaultError(tr("{word!r} is not a fault{instead}", word=word, instead=instead(word, KINDS)))


def _target(kind: Kind, word: str) -> str:
    found = _TARGET.fullmatch(word)
    if found is None:
        raise FaultError(tr("{word!r} is not a target; expected {example}", word=word, example=_example(kind)))
    source, arrow, target, endpoint = found.groups()
    if kind.scope == "process":
        if arrow:
            raise FaultError(
                tr(
                    "{name} acts on one process: expected a name like {target!r}, not {word!r}",
                    name=kind.name,
                    target=target,
                    word=word,
                )
            )
        return word
    if not arrow:
        raise FaultError(
            tr(
                "{name} acts on a link: expected {example}, not {word!r}",
                name=kind.name,
                example=_example(kind),
                word=word,
            )
        )
    if source == target:
        raise FaultError(tr("{word!r} leads from {source} to itself; expected two names", word=word, source=source))
    if kind.scope == "pair":
        if endpoint:
            raise FaultError(
                tr(
                    "{name} takes all links of a pair: expected {source}<->{target}, not {word!r}",
                    name=kind.name,
                    source=source,
                    target=target,
                    word=word,
                )
            )
        return f"{source}<->{target}"
    if arrow == "<->":
        raise FaultError(
            tr(
                "{name} acts on one direction of asking: expected {source}->{target}, not {word!r}",
                name=kind.name,
                source=source,
                target=target,
                word=word,
            )
        )
    return link_id(source, target, endpoint or "")


def _clauses(kind: Kind, fault: Fault, words: list[str]) -> Fault:
    params: dict[str, Value] = {}
    share: float | None = None
    count, match = None, ""
    duration, timed = kind.duration, False
    rest = iter(words)
    for word in rest:
        if word == "on":
            match = _next(rest, tr('on: expected a pattern like "POST /orders*"'))
        elif word == "for":
            length = _next(rest, tr("for: expected a time like 30s, or `for ever`"))
            duration = None if length == "ever" else parse_time(length)
            timed = True
        elif re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?%", word):
            share = float(word[:-1]) / 100
            if not 0 < share <= 1:
                raise FaultError(tr("{word!r}: expected a share over 0% and up to 100%", word=word))
        elif re.fullmatch(r"x[0-9]{1,15}", word):
            count = int(word[1:])
            if count == 0:
                raise FaultError(tr("x0 hits nothing; expected a count like x3"))
        else:
            name, value = _parameter(kind, params, word)
            params[name] = value
    if timed and kind.instant:
        raise FaultError(tr("{name} happens once and is over: it takes no `for`", name=kind.name))
    if count is None and share is None and not timed:
        count = kind.count
    if kind.once and not match and share in (None, 1) and count is None:
        if timed and duration is None:
            raise FaultError(
                tr(
                    '{name} happens once, unless a time or a pattern says more: `for 30s`, or `on "*" for ever`',
                    name=kind.name,
                )
            )
        duration = duration if timed else None
    return replace(fault, params=params, share=share or 1.0, count=count, match=match, duration=duration)


def _parameter(kind: Kind, given: Collection[str], word: str) -> tuple[str, Value]:
    name, equals, text = word.partition("=")
    if equals:
        for param in kind.params:
            if param.name == name:
                return name, _read(param, text)
        raise FaultError(
            tr(
                "{name} has no parameter {param!r}{instead}",
                name=kind.name,
                param=name,
                instead=instead(name, [p.name for p in kind.params]),
            )
        )
    if not kind.params:
        hint = did_you_mean(word, ("on", "for"))
        raise FaultError(
            tr(
                "{word!r}: {name} takes no value; expected {tail}{hint}",
                word=word,
                name=kind.name,
                tail=_tail(kind),
                hint=hint,
            )
        )
    first = kind.params[0]
    if first.name in given:
        raise FaultError(
            tr(
                "{word!r}: {name} has its {param} already; expected {tail}",
                word=word,
                name=kind.name,
                param=first.name,
                tail=_tail(kind),
            )
        )
    try:
        return first.name, _read(first, word)
    except FaultError as error:
        raise FaultError(f"{kind.name}: {error}{did_you_mean(word, ('on', 'for'))}") from None


def _read(param: Param, word: str) -> Value:
    if param.unit == "time":
        return parse_time(word)
    if param.unit == "word":
        return _read_word(param, word)
    found = _NUMBER.fullmatch(word)
    unit = found[2].lower() if found else ""
    if param.unit == "number":
        if found is None or unit or found[3] or "." in word:
            raise FaultError(
                tr(
                    "{word!r} is not a whole number for {name}, like {default}",
                    word=word,
                    name=param.name,
                    default=param.default,
                )
            )
        number = int(word)
        if number < param.low or (param.high is not None and number > param.high):
            raise FaultError(
                tr(
                    "{word!r} is out of range for {name}: expected {low} to {high}",
                    word=word,
                    name=param.name,
                    low=param.low,
                    high=param.high,
                )
            )
        return number
    if param.unit == "bytes":
        if found is None or found[3] or (unit and unit not in _SIZE):
            raise FaultError(tr("{word!r} is not a size like 16B or 2KB", word=word))
        return int(float(found[1]) * _SIZE.get(unit, 1.0))
    if found is None or unit not in _SIZE:
        raise FaultError(tr("{word!r} is not a rate like 32KB/s", word=word))
    rate = float(f"{float(found[1]) * _SIZE[unit]:.12g}")
    if rate <= 0:
        raise FaultError(
            tr("{word!r} lets nothing through: that is a blackhole; expected a rate like 32KB/s", word=word)
        )
    return rate


def _read_word(param: Param, word: str) -> str:
    for known in param.words:
        if known.lower() == word.lower():
            return known
    raise FaultError(
        tr("{word!r} is not a {name}{instead}", word=word, name=param.name, instead=instead(word.upper(), param.words))
    )


def write(param: Param, value: Value) -> str:
    """A parameter's value as people write it: `300ms`, `32KB/s`, `LOADING`."""
    if param.unit == "time":
        return write_time(float(value))
    if param.unit in ("rate", "bytes"):
        size, suffix = float(value), "/s" if param.unit == "rate" else ""
        for unit, name in ((1e6, "MB"), (1e3, "KB")):
            if size >= unit and float(f"{size / unit:.6g}") * unit == size:
                return f"{size / unit:.6g}{name}{suffix}"
        return f"{size:.12g}B{suffix}"
    return f"{value}" if param.unit == "word" else f"{int(value)}"


def _next(rest: Iterator[str], wanted: str) -> str:
    word = next(rest, None)
    if word is None:
        raise FaultError(wanted)
    return word


def _example(kind: Kind) -> str:
    target = {"link": "payments->provider", "pair": "orders<->broker", "process": "payments"}[kind.scope]
    value = f" {write(kind.params[0], kind.params[0].default)}" if kind.params else ""
    return f"`{kind.name} {target}{value}`"


def _tail(kind: Kind) -> str:
    parts = [tr('N%, xN, on "PATTERN"')] if kind.selective else []
    parts += [] if kind.instant else [tr("for 30s")]
    return tr(" or ").join(parts) or tr("nothing more")
