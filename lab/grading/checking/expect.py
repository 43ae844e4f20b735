"""What a check can say: something must hold, must come to hold, must never hold, or cannot be told.

A check raises nothing else. Any other exception is the lab's own fault and is never blamed on the learner.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from lab.grading.model import DAMAGE
from lab.locale import tr

if TYPE_CHECKING:
    from lab.grading.instruments.http import Answer

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., None])
About: TypeAlias = "str | Answer"
"""An id (of an order, a request, a message; a learner's may be a number), or an answer whose request is meant."""

LONGEST = 600
"""Characters of `expected` and `got` that are shown."""
POLL = 0.02
"""Seconds between two looks at what is awaited."""


class BehaviourFailed(Exception):
    """The behaviour does not hold. `expected` and `got` are for people, `code` names the failure for programs, and
    `service` is who is asked by the `command` that shows it."""

    def __init__(self, expected: str, got: str, code: str, about: Iterable[About] = (), command: str = "") -> None:
        super().__init__(f"{expected}; got {got}")
        about = tuple(about)
        commands = [(one.curl, one.service) for one in about if hasattr(one, "curl") and hasattr(one, "service")]
        self.expected = _capped(expected)
        self.got = _capped(got)
        self.code = code
        self.about = tuple(str(getattr(one, "request_id", one)) for one in about)
        self.command, self.service = (command, "") if command or not commands else commands[-1]


class CannotTell(Exception):
    """Nothing can be said about the behaviour: the system never became healthy, or evidence is missing."""


class Attention:
    """Receives what a check is waiting for, what it remarks and what it measures. One grading at a time sets it."""

    waiting: Callable[[str, float], None] = staticmethod(lambda _text, _seconds: None)
    warned: Callable[[str], None] = staticmethod(lambda _text: None)
    measured: Callable[[str, float], None] = staticmethod(lambda _name, _value: None)


def behaviour(ident: str, *, start: bool = True, limit: int | None = None) -> Callable[[Function], Function]:
    """Marks a check with the behaviour that it proves. With `start` false the check starts the services itself. One
    that may take longer than others says after how many seconds it is stopped."""

    import pytest  # only checks need it, and who looks at exercises should not wait for it

    def marked(function: Function) -> Function:
        made: Function = pytest.mark.behaviour(ident, start=start, limit=limit)(function)
        return made

    return marked


def borrowed(ident: str, check: Function) -> Function:
    """A check of another exercise, which proves this behaviour here: `check_x = borrowed("C2", other.check_x)`."""

    @wraps(check)
    def here(*arguments: Any, **named: Any) -> None:
        check(*arguments, **named)

    (mark,) = here.__dict__.pop("pytestmark")
    return behaviour(ident, **mark.kwargs)(here)  # type: ignore[return-value]


def expect(
    ok: object, expected: str, *, got: object, code: str, about: Iterable[About] = (), command: str = ""
) -> None:
    """Raise BehaviourFailed unless `ok`. `expected` and `got` are in domain words, with ids and numbers."""
    if not ok:
        raise BehaviourFailed(expected, tr("nothing") if got is None else str(got), code, tuple(about), command)


def cannot_tell(reason: str) -> None:
    """Raise CannotTell: the verdict is unknown."""
    raise CannotTell(reason)


def warn(text: str) -> None:
    """Remark something that does not fail the behaviour."""
    Attention.warned(text)


def measured(figure: str, value: float) -> None:
    """Report the value of a figure of the exercise; it decides nothing. The last value of a grading counts."""
    Attention.measured(figure, float(value))


def suffered(spoilt: Sequence[About], of: int, expected: str) -> None:
    """Under an attack so many of what customers asked for were spoilt: its figure is the damage, in percent."""
    measured(DAMAGE, 100 * len(spoilt) / of)
    got = tr("{count} of {of} were spoilt, such as {one}", count=len(spoilt), of=of, one=spoilt[0] if spoilt else "")
    expect(not spoilt, expected, got=got, code="harmed", about=spoilt[:1])


def eventually(
    probe: Callable[[], T],
    awaiting: str,
    within: float = 20.0,
    *,
    code: str | Callable[[], str] = "never-happened",
    got: Callable[[], object] | None = None,
    about: Iterable[About] = (),
) -> T:
    """Call `probe` until its answer is true, and return the answer.

    Raises BehaviourFailed after `within` seconds with what was awaited, how long, and what came instead (`got()`, or
    the probe's last answer). A `code` that is called then tells what was seen.
    """
    began = time.monotonic()
    while True:
        last = probe()
        if last:
            return last
        waited = time.monotonic() - began
        if waited > within:
            instead = got() if got else last
            raise BehaviourFailed(
                awaiting,
                tr("waited {waited:.1f} s; at last: {last}", waited=waited, last=_in_words(instead)),
                code() if callable(code) else code,
                tuple(about),
            )
        Attention.waiting(awaiting, waited)
        time.sleep(POLL)


def never(
    probe: Callable[[], object],
    unwanted: str,
    *,
    fence: Callable[[], object] | None = None,
    quiet: float = 0.3,
    code: str = "happened",
    about: Iterable[About] = (),
) -> None:
    """Fail if `probe` becomes true before the system has come to rest.

    `fence` runs first: it sends something harmless the same way and returns when its effect shows, so everything before
    it has passed. Then `probe` must stay false for `quiet` seconds.
    """
    if fence:
        fence()
    until = time.monotonic() + quiet
    while True:
        if seen := probe():
            raise BehaviourFailed(tr("never: {unwanted}", unwanted=unwanted), _in_words(seen), code, tuple(about))
        if time.monotonic() > until:
            return
        time.sleep(POLL)


def within(seconds: float, probe: Callable[[], object]) -> bool:
    """Whether the probe's answer becomes true in this time."""
    until = time.monotonic() + seconds
    while not (true := bool(probe())) and time.monotonic() < until:
        time.sleep(POLL)
    return true


def stays(probe: Callable[[], object], seconds: float = 0.5) -> bool:
    """Whether the probe's answer stays true for so many seconds."""
    return not within(seconds, lambda: not probe())


def sample_twice(measure: Callable[[], T], good: Callable[[T], bool]) -> T:
    """Measure once; if the sample is not good, a fresh second one decides."""
    first = measure()
    return first if good(first) else measure()


def _capped(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return tr("{text} … and {count:,} more characters", text=text[:LONGEST].rstrip(), count=len(text) - LONGEST)


def _in_words(value: Any) -> str:
    if value is None or value is False or value == [] or value == {}:
        return tr("nothing")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
